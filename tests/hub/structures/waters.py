"""Three water molecules in a skewed cell, with labels, to be written in any format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

from hub.structures import StructureSet

if TYPE_CHECKING:
    from ase import Atoms as AtomsType

CELL = np.array([[6.0, 0, 0], [0.5, 5, 0], [0, 0, 7]])


def waters(count: int = 3) -> list[AtomsType]:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(count):
        atoms = molecule("H2O", cell=CELL, pbc=True)
        atoms.positions = (atoms.positions + 0.05 * rng.normal(size=(3, 3)) + 2).round(6)
        energy, forces = -14 + rng.normal(), rng.normal(size=(3, 3)).round(6)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        frames.append(atoms)
    return frames


def assert_same(read: StructureSet, frames: list[AtomsType], cells: bool = True) -> None:
    expected = StructureSet.from_atoms(frames)
    np.testing.assert_array_equal(read.numbers, expected.numbers)
    np.testing.assert_allclose(read.positions, expected.positions, atol=1e-6)
    np.testing.assert_allclose(read.energies, expected.energies, rtol=1e-7)
    np.testing.assert_allclose(read.forces, expected.forces, atol=1e-5)
    if cells:
        np.testing.assert_allclose(read.cells, expected.cells, atol=1e-6)
        np.testing.assert_array_equal(read.pbc, expected.pbc)


def arrays(frames: list[AtomsType]) -> dict[str, np.ndarray]:
    return {
        "positions": np.array([a.positions for a in frames]),
        "energy": np.array([a.get_potential_energy() for a in frames]),
        "forces": np.array([a.get_forces() for a in frames]),
    }
