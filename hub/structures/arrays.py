"""Array types, and the growing buffer that files are read into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
StrArray = npt.NDArray[np.str_]


class GrowingArray:
    """A NumPy array that grows in place, using at most a quarter more memory than its final size.

    Parameters
    ----------
    dtype
        Type of the elements.
    row_shape
        Shape of one row; ``()`` for a flat array.
    fill
        Value of rows that were never set.
    """

    def __init__(
        self, dtype: npt.DTypeLike, row_shape: tuple[int, ...] = (), fill: float = 0
    ) -> None:
        self._data: npt.NDArray[Any] = np.empty((1024, *row_shape), dtype)
        self._fill = fill
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add `rows` at the end."""
        end = self._length + len(rows)
        self._reserve(end)
        self._data[self._length : end] = rows
        self._length = end

    def pad_to(self, length: int) -> None:
        """Add rows of the fill value up to `length` rows."""
        self._reserve(length)
        self._data[self._length : length] = self._fill
        self._length = max(self._length, length)

    def take(self) -> npt.NDArray[Any]:
        """Return the array without copying it; the buffer is empty afterwards."""
        data, length = self._data, self._length
        self._data, self._length = np.empty((0, *data.shape[1:]), data.dtype), 0
        data.resize((length, *data.shape[1:]), refcheck=False)
        return data

    def _reserve(self, length: int) -> None:
        if length > len(self._data):
            capacity = max(length, len(self._data) * 5 // 4)
            # The buffer is never handed out before take(), so no view can be left dangling.
            self._data.resize((capacity, *self._data.shape[1:]), refcheck=False)


def pointers_of(lengths: IntArray) -> IntArray:
    """Return the starts of parts of these lengths, followed by the end of the last one."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def parts_of(pointers: IntArray, most: int = 100_000) -> Iterator[tuple[int, int]]:
    """Yield the first and one past the last structure of parts with `most` atoms or one structure.

    What is computed for many structures at once takes several times the memory of their positions.
    """
    first, count = 0, len(pointers) - 1
    while first < count:
        last = int(np.searchsorted(pointers, pointers[first] + most, side="right")) - 1
        yield first, max(last, first + 1)
        first = max(last, first + 1)


def chosen_indices(indices: npt.ArrayLike, length: int) -> IntArray:
    """Return the argument of `StructureSet.select` as integers; masks and empty lists included."""
    dtype = np.bool_ if np.asarray(indices).dtype == np.bool_ else np.int64
    return np.arange(length)[np.asarray(indices, dtype)]
