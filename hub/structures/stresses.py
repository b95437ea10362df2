"""Stress tensors: how they are written, and which structures have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray

EV_PER_A3_IN_GPA = 160.21766208  # 1 eV/Å^3 in GPa (CODATA 2014, as in ASE)
_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # as ASE orders them
_ASYMMETRY = 1e-3  # of the largest component: what programs leave by rounding


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
    """Return (..., 3, 3) tensors without what rounding left; None unless they are symmetric."""
    transposed = tensors.swapaxes(-1, -2)
    difference = np.nan_to_num(np.abs(tensors - transposed)).max(initial=0.0)
    if difference > _ASYMMETRY * np.nan_to_num(np.abs(tensors)).max(initial=0.0):
        return None
    mean: FloatArray = (tensors + transposed) / 2
    return mean


def as_tensor(value: Any) -> FloatArray | None:
    """Return a stress or virial as a symmetric (3, 3) tensor, however it is written.

    Parameters
    ----------
    value
        3 by 3, flat, or in the order of ASE's Voigt notation.

    Returns
    -------
    In the unit and with the sign of `value`; None if it is no symmetric tensor.
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


def volumes(cells: FloatArray) -> FloatArray:
    """Return the (S,) volumes of (S, 3, 3) cells, in Å^3."""
    absolute: FloatArray = np.abs(np.linalg.det(cells))
    return absolute


def stress_of_virial(virials: FloatArray, cells: FloatArray) -> FloatArray:
    """Return (S, 3, 3) stresses in eV/Å^3 of virials in eV: the virial is -V times the stress."""
    with np.errstate(divide="ignore", invalid="ignore"):
        stresses: FloatArray = -virials / volumes(cells)[:, None, None]
    return stresses
