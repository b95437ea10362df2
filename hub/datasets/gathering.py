"""Read the atoms of selected structures, decoding only a few shards at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.shards import read_rows, shard_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    import zarr

    from hub.structures.arrays import IntArray

_SHARDS_TOGETHER = 8  # Zarr decodes several shards of one read concurrently


def gather_atoms(
    array: zarr.Array[Any],
    group: Path,
    pointers: IntArray,
    chosen: IntArray,
    dtype: np.dtype[Any],
) -> npt.NDArray[Any]:
    """Return the rows of a per-atom array that belong to some structures.

    Parameters
    ----------
    array
        (A, ...) array of the dataset.
    group
        The directory that contains it.
    pointers
        (S + 1,) pointers of the dataset.
    chosen
        Indices of structures, ascending.
    dtype
        Type of the result.
    """
    starts, stops = pointers[chosen], pointers[chosen + 1]
    gathered = np.empty((int((stops - starts).sum()), *array.shape[1:]), dtype)
    done = 0
    together = _SHARDS_TOGETHER * shard_rows(array, group)
    for first, last in _stretches(starts, stops, array.chunks[0], together):
        begin, end = int(starts[first]), int(stops[last - 1])
        rows = read_rows(array, begin, end, group)
        count = int((stops[first:last] - starts[first:last]).sum())
        if count < len(rows):
            wanted = zip(
                (starts[first:last] - begin).tolist(),
                (stops[first:last] - begin).tolist(),
                strict=True,
            )
            rows = np.concatenate([rows[a:b] for a, b in wanted])
        gathered[done : done + count] = rows
        done += count
    return gathered


def touched_shards(pointers: IntArray, chosen: IntArray, rows: int) -> IntArray:
    """Return the indices of the shards (with `rows` rows each) that contain atoms of structures."""
    starts, stops = pointers[chosen], pointers[chosen + 1]
    filled = stops > starts
    first, last = starts[filled] // rows, (stops[filled] - 1) // rows
    # A structure may be larger than a shard.
    spans = [np.arange(a, b + 1) for a, b in set(zip(first.tolist(), last.tolist(), strict=True))]
    return np.unique(np.concatenate([np.empty(0, np.int64), *spans]))


def _stretches(
    starts: IntArray, stops: IntArray, chunk_rows: int, most_rows: int
) -> Iterator[tuple[int, int]]:
    """Split ascending structures into ranges that are each read at once.

    A range has about `most_rows` rows at most, and no gap of a chunk or more.
    """
    if not len(starts):
        return
    gaps = starts[1:] - stops[:-1] >= chunk_rows
    full = np.diff(starts // most_rows) > 0
    cuts = [0, *(np.flatnonzero(gaps | full) + 1).tolist(), len(starts)]
    yield from pairwise(cuts)
