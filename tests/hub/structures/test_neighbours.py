"""Pairs of neighbours of a common atom."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from hub.structures.neighbours import find_neighbours, two_of_each_centre


@given(st.lists(st.integers(0, 5), max_size=25).map(sorted))
def test_every_two_of_a_centre_are_chosen_once(centres) -> None:
    first, second = two_of_each_centre(np.array(centres, np.int64))
    expected = [
        (one, other)
        for one, other in combinations(range(len(centres)), 2)
        if centres[one] == centres[other]
    ]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected


@pytest.mark.parametrize("repeats", [1, 3])
def test_pairs_ascend_wherever_the_atoms_are(repeats) -> None:
    """By centre, then by neighbour, and the images of a neighbour always in the same order."""
    atoms = bulk("C", cubic=True).repeat(repeats)
    atoms.rattle(0.05, seed=1)
    rng, lists = np.random.default_rng(0), []
    for _ in range(3):
        found = find_neighbours(atoms.positions, atoms.cell.array, atoms.pbc, 5.2)
        pairs = found.edges[0].astype(np.int64) * len(atoms) + found.edges[1]
        assert (np.diff(pairs) >= 0).all()
        lists.append(found)
        atoms.positions += rng.uniform(-9, 9, 3)
    for other in lists[1:]:
        np.testing.assert_array_equal(other.edges, lists[0].edges)
        np.testing.assert_array_equal(other.shifts, lists[0].shifts)
