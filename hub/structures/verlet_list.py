"""Neighbour lists of moving atoms, with a skin, so that they are rarely rebuilt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.geometry import require_geometry
from hub.structures.neighbours import NeighbourList, are_first, find_neighbours

if TYPE_CHECKING:
    from ase import Atoms

    from hub.structures.arrays import BoolArray, FloatArray, IntArray

# Å. With it, a list of carbon lasts for about 10 steps of 1 fs at 3000 K, and throughout at 300 K.
# A thinner skin leaves fewer pairs to choose from, but saves less than the builds cost.
DEFAULT_SKIN = 0.8


class VerletList:
    """The neighbours of a structure whose atoms move.

    Pairs up to the cutoff plus a skin are found once, and serve until an atom has moved by more
    than half the skin. Until then the pairs within the cutoff are chosen from them. The list is
    also rebuilt when the cell, the periodic directions or the number of atoms change, and when an
    atom is moved into another cell.

    A list for a structure that is not known yet has no skin, which would not pay if the next
    structure were a different one.

    Parameters
    ----------
    skin
        In Å.

    Attributes
    ----------
    builds
        How often the list has been built.
    """

    def __init__(self, skin: float = DEFAULT_SKIN) -> None:
        self.skin = skin
        self.builds = 0
        self._built: _Built | None = None

    def of(self, atoms: Atoms, cutoff: float) -> tuple[NeighbourList, IntArray | None]:
        """Return the neighbours within `cutoff` (Å), and which are one edge of each pair.

        Returns
        -------
        neighbours
            m edges, in the order of `find_neighbours`.
        half
            (m / 2,) what `find_half` finds for them; None if the list has no skin, and is not
            expected to serve again.

        Raises
        ------
        DataError
            If the coordinates are not finite or too far apart, or the cell cannot be used.
        """
        # Several threads may share a list: each uses one state from here on.
        built = self._built
        moved = built.farthest_move(atoms, cutoff) if built else np.inf
        if built is None or not moved <= built.skin / 2:  # NaN if a coordinate is not finite
            require_geometry(atoms)
            built = _build(atoms, cutoff, self.skin if moved <= self.skin else 0.0)
            self._built = built
            self.builds += 1
        return built.within_cutoff(atoms.positions)


@dataclass(frozen=True)
class _Built:
    """What was built: n atoms with m pairs within the cutoff plus the skin.

    Attributes
    ----------
    cutoff, skin
        In Å.
    positions, cell, pbc
        Of the structure at that time.
    found
        The pairs.
    """

    cutoff: float
    skin: float
    positions: FloatArray
    cell: FloatArray
    pbc: BoolArray
    found: NeighbourList

    def farthest_move(self, atoms: Atoms, cutoff: float) -> float:
        """Return how far an atom has moved at most, in Å; infinite for another structure."""
        if not (
            cutoff == self.cutoff
            and len(atoms) == len(self.positions)
            and np.array_equal(atoms.cell.array, self.cell)
            and np.array_equal(atoms.pbc, self.pbc)
        ):
            return np.inf
        moves = atoms.positions - self.positions
        return float(np.sqrt(np.einsum("ij,ij->i", moves, moves).max(initial=0.0)))

    def within_cutoff(self, positions: FloatArray) -> tuple[NeighbourList, IntArray | None]:
        """Choose the edges within the cutoff, and one of each pair, from (n, 3) positions in Å."""
        if not self.skin:
            return self.found, None
        neighbours, counts, translations = self._ways
        squares = np.zeros(len(neighbours))
        # One coordinate after the other is several times faster than rows of three.
        for along, translation in zip(positions.T.copy(), translations, strict=True):
            way = along.take(neighbours)
            way -= along.repeat(counts)
            way += translation
            way *= way
            squares += way
        chosen = np.flatnonzero(squares <= self.cutoff**2)
        edges, shifts = self.found
        # An edge and its reverse have the same length to the last bit, so both are chosen.
        half = np.flatnonzero(self._is_first.take(chosen))
        return NeighbourList(edges.take(chosen, axis=1), shifts.take(chosen, axis=0)), half

    @cached_property
    def _is_first(self) -> BoolArray:
        """(m,) which edges represent their pairs: the same that `find_half` chooses."""
        centres, neighbours = self.found.edges
        is_first: BoolArray = are_first(centres, neighbours, self.found.shifts)
        return is_first

    @cached_property
    def _ways(self) -> tuple[IntArray, IntArray, FloatArray]:
        """What leads from centres to neighbours.

        (m,) the neighbours, (n,) how many each centre has, and (3, m) their lattice translations
        in Å.
        """
        centres, neighbours = self.found.edges.astype(np.int64)
        counts = np.bincount(centres, minlength=len(self.positions))
        return neighbours, counts, np.einsum("mi,ij->jm", self.found.shifts, self.cell, order="C")


def _build(atoms: Atoms, cutoff: float, skin: float) -> _Built:
    positions, cell, pbc = atoms.positions.copy(), atoms.cell.array.copy(), atoms.pbc.copy()
    found = find_neighbours(positions, cell, pbc, cutoff + skin)
    return _Built(cutoff, skin, positions, cell, pbc, found)
