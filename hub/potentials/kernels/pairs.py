"""Neighbours as pairs: each edge and its reverse once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from hub.potentials.kernels import parallel
from hub.structures.neighbours import are_first

# Odd numbers whose multiples spread over all 64 bits.
_FACTORS = (
    -7046029254386353131,
    -4417276706812531889,
    1609587929392839161,
    -8796714831421723037,
    3935559000370003845,
)


@dataclass(frozen=True)
class Pairs:
    """The pairs of neighbours of a batch.

    Attributes
    ----------
    first, second : (P,) int64
        The atoms.
    shifts : (P, 3)
        Cell vectors to add to the second.
    ways
        2 if each atom is a neighbour of the other, 1 if the second is a neighbour of the first.
    ranges
        How they are divided among threads of the CPU.
    """

    first: torch.Tensor
    second: torch.Tensor
    shifts: torch.Tensor
    ways: int
    ranges: tuple[tuple[int, int], ...]

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The lowest index of an atom and the highest; 0 and -1 without pairs."""
        if not len(self.first):
            return 0, -1
        lowest = min(int(each.min()) for each in (self.first, self.second))
        return lowest, max(int(each.max()) for each in (self.first, self.second))

    def renumbered(self, places: torch.Tensor) -> Pairs:
        """Return the pairs with each atom's number replaced by its place."""
        return replace(self, first=places[self.first], second=places[self.second])


def find_pairs(
    edges: torch.Tensor,
    shifts: torch.Tensor,
    *,
    may_join: bool = True,
    half: torch.Tensor | None = None,
) -> Pairs:
    """Find each edge's reverse; if one has none, every edge is taken in its own direction.

    Parameters
    ----------
    edges : (2, E) int64
    shifts : (E, 3)
        As in a batch.
    may_join
        Whether an edge and its reverse have the same weights.
    half : (P,) int64
        What :func:`find_half` finds, if that is known; a GPU is then not waited for.
    """
    if may_join and half is None:
        half = find_half(edges, shifts)
    ways = 1
    if may_join and half is not None:
        edges, shifts, ways = edges[:, half], shifts[half], 2
    first, second = edges.long().contiguous().unbind(0)
    return Pairs(first, second, shifts, ways, tuple(parallel.ranges(len(first))))


def find_half(edges: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor | None:
    """Choose one edge of each pair.

    Parameters
    ----------
    edges : (2, E)
    shifts : (E, 3)
        As in a batch or a graph.

    Returns
    -------
    (P,) int64, the chosen edges in their order; None if an edge has no reverse.
    """
    centres, neighbours = edges.long().unbind(0)
    chosen = are_first(centres, neighbours, shifts)
    places, others = chosen.nonzero().squeeze(1), chosen.logical_not().nonzero().squeeze(1)
    if len(places) != len(others):
        return None
    forth = _digest(centres[places], neighbours[places], shifts[places])
    back = _digest(neighbours[others], centres[others], -shifts[others])
    return places if forth == back else None


def _digest(centres: torch.Tensor, neighbours: torch.Tensor, shifts: torch.Tensor) -> int:
    """Return a number that is the same for the same edges in any order."""
    columns = (centres, neighbours, *shifts.long().unbind(1))
    total = torch.zeros_like(centres)
    for factor, column in zip(_FACTORS, columns, strict=True):
        total = (total ^ (total >> 29)) * _FACTORS[2] + column * factor
    total = (total ^ (total >> 32)) * _FACTORS[0]
    return int((total ^ (total >> 29)).sum())
