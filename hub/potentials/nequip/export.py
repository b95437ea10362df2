"""Export a model as a NequIP package, which requires only NequIP.

A package is the archive that ``nequip-package build`` makes: code, weights and example data in
one ``.nequip.zip``. NequIP can continue training from it, its ASE calculator loads it, and
``nequip-compile`` turns it into a file for ASE or LAMMPS. NequIP builds packages only from its own
training checkpoints, so the archive is written here, in the same layout.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import torch
import yaml
from nequip.model.saved_models.load_utils import load_saved_model
from nequip.model.utils import override_model_compile_mode
from nequip.scripts._package_utils import _EXTERNAL_MODULES, _INTERNAL_MODULES, _MOCK_MODULES
from nequip.train.lightning import _SOLE_MODEL_KEY
from nequip.utils.versions import get_current_code_versions
from nequip.utils.versions.version_utils import get_version_safe
from torch.package.package_exporter import PackageExporter

from hub.errors import ModelError
from hub.potentials import probe as probe_file
from hub.potentials.batches import collate
from hub.potentials.building import build_potential
from hub.potentials.directory import read_model
from hub.potentials.nequip.onehot import EXPORTS
from hub.potentials.nequip.potential import graph_of
from hub.potentials.probe import read_probe, verify_probe
from hub.structures.graphs import build_graph
from registry.errors import ExistsError
from registry.files import scratch_directory, settle, storage_errors
from registry.outputs import require_file

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

    from hub.potentials.config import PotentialConfig
    from hub.potentials.potential import Potential

SUFFIX = EXPORTS["nequip-package"].ending

_FORMAT = 2  # of nequip-package; importing it from there would reconfigure logging globally
_MODES = ("eager", "compile")
_FOLDER = "model"  # inside the archive


def export_package(
    directory: Path, target: Path, *, dtype: torch.dtype = torch.float64, force: bool = False
) -> None:
    """Write a NequIP package, and verify that it reproduces the model's stored predictions.

    Parameters
    ----------
    directory
        A model directory.
    target
        The file to write atomically; its name must end in ``.nequip.zip``.
    dtype
        The precision in which the package computes: ``torch.float64`` or ``torch.float32``.
    force
        Replace an existing file.

    Raises
    ------
    ExistsError
        If the file exists.
    ModelError
        If the file name has the wrong ending, or the model or the package does not reproduce the
        predictions.
    StorageError
        If the disk is full or cannot be written.
    """
    if not target.name.endswith(SUFFIX):
        raise ModelError(
            f"{target} is not a valid name of a NequIP package", f"It must end in {SUFFIX}."
        )
    if os.path.lexists(target) and not force:
        raise ExistsError(
            f"{target} already exists", "Overwrite it with --force, or choose another name."
        )
    require_file(target)
    potential: Any = read_model(directory, dtype=dtype, accelerated=False)
    probe = read_probe(directory / probe_file.FILE_NAME)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_directory(target.parent) as scratch:
        part = scratch / f"package{SUFFIX}"
        with storage_errors(target), warnings.catch_warnings():
            # Storages and TorchScript are deprecated in torch, but it and e3nn still use them.
            warnings.simplefilter("ignore")
            example = probe.structures[-1].repeat(2)
            _write_package(part, _networks(potential), potential.config, example)
            packaged = type(potential)(potential.config, load_saved_model(part))
            packaged.eval()
            verify_probe(packaged, probe, str(target))
        require_file(target)
        settle(part, target, 0o666)


def _networks(potential: Potential) -> dict[str, torch.nn.ModuleDict]:
    """Build the network in each of the modes that NequIP may request from a package."""
    config, weights = potential.config, potential.weights()
    networks = {}
    for mode in _MODES:
        with override_model_compile_mode(mode):
            built: Any = build_potential(config, dtype=potential.dtype)
        built.set_weights(weights, "the model")
        networks[mode] = torch.nn.ModuleDict({_SOLE_MODEL_KEY: built.network.eval()})
    return networks


def _write_package(
    path: Path, networks: dict[str, torch.nn.ModuleDict], config: PotentialConfig, example: Atoms
) -> None:
    metadata = {
        "versions": get_current_code_versions(verbose=False),
        "external_modules": {name: get_version_safe(name) for name in sorted(_EXTERNAL_MODULES)},
        "package_version_id": _FORMAT,
        "available_models": list(networks),
        "atom_types": dict(enumerate(config.type_names)),
    }
    graph = build_graph(example, config.type_names, config.r_max)
    with PackageExporter(path) as exporter:
        exporter.mock([f"{name}.**" for name in _MOCK_MODULES])
        exporter.extern([f"{name}.**" for name in _EXTERNAL_MODULES])
        exporter.intern([f"{name}.**" for name in _INTERNAL_MODULES])
        exporter.save_pickle(_FOLDER, "example_data.pkl", graph_of(collate([graph])))
        exporter.save_text(_FOLDER, "config.yaml", config.to_json())  # JSON is YAML
        exporter.save_text(_FOLDER, "package_metadata.txt", yaml.safe_dump(metadata))
        for mode, network in networks.items():
            exporter.save_pickle(_FOLDER, f"{mode}_model.pkl", network)
