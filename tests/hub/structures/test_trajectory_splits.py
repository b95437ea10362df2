"""Whole trajectories are held out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.errors import DataError
from hub.structures.splits import split_by_trajectory

frames = st.lists(st.integers(0, 12), min_size=3, max_size=120).filter(lambda x: len(set(x)) > 2)
seeds = st.integers(0, 5)


@given(frames, st.integers(1, 30), seeds)
def test_no_trajectory_is_on_two_sides(trajectories, held_out, seed) -> None:
    named = np.array(trajectories)
    split = split_by_trajectory(named, held_out=held_out, seed=seed)
    sides = [split.train, split.validation, split.test]
    assert all(len(side) and (np.diff(side) > 0).all() for side in sides)
    names = [set(named[side].tolist()) for side in sides]
    assert sum(map(len, names)) == len(set.union(*names))
    assert max(len(split.validation), len(split.test)) <= held_out
    # Without a number all that is not held out is trained on.
    assert set(named.tolist()) - names[0] == names[1] | names[2] or held_out < len(named)
    assert len(split.train) == np.isin(named, list(names[0])).sum()


@given(frames, st.data(), seeds)
def test_frames_are_drawn_evenly_and_nested(trajectories, data, seed) -> None:
    named = np.array(trajectories)
    available = split_by_trajectory(named, seed=seed).train
    more = data.draw(st.integers(1, len(available)))
    fewer = data.draw(st.integers(1, more))
    drawn = [split_by_trajectory(named, number, seed=seed).train for number in (fewer, more)]
    assert [len(each) for each in drawn] == [fewer, more]
    assert set(drawn[0].tolist()) <= set(drawn[1].tolist()) <= set(available.tolist())
    names, there = np.unique(named[available], return_counts=True)
    taken = np.array([(named[drawn[1]] == name).sum() for name in names])
    # One trajectory gives two frames more than another only if the other has no more.
    assert (taken[taken < there] >= taken.max() - 1).all()


@pytest.mark.slow
@given(frames, st.text(max_size=3))
def test_trajectories_may_be_named(trajectories, prefix) -> None:
    assume("\0" not in prefix)
    named = np.array(trajectories)
    texts = np.array([f"{prefix}{name:02d}" for name in trajectories])
    one, other = split_by_trajectory(named), split_by_trajectory(texts)
    for side in ("train", "validation", "test"):
        assert np.array_equal(getattr(one, side), getattr(other, side))


def test_a_tenth_of_many_is_held_out_on_each_side() -> None:
    named = np.repeat(np.arange(40), 5)
    split = split_by_trajectory(named, held_out=1000)
    assert [len(np.unique(named[side])) for side in (split.validation, split.test)] == [4, 4]


@pytest.mark.parametrize(
    ("trajectories", "number", "message"),
    [
        ([0, 0, 1, 1], None, "2 trajectories are too few to hold out"),
        ([0, 0, 1, 1, 2, 2], 3, "3 training structures requested, but only 2 are available"),
    ],
)
def test_too_little_is_refused(trajectories, number, message) -> None:
    with pytest.raises(DataError, match=message):
        split_by_trajectory(np.array(trajectories), number)
