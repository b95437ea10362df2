"""Neighbour lists, computed once and shared, and neighbours of a common atom."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hub.structures.arrays import chosen_indices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    import numpy.typing as npt

    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

_MOST_FOR_ONE_THREAD = 2000  # atoms


class NeighbourList(NamedTuple):
    """All pairs of atoms of one structure within the cutoff, in both directions.

    Attributes
    ----------
    edges
        (2, m) int32, centre and neighbour of each pair, in ascending order.
    shifts
        (m, 3) int32, lattice translations of the neighbour, in cells.
    """

    edges: npt.NDArray[np.int32]
    shifts: npt.NDArray[np.int32]


def are_first(centres: Any, neighbours: Any, shifts: Any) -> Any:
    """Say which edges represent their pairs, of arrays of NumPy or of torch.

    Parameters
    ----------
    centres, neighbours : (m,)
    shifts : (m, 3)
        As in a neighbour list.

    Returns
    -------
    (m,) true for one of each edge and its reverse.
    """
    x, y, z = shifts.T
    is_image = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    return (centres < neighbours) | ((centres == neighbours) & is_image)


class _Search:
    """Finds neighbours within a cutoff (Å); keeps its memory, so not for several threads."""

    def __init__(self, cutoff: float) -> None:
        self.cutoff = cutoff
        # Starting threads takes longer than the search in most structures.
        self._one_thread = _vesin().NeighborList(cutoff=cutoff, full_list=True, n_threads=1)

    def find(self, positions: FloatArray, cell: FloatArray, pbc: BoolArray) -> NeighbourList:
        """Find the neighbours of (n, 3) positions in a (3, 3) cell (in Å)."""
        search = self._one_thread
        if len(positions) > _MOST_FOR_ONE_THREAD:
            search = _vesin().NeighborList(cutoff=self.cutoff, full_list=True)
        pairs, shifts = search.compute(
            points=positions, box=cell, periodic=pbc, quantities="PS", copy=False
        )
        # Putting them in order copies the arrays, which the next search overwrites.
        edges = pairs.T.astype(np.int32, order="C")
        order = _order(edges, shifts, len(positions))
        return NeighbourList(
            edges.take(order, axis=1),
            np.asarray(shifts, np.int32).reshape(-1, 3).take(order, axis=0),
        )


@cache
def _vesin() -> ModuleType:
    """Return vesin for NumPy arrays only.

    It would import torch, if that is installed, to accept tensors, too; that takes seconds. What is
    imported here is not what others import.
    """
    if "torch" in sys.modules or "vesin" in sys.modules:
        return import_module("vesin")
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        return import_module("vesin")
    finally:
        del sys.modules["torch"]
        for name in [name for name in sys.modules if name.partition(".")[0] == "vesin"]:
            del sys.modules[name]


def neighbour_search(cutoff: float, *, full_list: bool) -> Any:
    """Return vesin's neighbour list for NumPy arrays, with pairs in one or both directions."""
    return _vesin().NeighborList(cutoff=cutoff, full_list=full_list)


def find_neighbours(
    positions: FloatArray, cell: FloatArray, pbc: BoolArray, cutoff: float
) -> NeighbourList:
    """Find the neighbours of (n, 3) positions in a (3, 3) cell within `cutoff` (all in Å)."""
    return _Search(cutoff).find(positions, cell, pbc)


def _order(edges: npt.NDArray[np.int32], shifts: npt.NDArray[np.int32], n_atoms: int) -> IntArray:
    """Return (m,) the order by centre, then by neighbour, then by image of the neighbour.

    The order that a search finds them in depends on where the atoms are. In this order, sums over
    neighbours have the same rounding errors whenever the neighbours are the same.
    """
    centres, neighbours = edges
    keys = centres.astype(np.int64)
    keys *= n_atoms
    keys += neighbours
    for shift in shifts.T:
        keys <<= 7  # the images of one neighbour differ by fewer than 128 cells
        keys |= shift & 127
    order: IntArray = np.argsort(keys, kind="stable")
    return order


class NeighbourLists:
    """The neighbour lists of a structure set, each computed when first needed and cached.

    Parameters
    ----------
    structures
        S structures.
    cutoff
        Cutoff in Å.
    most_kept
        Maximum number of cached edges, of 20 bytes each; further lists are computed each time.
    """

    def __init__(
        self, structures: StructureSet, cutoff: float, most_kept: int = 20_000_000
    ) -> None:
        self.structures = structures
        self.cutoff = cutoff
        self._kept: dict[int, NeighbourList] = {}
        self._room = most_kept

    def of(self, index: int) -> NeighbourList:
        """Return the neighbours of one structure, whose geometry must be valid."""
        return next(self.each([index]))

    def each(self, indices: Iterable[int]) -> Iterator[NeighbourList]:
        """Yield the neighbours of several structures, whose geometry must be valid."""
        structures, search = self.structures, None
        for index in indices:
            found = self._kept.get(index)
            if found is None:
                search = search or _Search(self.cutoff)
                own = structures.atoms_of(index)
                found = search.find(
                    structures.positions[own], structures.cells[index], structures.pbc[index]
                )
                if len(found.shifts) <= self._room:
                    self._kept[index] = found
                    self._room -= len(found.shifts)
            yield found

    def __len__(self) -> int:
        return len(self.structures)

    def select(self, indices: npt.ArrayLike) -> NeighbourLists:
        """Return the lists of the structures at `indices`, in that order; the cache is kept."""
        chosen = chosen_indices(indices, len(self.structures))
        selected = NeighbourLists(self.structures.select(chosen), self.cutoff, self._room)
        places = enumerate(chosen.tolist())
        selected._kept = {new: self._kept[old] for new, old in places if old in self._kept}
        return selected

    def within(self, cutoff: float) -> NeighbourLists:
        """Return lists of the same structures with a cutoff in Å; these if it is the same."""
        return self if cutoff == self.cutoff else NeighbourLists(self.structures, cutoff)


def two_of_each_centre(centres: IntArray) -> tuple[IntArray, IntArray]:
    """Return each pair of neighbours of an atom once.

    Parameters
    ----------
    centres
        (E,) the atom at the centre of each pair of a full neighbour list, ascending.

    Returns
    -------
    (T,) places in `centres` of the first and of the second neighbour.
    """
    places = np.arange(len(centres))
    following = np.searchsorted(centres, centres, side="right") - places - 1
    first = np.repeat(places, following)
    starts = np.cumsum(following) - following
    second = first + 1 + np.arange(len(first)) - starts[first]
    return first, second
