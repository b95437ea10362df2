"""Neighbours of a common atom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hub.structures.arrays import IntArray


def two_of_each_centre(centres: IntArray) -> tuple[IntArray, IntArray]:
    """Choose every two neighbours of an atom once.

    Parameters
    ----------
    centres
        (E,) the atom at the centre of each pair of a full neighbour list, ascending.

    Returns
    -------
    (T,) places in `centres` of the first and of the second neighbour.
    """
    places = np.arange(len(centres))
    following = np.searchsorted(centres, centres, side="right") - places - 1
    first = np.repeat(places, following)
    starts = np.cumsum(following) - following
    second = first + 1 + np.arange(len(first)) - starts[first]
    return first, second
