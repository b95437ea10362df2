"""Pairs of neighbours of a common atom."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hub.structures.neighbours import two_of_each_centre


@given(st.lists(st.integers(0, 5), max_size=25).map(sorted))
def test_every_two_of_a_centre_are_chosen_once(centres) -> None:
    first, second = two_of_each_centre(np.array(centres, np.int64))
    expected = [
        (one, other)
        for one, other in combinations(range(len(centres)), 2)
        if centres[one] == centres[other]
    ]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected
