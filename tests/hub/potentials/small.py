"""Small models with random weights, which compute something but nothing useful."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from ase.build import bulk

from hub.potentials.building import build_potential
from hub.potentials.nequip.onehot import OneHotConfig

if TYPE_CHECKING:
    from ase import Atoms

SMALL = OneHotConfig(
    type_names=("C", "H"),
    r_max=3.0,
    avg_num_neighbors=9.0,
    energy_reference="nothing in particular",
    num_layers=3,
    num_features=4,
)


def random_model(config: OneHotConfig = SMALL, dtype: torch.dtype = torch.float64, seed: int = 1):
    """Build a model whose energies per atom differ by type."""
    model = build_potential(config, seed=seed, dtype=dtype)
    model.set_energy_shifts(dict(zip(config.type_names, (-7.0, -2.5, 1.0), strict=False)))
    return model


def hydrocarbon(seed: int = 0) -> Atoms:
    """Return a rattled, sheared crystal of 16 atoms of both types."""
    rng = np.random.default_rng(seed)
    atoms = bulk("C", cubic=True).repeat((2, 1, 1))
    atoms.symbols[rng.permutation(16)[:6]] = "H"
    atoms.set_cell(atoms.cell @ (np.eye(3) + 0.05 * rng.normal(size=(3, 3))), scale_atoms=True)
    atoms.positions += 0.1 * rng.normal(size=(16, 3))
    return atoms
