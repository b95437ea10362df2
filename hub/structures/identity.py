"""Whether two structures are the same, independent of the file format.

Two structures are the same if they have the same elements and periodicity, the same lattice vectors
to 0.001 Å, and if one rigid shift, and lattice vectors for each atom, take every atom of one to
within 0.001 Å of an atom of the other, in any order. Labels are ignored. Formats round positions
to 1e-4 Å or less, and wrap them into the cell.

A grid of invariants excludes structures that cannot be the same. It misses none: no invariant
changes by more than the largest displacement of an atom, and neighbouring grid cells are searched
too.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache, cached_property, partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.invariants import are_whole, kinds, periodic_cells, sieves

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

TOLERANCE = 1e-3  # Å
_BOX = 4 * TOLERANCE  # a rigid shift by the mean may cost twice the tolerance


def same_as_before(structures: StructureSet) -> IntArray:
    """Return (S,) the index of the first structure equal to each one; often its own."""
    index = _Index(structures)
    first = np.arange(len(structures))
    for number in range(len(structures)):
        if (known := index.find(index.own, number)) is None:
            index.add(number)
        else:
            first[number] = known
    return first


def is_among(structures: StructureSet, others: StructureSet) -> BoolArray:
    """Return (S,) whether each structure is the same as one of `others`."""
    index = _Index(others)
    for number in range(len(others)):
        index.add(number)
    wanted = _Invariants(structures)
    found = [index.find(wanted, number) is not None for number in range(len(structures))]
    return np.array(found, np.bool_)


def distance_between(structures: StructureSet, one: int, other: int) -> float:
    """Return the largest displacement of an atom between two structures that are the same, in Å."""
    return _distance(_Structure(structures, one), _Structure(structures, other))


class _Structure:
    """One structure with its finer invariants."""

    def __init__(self, structures: StructureSet, number: int) -> None:
        own = structures.atoms_of(number)
        self.numbers = structures.numbers[own]
        self.positions: FloatArray = structures.positions[own]
        self.periodic = structures.pbc[number]
        self.cell = periodic_cells(structures.cells[number], self.periodic)
        self.inverse: FloatArray = np.zeros((3, 3))
        if self.periodic.any():
            self.inverse = np.asarray(np.linalg.pinv(self.cell), np.float64)
        self.weights: FloatArray = self.numbers / max(int(self.numbers.sum()), 1)

    @cached_property
    def finer_sieve(self) -> FloatArray:
        """More numbers like `sieves`: further structure factors, and distances from the centre."""
        planes = np.array([wave for wave in product((-1, 0, 1, 2), repeat=3) if any(wave)])
        planes = planes[~(planes[:, ~self.periodic] != 0).any(axis=1)]
        distances = np.linalg.norm(self._across - self._across.mean(axis=0), axis=1)
        return np.concatenate([self._structure_factors(planes), np.sort(distances)])

    @property
    def _across(self) -> FloatArray:
        """(n, 3) positions without their components along periodic directions."""
        across: FloatArray = self.positions - self.positions @ self.inverse @ self.cell
        return across

    def _structure_factors(self, planes: FloatArray) -> FloatArray:
        """Return (W,) structure factors of atomic numbers over the length of their waves, in Å."""
        waves = 2 * np.pi * planes @ self.inverse.T
        factors = np.abs(self.weights @ np.exp(1j * (self.positions @ waves.T)))
        lengths = np.linalg.norm(waves, axis=1)
        over: FloatArray = np.divide(factors, lengths, out=np.zeros(len(planes)), where=lengths > 0)
        return over


class _Invariants:
    """The invariants of all structures of a set."""

    def __init__(self, structures: StructureSet) -> None:
        self.structures = structures
        self.whole = are_whole(structures).tolist()
        self.kinds = kinds(structures)
        scaled = sieves(structures) / _BOX
        boxes = np.floor(scaled)
        # Along each axis, the box of a structure and the neighbouring one on the nearer side.
        beside = boxes + np.where(scaled - boxes > 0.5, 1, -1)
        self.sides = np.stack([boxes, beside], axis=2).astype(np.int64).tolist()

    def box(self, number: int) -> tuple[int, ...]:
        """Return the box of a structure."""
        return tuple(own for own, _ in self.sides[number])


class _Index:
    """Structures of a set by their invariants. Broken and empty ones equal no other."""

    def __init__(self, structures: StructureSet) -> None:
        self.own = _Invariants(structures)
        self._kinds: defaultdict[bytes, dict[tuple[int, ...], list[int]]] = defaultdict(dict)
        # Kept, since many structures may be compared with the same one.
        self._structure = cache(partial(_Structure, structures))

    def add(self, number: int) -> None:
        """Add a structure of the set."""
        if self.own.whole[number]:
            boxes = self._kinds[self.own.kinds[number]]
            boxes.setdefault(self.own.box(number), []).append(number)

    def find(self, of: _Invariants, number: int) -> int | None:
        """Return the number of a structure that was added and equals one of a set."""
        candidates = self._candidates(of, number)
        if candidates:
            structure = _Structure(of.structures, number)
            for candidate in candidates:
                if _distance(self._structure(candidate), structure) <= TOLERANCE:
                    return candidate
        return None

    def _candidates(self, of: _Invariants, number: int) -> list[int]:
        boxes = self._kinds.get(of.kinds[number])
        if boxes is None or not of.whole[number]:
            return []
        near = product(*of.sides[number])
        return [candidate for box in near if box in boxes for candidate in boxes[box]]


def _distance(one: _Structure, other: _Structure) -> float:
    """Return the largest distance of matched atoms after the best shift; often infinite."""
    if np.abs(one.cell - other.cell).max() > TOLERANCE:
        return np.inf
    if not np.abs(one.finer_sieve - other.finer_sieve).max() <= _BOX:
        return np.inf
    if np.array_equal(one.numbers, other.numbers):
        distance = _after_shift(one, other.positions - one.positions)
        if distance <= TOLERANCE:
            return distance
    return _reordered(one, other)


def _after_shift(one: _Structure, moved: FloatArray) -> float:
    """Return the longest of (n, 3) displacements after subtracting their mean.

    Each is the shortest image relative to the first atom's, since the shift itself may be long.
    """
    rest = _shortest(moved - moved[0], one)
    rest -= rest.mean(axis=0)
    return float(np.sqrt((rest**2).sum(axis=1).max()))


def _shortest(vectors: FloatArray, structure: _Structure) -> FloatArray:
    """Subtract the nearest lattice vectors, which is exact for short displacements."""
    turns = np.rint(vectors @ structure.inverse) * structure.periodic
    shortest: FloatArray = vectors - turns @ structure.cell
    return shortest


def _reordered(one: _Structure, other: _Structure) -> float:
    """Match atoms of each element, for all shifts between atoms of the rarest element."""
    kinds, counts = np.unique(one.numbers, return_counts=True)
    rarest = kinds[counts.argmin()]
    anchor = one.positions[one.numbers == rarest][0]
    for target in other.positions[other.numbers == rarest]:
        distance = _matched(one, other, target - anchor)
        if distance <= TOLERANCE:
            return distance
    return np.inf


def _matched(one: _Structure, other: _Structure, shift: FloatArray) -> float:
    """Return the distance after a shift, matching each atom to the nearest of its element."""
    moved = np.empty_like(one.positions)
    for kind in np.unique(one.numbers):
        mine, theirs = one.numbers == kind, other.numbers == kind
        ways = _shortest(
            other.positions[theirs][None, :] - (one.positions[mine] + shift)[:, None], one
        )
        lengths = (ways**2).sum(axis=2)
        nearest = lengths.argmin(axis=1)
        if (
            len(np.unique(nearest)) < len(nearest)
            or lengths.min(axis=1).max() > (3 * TOLERANCE) ** 2
        ):
            return np.inf
        moved[mine] = ways[np.arange(len(nearest)), nearest]
    return _after_shift(one, moved)
