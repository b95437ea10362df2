"""Random start structures: atoms in a cubic cell with a minimum distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, covalent_radii
from ase.units import kg

from hub.errors import SynthesisError

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray

# Of the sum of two covalent radii; 1.0 Å for carbon, as for C-SYNTH-23M.
NEAREST_AT_START = 0.66
_TRIALS = 10_000
_GRAMS_PER_CM3 = 1e-3 * kg / 1e24  # in u/Å^3


def random_start(element: str, n_atoms: int, density: float, rng: np.random.Generator) -> Atoms:
    """Return atoms at random positions in a periodic cubic cell.

    Parameters
    ----------
    element
        A chemical symbol.
    n_atoms
        Number of atoms.
    density
        In g/cm³.
    rng
        Random numbers for the positions.

    Raises
    ------
    SynthesisError
        If the cell is too dense for the minimum distance.
    """
    number = atomic_numbers[element]
    mass = atomic_masses[number] * n_atoms
    length = (mass / (density * _GRAMS_PER_CM3)) ** (1 / 3)
    nearest = NEAREST_AT_START * 2 * covalent_radii[number]
    positions = np.empty((n_atoms, 3))
    for index in range(n_atoms):
        positions[index] = _free_place(positions[:index], length, nearest, rng, element, density)
    return Atoms([number] * n_atoms, positions, cell=[length] * 3, pbc=True)


def _free_place(
    taken: FloatArray,
    length: float,
    nearest: float,
    rng: np.random.Generator,
    element: str,
    density: float,
) -> FloatArray:
    for _ in range(_TRIALS):
        place: FloatArray = rng.random(3) * length
        apart = taken - place
        apart -= length * np.rint(apart / length)
        if not len(taken) or (apart**2).sum(axis=1).min() >= nearest**2:
            return place
    raise SynthesisError(
        f"{density:g} g/cm³ is too dense for random {element} atoms at least {nearest:.2f} Å apart",
        "Choose a lower density.",
    )
