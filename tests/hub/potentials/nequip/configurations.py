"""Configurations that together have every setting that the compiled networks know."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import torch
from ase import Atoms

from hub.potentials.batches import LabelledBatch, collate
from hub.potentials.building import build_accelerated, build_potential
from hub.potentials.nequip.onehot import OneHotConfig
from hub.potentials.nequip.stock import StockConfig
from hub.structures.graphs import build_graph
from tests.hub.potentials.small import hydrocarbon

_COMMON = {"r_max": 3.2, "avg_num_neighbors": 7.3, "energy_reference": "none", "num_layers": 2}
_STOCK = StockConfig(
    type_names=("C", "H"), l_max=1, num_features=4, radial_mlp_width=5, num_bessels=3, **_COMMON
)
_ONE_HOT = OneHotConfig(
    type_names=("C", "H"), num_features=3, radial_mlp_width=4, num_bessels=4, readout_width=3,
    **_COMMON,
)  # fmt: skip

CONFIGURATIONS = {
    "one-hot": _ONE_HOT,
    "one-hot-deep": _ONE_HOT.with_changes(
        type_names=("H", "O", "C"), radial_mlp_depth=3, l_max=2, parity=False, num_features=1
    ),
    "one-hot-shallow": _ONE_HOT.with_changes(type_names=("H", "C"), radial_mlp_depth=0, l_max=0),
    "stock": _STOCK.with_changes(num_layers=3),
    "types": _STOCK.with_changes(
        type_names=("O", "C", "H"),
        type_embed_num_features=3,
        cutoffs=((3.2, 2.5, 3.0), (2.0, 3.2, 2.9), (2.6, 2.7, 2.4)),
        neighbors_per_type=(3.0, 5.5, 2.0),
        zbl_polynomial_cutoff_p=6.0,
        energy_scales_trainable=True,
        energy_shifts_trainable=True,
    ),
    "symmetric-cutoffs": _STOCK.with_changes(
        cutoffs=((3.2, 2.5), (2.5, 2.8)), zbl_polynomial_cutoff_p=5.0, bessel_trainable=True
    ),
    "residual": _STOCK.with_changes(
        residual_updates=True, learnable_shift=True, num_layers=3, parity=False
    ),
    "no-self-connection": _STOCK.with_changes(
        self_connections=False, l_max=2, num_features=(4, 2, 3), parity=False, radial_mlp_depth=0
    ),
    "norm": _STOCK.with_changes(nonlinearity="norm", readout_depth=1, readout_nonlinearity="mish"),
    "functions": _STOCK.with_changes(
        scalar_nonlinearities={"e": "ssp", "o": "abs"},
        gate_nonlinearities={"e": "tanh", "o": "abs"},
        readout_depth=2,
        readout_width=3,
        readout_nonlinearity="gelu",
        radial_mlp_depth=(2, 1),
        radial_mlp_width=(3, 6),
    ),
    "linear-readout": _STOCK.with_changes(
        readout_depth=1, readout_nonlinearity=None, polynomial_cutoff_p=4.0, num_layers=1
    ),
}


@functools.cache
def built(name: str, dtype: torch.dtype = torch.float64):
    """Return the model that NequIP builds, with scales and shifts that differ by type."""
    config = CONFIGURATIONS[name]
    model = build_potential(config, seed=3, dtype=dtype)
    scales, shifts = model.energy_terms()
    with torch.no_grad():
        scales.copy_(torch.linspace(0.7, 1.3, len(scales)))
        shifts.copy_(torch.linspace(-2.0, 1.0, len(shifts)))
    return model


def compiled(name: str, dtype: torch.dtype = torch.float64):
    """Return the same model, compiled."""
    stock = built(name, dtype)
    model = build_accelerated(stock.config, dtype=dtype)
    model.set_weights(stock.weights(), name)
    assert model.is_compiled
    return model


def batch(config, *, seed: int = 0) -> LabelledBatch:
    """Return a crystal, a molecule, atoms without neighbours and a tiny cell, with labels."""
    tiny = Atoms("C", cell=[[1.9, 0.1, 0], [0, 2.2, 0.3], [0.2, 0, 2.0]], pbc=[True, True, False])
    structures = [
        hydrocarbon(seed),
        Atoms("CH", [[0, 0, 0], [0.2, 0, 1.1]]),
        Atoms("H"),
        Atoms("CC", [[0, 0, 0], [0, 0, 9]], cell=[20, 20, 20], pbc=True),
        tiny,
    ]
    generator = np.random.default_rng(seed)

    def labelled(atoms: Atoms):
        numbers = [generator.normal(size=shape) for shape in ((), (len(atoms), 3), (3, 3))]
        energy, forces, stress = (torch.from_numpy(np.asarray(each)) for each in numbers)
        graph = build_graph(atoms, config.type_names, config.r_max)
        stress = 0.1 * stress if atoms.cell.rank == 3 else torch.full((3, 3), torch.nan)
        return replace(graph, energy=energy.double(), forces=forces, stress=stress.double())

    return collate([labelled(atoms) for atoms in structures])
