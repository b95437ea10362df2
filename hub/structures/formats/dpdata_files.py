"""Outputs that the package dpdata reads and ASE does not."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError
from hub.structures.formats.convergence import count_unconverged

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

_CP2K = "cp2k/output"
# Text near the beginning of a file, with dpdata's name of the format and ours.
_FORMATS = {
    re.compile(r"^\s*CP2K\| ", re.MULTILINE): (_CP2K, "output of CP2K"),
    re.compile(r"SIESTA", re.IGNORECASE): ("siesta/output", "output of SIESTA"),
    re.compile(r"\A\s*\d+\s+atoms,?\s*Iteration"): ("pwmat/movement", "MOVEMENT of PWmat"),
}


def recognises(file: Opened) -> bool:
    """Whether it is one of these formats."""
    return _kind(file) is not None


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:
    """Yield the structures of an output."""
    kind = _kind(file)
    if kind is None:
        return
    name, title = kind
    try:
        import dpdata
    except ImportError as failure:
        raise DataError(
            f"is the {title}; reading it requires the package dpdata, which is not installed",
            'Install it: pip install "mlip-hub[formats]"',
        ) from failure
    # dpdata warns about what it skips.
    with file.plain() as path, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        system: Any = dpdata.LabeledSystem(str(path), fmt=name)
        if name == _CP2K:
            with path.open(encoding="utf-8", errors="replace") as lines:
                left_out = count_unconverged(lines, "cp2k-output")
            if left_out:
                notes[f"skipped {left_out} structures of {file.name} that did not converge"] = None
    notes.update(dict.fromkeys(f"dpdata: {warning.message}" for warning in warned))
    if not len(np.shape(system.data["energies"])) or not len(system.data["energies"]):
        raise DataError(
            f"is the {title}, but contains no finished structure with energy and forces",
            "Did its electronic steps converge, and were forces requested?",
        )
    yield from _structures(system.data)


def _structures(data: dict[str, Any]) -> Iterator[Atoms]:
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    # Kinds of atoms of one element are numbered: Fe1, Fe2.
    names = [re.sub(r"[^A-Za-z].*", "", name).capitalize() for name in data["atom_names"]]
    symbols = [names[kind] for kind in data["atom_types"]]
    for index, positions in enumerate(data["coords"]):
        atoms = Atoms(symbols, positions, cell=data["cells"][index], pbc=not data.get("nopbc"))
        labels = {"energy": float(data["energies"][index]), "forces": data["forces"][index]}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        yield atoms


def _kind(file: Opened) -> tuple[str, str] | None:
    beginning = file.text[:20_000]
    return next((kind for sign, kind in _FORMATS.items() if sign.search(beginning)), None)
