"""Local structure: radial distribution, coordination and bond angles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.geometry import BOND_DISTANCE, check_cells
from hub.structures.neighbours import neighbour_search, two_of_each_centre

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.structures.arrays import FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

FARTHEST = 6.0  # Å, of the radial distribution
MOST_NEIGHBOURS = 12  # and more
_BIN = 0.02  # Å
_N_BINS = round(FARTHEST / _BIN)
_N_ANGLES = 180  # one a degree
_AMU_PER_A3 = 1.66053906660  # g/cm³


@dataclass(frozen=True, eq=False)
class LocalStructure:
    """The atomic environments of S structures with E elements.

    Two atoms are bonded if they are closer than 1.3 times the sum of their covalent radii, as in
    `hub.structures.checks`.

    Attributes
    ----------
    elements
        (E,) chemical symbols.
    bonded_below
        (E, E) distances below which two atoms are bonded, in Å.
    pair_counts
        (E, E, 300) pairs in bins of 0.02 Å, of fully periodic structures, each from both ends.
    pairs_expected
        (E, E, 300) pairs expected for a random distribution of the atoms in the same cells.
    bond_lengths
        (E, E) means in Å; NaN where there are no bonds.
    angle_counts
        (E, 180) angles between two bonds in bins of a degree, by the element at the apex.
    coordination
        (S, E, 13) number of atoms with 0, 1, ... bonds; the last with 12 or more.
    usable
        (S,) false for structures that are skipped because no neighbour list can be built.
    """

    elements: tuple[str, ...]
    bonded_below: FloatArray
    pair_counts: FloatArray
    pairs_expected: FloatArray
    bond_lengths: FloatArray
    angle_counts: IntArray
    coordination: IntArray
    usable: np.ndarray

    @property
    def distances(self) -> FloatArray:
        """(300,) centres of the bins of distances, in Å."""
        return _BIN * (np.arange(_N_BINS, dtype=np.float64) + 0.5)

    @property
    def angles(self) -> FloatArray:
        """(180,) centres of the bins of angles, in degrees."""
        return np.arange(_N_ANGLES, dtype=np.float64) + 0.5

    @cached_property
    def radial_distribution(self) -> FloatArray:
        """(E, E, 300) g(r) of each pair of elements; NaN if no periodic structure has both."""
        return _ratio(self.pair_counts, self.pairs_expected)

    @cached_property
    def total_radial_distribution(self) -> FloatArray:
        """(300,) g(r) of all atoms; NaN without a periodic structure."""
        return _ratio(self.pair_counts.sum((0, 1)), self.pairs_expected.sum((0, 1)))

    @cached_property
    def angle_distribution(self) -> FloatArray:
        """(E, 180) fraction of the angles at atoms of an element, per degree; NaN without any."""
        return _ratio(self.angle_counts, self.angle_counts.sum(axis=1, keepdims=True))

    @cached_property
    def coordination_fractions(self) -> FloatArray:
        """(E, 13) fraction of the atoms of an element with 0, 1, ... bonds."""
        counts = self.coordination.sum(axis=0)
        return _ratio(counts, counts.sum(axis=1, keepdims=True))


def local_structure(
    structures: StructureSet, progress: Callable[[int, int | None], None] | None = None
) -> LocalStructure:
    """Analyse the environments of all atoms.

    Parameters
    ----------
    structures
        S structures. Those that are not periodic in three directions have no radial distribution.
    progress
        Called with the number of structures done, and their total.
    """
    from ase.data import covalent_radii

    neighbour_list = neighbour_search(FARTHEST, full_list=False)
    n_elements = len(structures.elements)
    radii = covalent_radii[structures.atomic_numbers]
    bonded_below = BOND_DISTANCE * (radii[:, None] + radii)
    species = _species(structures)
    volumes = cell_volumes(structures)
    usable = check_cells(structures)[1]

    pairs = np.zeros(n_elements**2 * _N_BINS)
    per_volume = np.zeros((n_elements, n_elements))
    lengths, bonds = np.zeros((2, n_elements**2))
    angles = np.zeros(n_elements * _N_ANGLES, np.int64)
    coordination = np.zeros((len(structures), n_elements, MOST_NEIGHBOURS + 1), np.int64)
    for done, index in enumerate(np.flatnonzero(usable).tolist(), start=1):
        own = structures.atoms_of(index)
        first, second, distances, ways = neighbour_list.compute(
            structures.positions[own], structures.cells[index], structures.pbc[index], "ijdD"
        )
        kinds = species[own]
        two_kinds = kinds[first] * n_elements + kinds[second]
        if np.isfinite(volumes[index]):
            places = np.minimum((distances / _BIN).astype(np.int64), _N_BINS - 1)
            pairs += np.bincount(two_kinds * _N_BINS + places, minlength=len(pairs))
            counts = structures.composition[index]
            per_volume += np.outer(counts, counts) / volumes[index]
        bonded = distances < bonded_below.ravel()[two_kinds]
        lengths += np.bincount(two_kinds[bonded], distances[bonded], len(lengths))
        bonds += np.bincount(two_kinds[bonded], minlength=len(bonds))
        centres, ways = _both_ends(first[bonded], second[bonded], ways[bonded])
        neighbours = np.minimum(np.bincount(centres, minlength=len(kinds)), MOST_NEIGHBOURS)
        coordination[index] = _table(kinds, neighbours, n_elements, MOST_NEIGHBOURS + 1)
        apexes, opened = _angles(centres, ways)
        angles += _table(kinds[apexes], opened, n_elements, _N_ANGLES).ravel()
        if progress is not None:
            progress(done, len(structures))

    edges = np.arange(_N_BINS + 1) * _BIN
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    shape = (n_elements, n_elements)
    return LocalStructure(
        structures.elements,
        bonded_below,
        _from_both_ends(pairs.reshape(*shape, _N_BINS)),
        per_volume[..., None] * shells,
        _ratio(_from_both_ends(lengths.reshape(shape)), _from_both_ends(bonds.reshape(shape))),
        angles.reshape(n_elements, _N_ANGLES),
        coordination,
        usable,
    )


def cell_volumes(structures: StructureSet) -> FloatArray:
    """Return (S,) volumes in Å³; NaN if a structure is not periodic in three directions."""
    volumes = np.abs(np.linalg.det(structures.cells))
    return np.where(structures.pbc.all(axis=1) & (volumes > 0), volumes, np.nan)


def mass_densities(structures: StructureSet) -> FloatArray:
    """Return (S,) densities in g/cm³; NaN if a structure is not periodic in three directions."""
    from ase.data import atomic_masses

    masses = structures.composition @ atomic_masses[structures.atomic_numbers]
    densities: FloatArray = _AMU_PER_A3 * masses / cell_volumes(structures)
    return densities


def bonds_title(bonds: int) -> str:
    """Format a number of bonds; the largest stands for all higher ones."""
    return f"≥{bonds}" if bonds == MOST_NEIGHBOURS else str(bonds)


def _species(structures: StructureSet) -> IntArray:
    """Return (A,) the index of each atom's element in `elements`."""
    order = np.argsort(structures.atomic_numbers)
    sorted_numbers = structures.atomic_numbers[order]
    return order[np.searchsorted(sorted_numbers, structures.numbers)]


def _both_ends(
    first: np.ndarray, second: np.ndarray, ways: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Turn a half list of bonds into a full one, sorted by its centres."""
    centres = np.concatenate([first, second]).astype(np.int64)
    order = np.argsort(centres, kind="stable")
    return centres[order], np.concatenate([ways, -ways])[order]


def _angles(centres: IntArray, ways: FloatArray) -> tuple[IntArray, IntArray]:
    """Return (T,) the apex of every angle between two bonds, and its bin."""
    first, second = two_of_each_centre(centres)
    directions = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    cosines = np.einsum("ij,ij->i", directions[first], directions[second]).clip(-1, 1)
    degrees = np.degrees(np.arccos(cosines)).astype(np.int64)
    return centres[first], np.minimum(degrees, _N_ANGLES - 1)


def _table(rows: IntArray, columns: IntArray, n_rows: int, n_columns: int) -> IntArray:
    """Count how often each row and column occur together."""
    return np.bincount(rows * n_columns + columns, minlength=n_rows * n_columns).reshape(
        n_rows, n_columns
    )


def _from_both_ends(halves: FloatArray) -> FloatArray:
    """Count (E, E, ...) pairs of a half list from both ends."""
    return halves + halves.swapaxes(0, 1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> FloatArray:
    """Divide; NaN where the divisor is zero."""
    ratio: FloatArray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return ratio
