"""Import models from NequIP packages."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from hub.errors import IncompatibleModelError, ModelError
from hub.potentials.directory import write_model
from hub.potentials.nequip.package import Package, read_package
from hub.potentials.nequip.rebuilding import rebuild
from hub.potentials.probe import FILE_NAME as PROBE
from hub.potentials.probe import TOLERANCES, predict_probe, read_probe
from registry.documents import MalformedError, damage, fit, parse_json

if TYPE_CHECKING:
    from hub.potentials.config import PotentialConfig
    from hub.potentials.nequip.potential import NequIPPotential

TIMEOUT = 1800.0  # s, for the code of a package to predict the probe structures
_HINT = "Download it again, or rebuild it with nequip-package."


class _OurConfig(Struct):
    """The part of the configuration in our own packages that cannot be inferred from the model."""

    energy_reference: str


def import_package(
    path: Path, directory: Path, *, allow_code: bool = False, timeout: float = TIMEOUT
) -> PotentialConfig:
    """Write a model directory from the model in a NequIP package.

    No code of the package is executed unless `allow_code` is set: the model is rebuilt from
    NequIP's own modules, each of which must be identical.

    Parameters
    ----------
    path
        The package, made by ``nequip-package`` or our own export.
    directory
        An empty directory; its content is unusable if this fails.
    allow_code
        Whether to execute the package in a separate process and compare its predictions.
    timeout
        Time limit for that in seconds.

    Returns
    -------
    The configuration of the model.

    Raises
    ------
    ModelError
        If the package is corrupted, or its own predictions differ.
    IncompatibleModelError
        If its model has an architecture or comes from a release of NequIP that cannot be rebuilt.
    """
    package = read_package(path)
    with damage(path, ModelError, _HINT, "cannot be imported"):
        try:
            potential = rebuild(package.model, _energy_reference(package))
        except (IncompatibleModelError, ModelError) as problem:
            made = ", ".join(f"{name} {version}" for name, version in package.versions.items())
            raise type(problem)(
                f"{path}, made with {made[:100]}, cannot be imported: {problem.message}",
                problem.hint,
            ) from problem
    write_model(directory, potential)
    if allow_code:
        _compare(path, directory, potential, timeout)
    return potential.config


def _energy_reference(package: Package) -> str:
    try:
        return fit(parse_json(package.config), _OurConfig).energy_reference
    except MalformedError:
        return "that of the NequIP package it was imported from"


def _compare(path: Path, directory: Path, potential: NequIPPotential, timeout: float) -> None:
    """Refuse a model whose predictions differ from those of the code in its package.

    Raises
    ------
    ModelError
        If the code fails, takes too long or gives different predictions.
    """
    with tempfile.TemporaryDirectory() as scratch:
        predicted = Path(scratch, PROBE)
        command = [sys.executable, "-P", "-m", "hub.potentials.nequip.own_code"]
        try:
            done = subprocess.run(  # noqa: S603 - whoever passed allow_code asked for it
                [*command, path.absolute(), directory.absolute(), predicted],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ModelError(
                f"the code in {path} did not finish within {timeout:g} s",
                "Import it without --allow-code if you trust that the code is NequIP's.",
            ) from None
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ModelError(
                f"the code in {path} failed: {''.join(last)[:300]}",
                "Import it without --allow-code, or with the versions of NequIP and torch that "
                "made it.",
            )
        theirs = read_probe(predicted)
    ours = predict_probe(potential, theirs.structures)
    sizes = np.array([len(atoms) for atoms in ours.structures])
    energy = np.abs((np.array(ours.energies) - theirs.energies) / sizes).max()
    force = np.abs(np.concatenate(ours.forces) - np.concatenate(theirs.forces)).max()
    allowed_energy, allowed_force = TOLERANCES[potential.dtype]
    if not (energy <= allowed_energy and force <= allowed_force):  # so that a NaN fails
        raise ModelError(
            f"the predictions of the code in {path} differ from those of NequIP's own modules by "
            f"{energy:.1e} eV/atom (allowed {allowed_energy:.0e}) and {force:.1e} eV/Å (allowed "
            f"{allowed_force:.0e})",
            "Its architecture is not what its modules suggest; use it with NequIP itself.",
        )
