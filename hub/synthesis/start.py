"""Random start structures: atoms of a formula in a cubic cell with a minimum distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, covalent_radii
from ase.formula import Formula
from ase.units import kg

from hub.errors import SynthesisError

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray, IntArray

# Of the sum of two covalent radii; 1.0 Å for carbon, as for C-SYNTH-23M.
NEAREST_AT_START = 0.66
_GRAMS_PER_CM3 = 1e-3 * kg / 1e24  # in u/Å^3
# Å^3 of an atom with a covalent radius of r Å: 10 + 3 r^3. In 47 elements and compounds from H2O to
# Cu3Au, volumes are within a factor of 2.2 of this.
_SMALLEST, _GROWTH = 10.0, 3.0
_TRIALS = 10_000


def counts_of(formula: str) -> dict[str, int]:
    """Return the number of atoms of each element in a chemical formula.

    Raises
    ------
    SynthesisError
        If it is not a chemical formula.
    """
    hint = "Give an element or a compound, e.g. C or MoS2."
    try:
        counts: dict[str, int] = Formula(formula).count()
    except ValueError as problem:
        raise SynthesisError(f"'{formula}' is not a chemical formula", hint) from problem
    unknown = [symbol for symbol in counts if not atomic_numbers.get(symbol)]
    if unknown:
        raise SynthesisError(f"'{formula}': {unknown[0]} is not a chemical element", hint)
    if not counts or min(counts.values()) < 1:
        raise SynthesisError(f"'{formula}' is not a chemical formula", hint)
    return counts


def whole_units(formula: str, n_atoms: float) -> int:
    """Return a number of atoms near `n_atoms` that is a whole number of formula units."""
    unit = sum(counts_of(formula).values())
    return unit * max(1, round(n_atoms / unit))


def numbers_of(formula: str, n_atoms: int) -> IntArray:
    """Return (n_atoms,) the atomic numbers of some formula units, one element after the other."""
    counts = counts_of(formula)
    units = n_atoms // sum(counts.values())
    kinds = [atomic_numbers[symbol] for symbol in counts]
    return np.repeat(kinds, [units * count for count in counts.values()])


def density_of(atoms: Atoms) -> float:
    """Return the density of a periodic cell, in g/cm³."""
    return float(atoms.get_masses().sum() / atoms.get_volume() / _GRAMS_PER_CM3)


def first_density(formula: str) -> float:
    """Return a density in g/cm³ from covalent radii, within a factor of about two."""
    numbers = numbers_of(formula, sum(counts_of(formula).values()))
    volumes = _SMALLEST + _GROWTH * covalent_radii[numbers] ** 3
    return float(atomic_masses[numbers].sum() / volumes.sum() / _GRAMS_PER_CM3)


def random_start(formula: str, n_atoms: int, density: float, rng: np.random.Generator) -> Atoms:
    """Return atoms at random positions in a periodic cubic cell.

    Parameters
    ----------
    formula
        An element or a compound.
    n_atoms
        Number of atoms: a whole number of formula units.
    density
        In g/cm³.
    rng
        Random numbers for the positions.

    Raises
    ------
    SynthesisError
        If the cell is too dense for the minimum distance.
    """
    numbers = numbers_of(formula, n_atoms)
    length = (atomic_masses[numbers].sum() / (density * _GRAMS_PER_CM3)) ** (1 / 3)
    radii = NEAREST_AT_START * covalent_radii[numbers]
    positions = np.empty((n_atoms, 3))
    for index in range(n_atoms):
        place = _free_place(positions[:index], radii[:index] + radii[index], length, rng)
        if place is None:
            raise SynthesisError(
                f"{density:g} g/cm³ is too dense for random {formula} atoms that keep "
                f"{NEAREST_AT_START:g} of a bond length apart",
                "Choose a lower density.",
            )
        positions[index] = place
    return Atoms(numbers, positions, cell=[length] * 3, pbc=True)


def _free_place(
    taken: FloatArray, nearest: FloatArray, length: float, rng: np.random.Generator
) -> FloatArray | None:
    """Return a random place with given distances from the taken ones; None if none is found."""
    for _ in range(_TRIALS):
        place: FloatArray = rng.random(3) * length
        apart = taken - place
        apart -= length * np.rint(apart / length)
        if ((apart**2).sum(axis=1) >= nearest**2).all():
            return place
    return None
