"""Structures made around others by random strains and displacements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.neighbours import NeighbourLists

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray
    from hub.structures.structure_set import StructureSet

_MAX_STRAIN = 0.15
_RATTLES = 0.01, 0.2  # standard deviation, in distances to the nearest neighbour


def strained_and_rattled(
    structures: StructureSet, number: int, rng: np.random.Generator
) -> StructureSet:
    """Make structures around others by random strains and rattles; they have no labels.

    Strains are up to 15 %. The standard deviation of each coordinate is 1 to 20 % of the mean
    distance to the nearest neighbour.

    Parameters
    ----------
    structures
        S structures.
    number
        How many to make, spread evenly over them.
    rng
        Random numbers.
    """
    parents = rng.permutation(np.arange(number) % len(structures))
    made = structures.select(parents)
    positions, cells = made.positions.copy(), made.cells.copy()
    for index, nearest in enumerate(_nearest(structures)[parents]):
        own = made.atoms_of(index)
        strain = rng.uniform(-_MAX_STRAIN, _MAX_STRAIN, (3, 3)) / 2
        stretch = np.eye(3) + strain + strain.T
        cells[index] = cells[index] @ stretch
        rattle = nearest * rng.uniform(*_RATTLES)
        positions[own] = positions[own] @ stretch + rng.normal(0, rattle, positions[own].shape)
    return replace(made, positions=positions, cells=cells)


def _nearest(structures: StructureSet) -> FloatArray:
    """Return (S,) the mean distance to the nearest neighbour in Å; 0 for atoms without any."""
    reach = 5.0  # Å; the nearest neighbours of all solids and molecules are closer
    lists = NeighbourLists(structures, reach, most_kept=0)
    means = []
    for index, (edges, shifts) in enumerate(lists.each(range(len(structures)))):
        own = structures.atoms_of(index)
        first, second = structures.positions[own][edges]
        lengths = np.linalg.norm(second + shifts @ structures.cells[index] - first, axis=1)
        nearest = np.full(own.stop - own.start, np.inf)
        np.minimum.at(nearest, edges[0], lengths)
        finite = nearest[np.isfinite(nearest)]
        means.append(finite.mean() if finite.size else 0.0)
    return np.array(means)
