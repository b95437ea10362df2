"""The potentials that the conformance suite looks at, and structures that suit each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from hub.potentials.architectures import architecture, known_architectures
from hub.potentials.batches import collate
from hub.potentials.building import build_potential
from hub.potentials.chgnet import CHGNetConfig
from hub.potentials.nequip.onehot import OneHotConfig
from hub.potentials.nequip.stock import StockConfig
from hub.potentials.sevennet import SevenNetConfig
from hub.potentials.sevennet.modal import SevenNetModalConfig
from hub.potentials.tensornet import TensorNetConfig
from hub.structures.graphs import build_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.config import PotentialConfig
    from hub.potentials.potential import Output, Potential

# One small configuration of every architecture that does not consist of others.
SMALL: dict[str, PotentialConfig] = {
    "nequip": StockConfig(
        ("C", "H", "O"),
        3.5,
        12.0,
        "nothing",
        cutoffs=((3.5, 3.0, 3.5), (3.1, 2.5, 3.0), (3.5, 3.0, 3.4)),
        neighbors_per_type=(12.0, 9.0, 10.0),
        num_layers=2,
        num_features=(4, 3),
        radial_mlp_width=8,
        num_bessels=4,
        readout_depth=1,
    ),
    "nequip-onehot": OneHotConfig(
        ("C", "H", "O"), 3.5, 12.0, "nothing", num_layers=2, num_features=4, num_bessels=4
    ),
    "sevennet": SevenNetConfig(
        ("C", "H", "O"), 3.5, 12.0, "nothing", num_layers=2, channels=(6, 4, 2), num_bessels=4,
        radial_mlp_width=8,
    ),
    "sevennet-modal": SevenNetModalConfig(
        ("C", "H", "O"), 3.5, 12.0, "nothing", num_layers=2, channels=(6, 4, 2), num_bessels=4,
        radial_mlp_width=8, modals=("PBE", "r2SCAN", "HSE06"), modal="r2SCAN",
    ),
    "chgnet": CHGNetConfig(
        ("C", "H", "O"), 3.5, 1.0, "nothing", num_layers=3, width=6, num_radial=5, num_angular=5,
        angle_cutoff=2.6, readout_depth=2,
    ),
    "tensornet": TensorNetConfig(("C", "H", "O"), 3.5, 1.0, "nothing", width=6),
}  # fmt: skip
# Those whose potentials cannot be scaled in length.
RIGID = {"sevennet", "sevennet-modal", "chgnet", "tensornet"}
# Published models of every architecture that has some, which need no network here.
PUBLISHED = {
    "nequip-onehot": "c-edip-pretrained",
    "sevennet": "sevennet-0",
    "sevennet-modal": "sevennet-mf-0-r2scan",
    "chgnet": "chgnet-0.3.0",
    "tensornet": "tensornet-matpes-pbe",
}
# Those whose packages are installed.
INSTALLED = [
    name for name in known_architectures() if name in SMALL and not architecture(name).missing()
]
# Those whose potentials can be trained.
TRAINABLE = [name for name in INSTALLED if architecture(name).is_trainable]


def random_potential(name: str, dtype: torch.dtype = torch.float64) -> Potential:
    """Return a potential with random weights, and scales and shifts of its own."""
    potential = build_potential(SMALL[name], dtype=dtype, seed=3)
    potential.set_energy_scales(1.7)
    shifts = {element: -2.0 - number for number, element in enumerate(potential.elements)}
    potential.set_energy_shifts(shifts)
    return potential.eval()


def some_elements(potential: Potential) -> list[str]:
    """Return up to three elements that a potential knows.

    Large atoms if it knows them: their crystals have fewer neighbours within a cutoff.
    """
    known = potential.elements
    for elements in (("Mg", "Al", "Si"), ("C", "H", "O")):
        if chosen := [element for element in elements if element in known]:
            return chosen
    return list(known[:3])


def crystal(potential: Potential, seed: int = 0) -> Atoms:
    """Return a rattled, sheared crystal of 8 atoms, of up to three elements."""
    rng = np.random.default_rng(seed)
    elements = some_elements(potential)
    radius = float(np.mean([covalent_radii[atomic_numbers[each]] for each in elements]))
    corners = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]]) / 4
    scaled = np.concatenate([corners, corners + 0.25])
    cell = 2.3 * radius * 4 / np.sqrt(3) * (np.eye(3) + 0.05 * rng.normal(size=(3, 3)))
    positions = scaled @ cell + 0.08 * radius * rng.normal(size=(8, 3))
    symbols = [elements[number % len(elements)] for number in range(8)]
    return Atoms(symbols, positions, cell=cell, pbc=True)


def molecule(potential: Potential) -> Atoms:
    """Return three atoms without a cell."""
    first, *others = some_elements(potential)
    symbols = [first, (others or [first])[0], (others or [first])[-1]]
    radii = [covalent_radii[atomic_numbers[each]] for each in symbols]
    x, y = 1.1 * (radii[0] + radii[1]), 1.15 * (radii[0] + radii[2])
    return Atoms(symbols, [[0, 0, 0], [x, 0.1, 0], [-0.3, y, 0.2]])


def outputs(potential: Potential, structures: Sequence[Atoms]) -> Output:
    """Predict some structures in one batch."""
    graphs = [build_graph(atoms, potential.elements, potential.cutoff) for atoms in structures]
    return potential(collate([graph.to(potential.device) for graph in graphs]))


def numbers(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as float64 numbers."""
    return tensor.detach().cpu().double().numpy()
