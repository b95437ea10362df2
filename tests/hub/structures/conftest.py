"""Small sets of structures with labels that a simple potential gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from hub.structures import StructureSet

if TYPE_CHECKING:
    from ase import Atoms


def labelled(atoms: Atoms, energy: float, forces: np.ndarray) -> Atoms:
    """Copy a structure and give it labels."""
    copy = atoms.copy()
    copy.calc = SinglePointCalculator(copy, energy=energy, forces=forces)
    return copy


def copper(count: int, seed: int = 0, rattle: float = 0.15) -> list[Atoms]:
    """Return rattled copper crystals of 32 atoms, labelled by EMT."""
    rng = np.random.default_rng(seed)
    structures = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True).repeat(2)
        atoms.set_cell(atoms.cell * (1 + 0.02 * rng.normal()), scale_atoms=True)
        atoms.positions += rattle * rng.normal(size=(32, 3))
        atoms.calc = EMT()
        structures.append(labelled(atoms, atoms.get_potential_energy(), atoms.get_forces()))
    return structures


@pytest.fixture(scope="session")
def crystals() -> StructureSet:
    """30 rattled copper crystals."""
    return StructureSet.from_atoms(copper(30))
