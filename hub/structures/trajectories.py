"""Consecutive frames of one trajectory, which are nearly identical structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray
    from hub.structures.structure_set import StructureSet

# Å. Independent frames of a solid at room temperature differ by about 0.2 Å rms.
NEIGHBOUR_DISPLACEMENT = 0.1


def trajectory_neighbours(structures: StructureSet) -> BoolArray:
    """Return (S,) whether the atoms moved by less than 0.1 Å rms since the previous structure."""
    near: BoolArray = displacements(structures) < NEIGHBOUR_DISPLACEMENT
    return near


def displacements(structures: StructureSet) -> FloatArray:
    """Return (S,) the rms displacement in Å of the atoms since the previous structure.

    It is infinite if the two are not frames of one trajectory: a different file, different atoms,
    or a cell that changed by more than 1 %.
    """
    result = np.full(len(structures), np.inf)
    for index in np.flatnonzero(_may_be_consecutive(structures)).tolist():
        before, own = structures.atoms_of(index - 1), structures.atoms_of(index)
        if np.array_equal(structures.numbers[before], structures.numbers[own]):
            moved = displacement(structures, index)
            result[index] = np.sqrt((moved**2).sum(axis=1).mean())
    return result


def displacement(structures: StructureSet, index: int) -> FloatArray:
    """Return (n, 3) the shortest displacement of each atom since structure `index` - 1, in Å."""
    before, own = structures.atoms_of(index - 1), structures.atoms_of(index)
    moved: FloatArray = structures.positions[own] - structures.positions[before]
    periodic = structures.pbc[index]
    if periodic.any():
        cell = structures.cells[index]
        turns = np.rint(moved @ np.linalg.pinv(cell)) * periodic
        moved = moved - turns @ cell
    return moved


def _may_be_consecutive(structures: StructureSet) -> BoolArray:
    """Compare everything except the atoms themselves."""
    result = np.zeros(len(structures), np.bool_)
    if len(structures) < 2:
        return result
    change = np.abs(np.diff(structures.cells, axis=0)).max(axis=(1, 2))
    size = np.abs(structures.cells[1:]).max(axis=(1, 2))
    result[1:] = (
        (np.diff(structures.n_atoms) == 0)
        & (structures.n_atoms[1:] > 1)
        & (np.diff(structures.source_index) == 0)
        & (structures.pbc[1:] == structures.pbc[:-1]).all(axis=1)
        & (change <= 0.01 * size)
    )
    return result
