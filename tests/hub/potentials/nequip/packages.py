"""NequIP packages, made by NequIP's own builders as ``nequip-package build`` makes them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch
import yaml
from nequip.model import FullNequIPGNNModel, NequIPGNNModel, PresetNequIPGNNModel
from nequip.model.saved_models.load_utils import load_saved_model
from nequip.scripts._package_utils import _EXTERNAL_MODULES, _INTERNAL_MODULES, _MOCK_MODULES
from nequip.utils.versions import get_current_code_versions
from torch.package import PackageExporter

from hub.potentials.batches import collate
from hub.potentials.nequip.potential import NequIPPotential
from hub.potentials.nequip.state import ready_to_build
from hub.potentials.probe import probe_structures
from hub.structures.graphs import build_graph

if TYPE_CHECKING:
    from pathlib import Path

    from hub.potentials.potential import Potential

NOTHING = dict.fromkeys(("energies", "forces", "atomic_energies", "features", "stresses"), 0.0)
PLAIN = {
    "seed": 3,
    "model_dtype": "float32",
    "type_names": ["C", "H"],
    "r_max": 4.0,
    "num_layers": 2,
    "num_features": [6, 4],
    "radial_mlp_width": 8,
    "avg_num_neighbors": 11.3,
}
ZBL = {
    "_target_": "nequip.nn.pair_potential.ZBL",
    "chemical_species": ["C", "H"],
    "units": "metal",
    "polynomial_cutoff_p": 5,
}
FULL = {
    "builder": FullNequIPGNNModel,
    "feature_irreps_hidden": ["4x0e+2x1o", "3x0e+2x1o+2x2e", "5x0e"],
    "irreps_edge_sh": "1x0e+1x1o+1x2e",
    "radial_mlp_depth": [1, 2, 0],
    "radial_mlp_width": [8, 6, 4],
    "type_embed_num_features": 7,
    "num_layers": None,
    "num_features": None,
}
# What each package is built with that others are not.
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "float64 with odd parity": {
        "model_dtype": "float64", "num_layers": 4, "num_features": 3,
        "convnet_nonlinearity_scalars": {"e": "ssp", "o": "abs"},
    },
    "no parity, l_max 2": {"parity": False, "l_max": 2, "num_features": [6, 4, 2]},
    "three elements": {
        "type_names": ["O", "C", "H"], "model_dtype": "float64", "num_layers": 1,
        "per_type_energy_shifts": {"C": -1.0, "H": -2.0, "O": 3.5},
    },
    "trainable scales, cutoffs and neighbours by type, ZBL": {
        "model_dtype": "float64",
        "per_type_energy_scales": {"C": 1.1, "H": 0.5},
        "per_type_energy_shifts": -3.0,
        "per_type_energy_scales_trainable": True,
        "pair_potential": ZBL,
        "per_edge_type_cutoff": {"C": 3.7, "H": {"H": 2.1}},
        "avg_num_neighbors": {"C": 10.0, "H": 7.1},
    },
    "one scale and shift for all": {
        "per_type_energy_scales": 2.5, "per_type_energy_shifts": -1.5, "bessel_trainable": True,
        "readout_mlp_hidden_layers_depth": 1, "readout_mlp_nonlinearity": "mish",
    },
    "trainable shifts, linear read-out": {
        "per_type_energy_shifts": -1.5, "per_type_energy_shifts_trainable": True,
        "readout_mlp_hidden_layers_depth": 2, "readout_mlp_nonlinearity": None,
        "readout_mlp_hidden_layers_width": 3, "polynomial_cutoff_p": 8, "num_bessels": 5,
    },
    "norms instead of gates": {
        "num_layers": 3, "num_features": 4, "parity": False,
        "convnet_nonlinearity_type": "norm",
        "convnet_nonlinearity_scalars": {"e": "tanh", "o": "tanh"},
        "convnet_resnet": True, "learnable_shift": True,
    },
    "no self-connections": {"convnet_sc": False, "num_layers": 3, "radial_mlp_depth": 0},
    "a preset": {
        "builder": PresetNequIPGNNModel, "preset": "S", "num_features": None, "num_layers": None
    },
    "layers of their own": FULL,
}  # fmt: skip


# Lets torch compile C++ without optimising it, which takes the longest.
UNOPTIMISED = {"AOT_INDUCTOR_DEBUG_COMPILE": "1"}


def stock_network(**changes: Any) -> torch.nn.Module:
    """Build a model with NequIP; a setting that is None is left to the builder."""
    settings = {**PLAIN, **changes}
    builder = settings.pop("builder", NequIPGNNModel)
    dtype = getattr(torch, settings["model_dtype"])
    kept = {"readout_mlp_nonlinearity"} & set(changes)
    settings = {k: v for k, v in settings.items() if v is not None or k in kept}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with ready_to_build(dtype):
            network = builder(**settings)
    with torch.no_grad():  # as training would change it
        for name, parameter in network.named_parameters():
            if name.endswith(("bessel_weights", "scales", "shifts")):
                parameter.add_(0.1 * torch.arange(1.0, parameter.numel() + 1).view_as(parameter))
    return network


def write_package(path: Path, models: dict[str, torch.nn.Module], **metadata: Any) -> Path:
    """Write a package of some models, in the layout of NequIP's own."""
    about = {
        "versions": get_current_code_versions(verbose=False),
        "package_version_id": 2,
        "available_models": ["eager"],
        **metadata,
    }
    with warnings.catch_warnings(), PackageExporter(path) as exporter:
        warnings.simplefilter("ignore")
        exporter.mock([f"{name}.**" for name in _MOCK_MODULES])
        exporter.extern([f"{name}.**" for name in [*_EXTERNAL_MODULES, "tests", "os", "posix"]])
        exporter.intern([f"{name}.**" for name in _INTERNAL_MODULES])
        exporter.save_text("model", "config.yaml", "model: {_target_: of another package}\n")
        exporter.save_text("model", "package_metadata.txt", yaml.safe_dump(about))
        exporter.save_pickle("model", "eager_model.pkl", torch.nn.ModuleDict(models))
    return path


def stock_package(path: Path, **changes: Any) -> Path:
    """Write a package of a model that NequIP builds."""
    return write_package(path, {"sole_model": stock_network(**changes)})


def largest_differences(path: Path, potential: Potential) -> dict[str, float]:
    """Compare a potential with what NequIP computes with a package, on the probe structures."""
    official = load_saved_model(path)
    for module in official.modules():
        if hasattr(module, "do_derivatives"):
            module.do_derivatives = True
    official = NequIPPotential(potential.config, official.eval())
    structures = probe_structures(potential.elements)
    graphs = [build_graph(atoms, potential.elements, potential.cutoff) for atoms in structures]
    ours, theirs = potential(collate(graphs)), official(collate(graphs))
    periodic = [n for n, atoms in enumerate(structures) if atoms.pbc.any()]
    off = {
        name: (getattr(ours, name) - getattr(theirs, name)).abs().max().item()
        for name in ("energies", "forces", "atomic_energies", "features")
    }
    return {**off, "stresses": (ours.stresses - theirs.stresses)[periodic].abs().max().item()}
