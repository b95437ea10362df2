"""Convert stress, dipole and other properties in files to the shape stored in a label set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.names import PROPERTIES
from hub.structures.stresses import from_voigt, symmetric, to_voigt

if TYPE_CHECKING:
    import numpy.typing as npt


def as_property(value: Any, name: str, length: int | None) -> npt.NDArray[np.float64] | None:
    """Return an entry of a file as one of `PROPERTIES`.

    Parameters
    ----------
    value
        The entry of one structure. Tensors may be 3 by 3, flat, or in Voigt notation.
    name
        The property.
    length
        The number of atoms, if the property is per atom.

    Returns
    -------
    Numbers in a valid shape of the property; None if the entry cannot be this property.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return None
    lead = () if length is None else (length,)
    if array.shape[: len(lead)] != lead:
        return None
    row, shapes = array.shape[len(lead) :], PROPERTIES[name].row_shapes
    if row in shapes:
        return array
    if () in shapes:
        return array.reshape(lead) if row == (1,) else None
    return _as_tensor(array, row, shapes[0])


def _as_tensor(
    array: npt.NDArray[np.float64], row: tuple[int, ...], wanted: tuple[int, ...]
) -> npt.NDArray[np.float64] | None:
    """Convert a tensor from one notation to another; None if this is impossible."""
    square = (*array.shape[: array.ndim - len(row)], 3, 3)
    if wanted == (6,) and row in ((9,), (3, 3)):
        tensors = symmetric(array.reshape(square))
        return None if tensors is None else to_voigt(tensors)
    if wanted == (3, 3) and row == (9,):
        return array.reshape(square)
    return from_voigt(array) if wanted == (3, 3) and row == (6,) else None
