"""Stress tensors: their notations, and which structures have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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


def is_bulk(positions: FloatArray, cell: FloatArray, pbc: BoolArray) -> bool:
    """Whether a structure has a stress: it is periodic in three directions and has no vacuum.

    In a cell with a vacuum layer, the volume, and so the stress, depends on the vacuum.

    Parameters
    ----------
    positions, cell
        (n, 3) and (3, 3) in Å.
    pbc
        (3,) along which lattice vectors it is periodic.
    """
    volume = abs(np.linalg.det(cell))
    if not pbc.all() or not volume > 0:
        return False
    fractions = np.sort(np.mod(positions @ np.linalg.inv(cell), 1.0), axis=0)
    gaps = np.diff(fractions, axis=0, append=fractions[:1] + 1).max(axis=0)
    heights = volume / np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
    return bool((gaps * heights).max() < _WIDEST_GAP)


def of_bulk(
    stresses: FloatArray,
    positions: FloatArray,
    cells: FloatArray,
    pbc: BoolArray,
    pointers: IntArray,
) -> FloatArray:
    """Return (S, 3, 3) stresses, NaN for structures that have none.

    These are not bulk (see `is_bulk`), or their stress is exactly zero: it was not computed.
    """
    kept = stresses.copy()
    for index in np.flatnonzero(np.isfinite(stresses).all(axis=(1, 2))).tolist():
        own = slice(*pointers[index : index + 2])
        if not (stresses[index].any() and is_bulk(positions[own], cells[index], pbc[index])):
            kept[index] = np.nan
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
