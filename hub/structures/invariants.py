"""Invariants by which equal structures are found among many, computed for all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.arrays import parts_of

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray
    from hub.structures.structure_set import StructureSet


def periodic_cells(cells: FloatArray, pbc: BoolArray) -> FloatArray:
    """Return (..., 3, 3) cells without the vectors along which there is no periodicity.

    Such a lattice vector has no physical meaning.
    """
    return np.where(pbc[..., None], cells, 0.0)


def are_whole(structures: StructureSet) -> BoolArray:
    """Return (S,) which structures have atoms, and finite positions and periodic vectors."""
    cells = periodic_cells(structures.cells, structures.pbc)
    whole: BoolArray = np.isfinite(cells).all(axis=(1, 2)) & (structures.n_atoms > 0)
    broken = ~np.isfinite(structures.positions).all(axis=1)
    whole[structures.structure_of_atom[broken]] = False
    return whole


def kinds(structures: StructureSet) -> list[bytes]:
    """Return (S,) the elements and the periodicity of each structure, to be compared."""
    order = np.lexsort((structures.numbers, structures.structure_of_atom))
    numbers = structures.numbers[order].astype(np.uint16).tobytes()
    ends = (2 * structures.pointers).tolist()
    periodic = [row.tobytes() for row in structures.pbc]
    parts = zip(ends[:-1], ends[1:], periodic, strict=True)
    return [numbers[start:end] + pbc for start, end, pbc in parts]


def sieves(structures: StructureSet) -> FloatArray:
    """Return (S, 3) numbers in Å that change by at most the largest displacement of an atom.

    They do not depend on the order of atoms, rigid shifts and the choice of images: along each
    lattice vector the structure factor of its planes, else the spread about the centre. Zero for
    structures that are not whole.
    """
    values = np.zeros((len(structures), 3))
    whole = are_whole(structures)
    for first, last in parts_of(structures.pointers):
        values[first:last] = _sieves(structures, first, last, whole[first:last])
    return values


def _sieves(structures: StructureSet, first: int, last: int, whole: BoolArray) -> FloatArray:
    atoms = slice(structures.pointers[first], structures.pointers[last])
    owner = structures.structure_of_atom[atoms] - first
    pbc = structures.pbc[first:last]
    cells = periodic_cells(structures.cells[first:last], pbc)
    cells[~whole] = 0.0
    positions = np.where(whole[owner, None], structures.positions[atoms], 0.0)

    def sums(values: FloatArray) -> FloatArray:
        """Add up (A, 3) values of the atoms of each structure."""
        return np.stack([np.bincount(owner, each, last - first) for each in values.T], axis=1)

    numbers = structures.numbers[atoms]
    totals = np.bincount(owner, numbers, last - first)
    weights = (numbers / np.maximum(totals, 1)[owner])[:, None]
    inverses = np.linalg.pinv(cells)
    fractions = np.einsum("ai,aij->aj", positions, inverses[owner])
    across = positions - np.einsum("ai,aij->aj", fractions, cells[owner])
    spread = np.sqrt(sums(weights * (across - sums(weights * across)[owner]) ** 2))
    phases = 2 * np.pi * fractions
    factors = np.hypot(sums(weights * np.cos(phases)), sums(weights * np.sin(phases)))
    lengths = 2 * np.pi * np.linalg.norm(inverses, axis=1)
    periodic = np.divide(factors, lengths, out=np.zeros_like(factors), where=lengths > 0)
    return np.where(pbc, periodic, spread) * whole[:, None]
