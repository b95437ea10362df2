"""Stress tensors: their notations, and which structures have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hub.structures.arrays import parts_of

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray

EV_PER_A3_IN_GPA = 160.21766208  # 1 eV/Å^3 in GPa (CODATA 2014, as in ASE)
# Factors that convert a stress entry to eV/Å^3, positive under tension.
CONVENTIONS = {
    "ase": 1.0,
    "compression": -1.0,
    "gpa": 1 / EV_PER_A3_IN_GPA,
    "vasp": -0.1 / EV_PER_A3_IN_GPA,
}
_WIDEST_GAP = 8.0  # Å without an atom, above which a cell contains vacuum
_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # as ASE orders them
_ASYMMETRY = 1e-3  # of the largest component: caused by rounding in programs


def to_voigt(tensors: FloatArray) -> FloatArray:
    """Turn symmetric (..., 3, 3) tensors into (..., 6): xx, yy, zz, yz, xz, xy, as in ASE."""
    return np.stack([tensors[..., i, j] for i, j in _VOIGT], axis=-1)


def from_voigt(values: FloatArray) -> FloatArray:
    """Turn (..., 6) into symmetric (..., 3, 3) tensors."""
    tensors = np.empty((*values.shape[:-1], 3, 3))
    for place, (i, j) in enumerate(_VOIGT):
        tensors[..., i, j] = tensors[..., j, i] = values[..., place]
    return tensors


def symmetric(tensors: FloatArray) -> FloatArray | None:
    """Return (..., 3, 3) tensors symmetrised for rounding; None if they are not symmetric."""
    transposed = tensors.swapaxes(-1, -2)
    difference = np.nan_to_num(np.abs(tensors - transposed)).max(initial=0.0)
    if difference > _ASYMMETRY * np.nan_to_num(np.abs(tensors)).max(initial=0.0):
        return None
    mean: FloatArray = (tensors + transposed) / 2
    return mean


def as_tensor(value: Any) -> FloatArray | None:
    """Return a stress or virial in any notation as a symmetric (3, 3) tensor.

    Parameters
    ----------
    value
        3 by 3, flat, or in the order of ASE's Voigt notation.

    Returns
    -------
    In the unit and with the sign of `value`; None if it is not a symmetric tensor.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return None
    if array.shape == (6,):
        return from_voigt(array)
    return symmetric(array.reshape(3, 3)) if array.shape in ((9,), (3, 3)) else None


def as_stress(value: Any) -> FloatArray:
    """Return `as_tensor` of a stress; NaN where there is none."""
    tensor = as_tensor(value)
    return np.full((3, 3), np.nan) if tensor is None else tensor


def are_bulk(
    positions: FloatArray, cells: FloatArray, pbc: BoolArray, pointers: IntArray
) -> BoolArray:
    """Return (S,) which structures are periodic in three directions and have no vacuum.

    Only these have a stress: in a cell with a vacuum layer, the volume, and so the stress, depends
    on the vacuum.

    Parameters
    ----------
    positions, cells
        (A, 3) and (S, 3, 3) in Å.
    pbc
        (S, 3) along which lattice vectors they are periodic.
    pointers
        (S + 1,); structure i has the atoms ``pointers[i]:pointers[i + 1]``.
    """
    bulk = pbc.all(axis=1) & (volumes(cells) > 0) & (np.diff(pointers) > 0)
    for first, last in parts_of(pointers):
        chosen = first + np.flatnonzero(bulk[first:last])
        lengths = np.diff(pointers)[chosen]
        starts = np.cumsum(lengths) - lengths
        atoms = np.arange(lengths.sum()) + np.repeat(pointers[chosen] - starts, lengths)
        if len(chosen):
            gaps = _widest_gaps(positions[atoms], cells[chosen], lengths)
            bulk[chosen] = gaps < _WIDEST_GAP
    return bulk


def _widest_gaps(positions: FloatArray, cells: FloatArray, lengths: IntArray) -> FloatArray:
    """Return (S,) the widest layer (Å) without an atom, parallel to a face of the cell."""
    owners = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    inverses = np.linalg.inv(cells)
    fractions = np.mod(np.einsum("ai,aij->aj", positions, inverses.take(owners, 0)), 1.0)
    gaps = np.empty((len(lengths), 3))
    for axis, along in enumerate(fractions.T):
        ordered = along[np.lexsort((along, owners))]
        following = np.append(ordered[1:], np.nan)
        following[starts + lengths - 1] = ordered[starts] + 1
        gaps[:, axis] = np.maximum.reduceat(following - ordered, starts)
    areas = np.linalg.norm(np.cross(cells[:, [1, 2, 0]], cells[:, [2, 0, 1]]), axis=2)
    widest: FloatArray = (gaps * volumes(cells)[:, None] / areas).max(axis=1)
    return widest


def of_bulk(
    stresses: FloatArray,
    positions: FloatArray,
    cells: FloatArray,
    pbc: BoolArray,
    pointers: IntArray,
) -> FloatArray:
    """Return (S, 3, 3) stresses, NaN for structures that have none.

    These are not bulk (see `are_bulk`), or their stress is exactly zero: it was not computed.
    """
    kept = stresses.copy()
    given = np.isfinite(stresses).all(axis=(1, 2))
    meant = given & stresses.any(axis=(1, 2))
    if meant.any():
        meant &= are_bulk(positions, cells, pbc, pointers)
    kept[given & ~meant] = np.nan
    return kept


def volumes(cells: FloatArray) -> FloatArray:
    """Return the (S,) volumes of (S, 3, 3) cells, in Å^3."""
    absolute: FloatArray = np.abs(np.linalg.det(cells))
    return absolute


def stress_of_virial(virials: FloatArray, cells: FloatArray) -> FloatArray:
    """Return (S, 3, 3) stresses in eV/Å^3 from virials in eV: the virial is -V times the stress."""
    with np.errstate(divide="ignore", invalid="ignore"):
        stresses: FloatArray = -virials / volumes(cells)[:, None, None]
    return stresses
