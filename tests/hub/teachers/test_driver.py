"""Every structure is labelled once, whatever was done before and whoever dies."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.datasets.blocks import Labels
from hub.errors import TeacherError
from hub.jobs.pool import Lost
from hub.structures import StructureSet
from hub.teachers import driver
from hub.teachers.driver import TaskQueue
from hub.teachers.label_segments import LabelSegments
from registry.errors import IntegrityError
from tests.hub.teachers.conftest import cluster


def dataset_of(sizes):
    """Return what a queue needs of a dataset, from memory."""
    whole = StructureSet.from_atoms([cluster(size) for size in sizes])
    return SimpleNamespace(pointers=whole.pointers, take=lambda _, chosen: whole.select(chosen))


sizes = st.lists(st.integers(1, 30), min_size=1, max_size=60)


@given(sizes, st.integers(1, 5), st.sets(st.integers(0, 59), max_size=4), st.booleans(), st.data())
def test_every_structure_comes_once_and_only_killers_are_given_up(
    sizes, workers, killers, certain, data
):
    killers = {number for number in killers if number < len(sizes)}
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sizes)), max_size=6)))
    runs = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False) if a < b]
    queue = TaskQueue(dataset_of(sizes), runs, workers)
    labelled, given_up = [], []
    while task := queue.take(0):
        numbers = range(task.start, task.start + len(task.structures))
        assert task.structures.n_atoms.tolist() == [sizes[number] for number in numbers]
        if killers & set(numbers):
            result = queue.lost(task, Lost("died", certain))
            if result is not None:
                given_up += numbers
                assert result.failures == {0: "died"}
                assert np.isnan(result.energies).all()
        else:
            queue.done(task, 0.01 * len(task.structures))
            labelled += numbers
    wanted = {number for run in runs for number in range(*run)}
    assert sorted(labelled) == sorted(wanted - killers)
    assert sorted(given_up) == sorted(wanted & killers)


def test_a_suspect_is_tried_again_while_nothing_else_is():
    """Where one death is blamed on several tasks, the innocent are labelled."""
    queue = TaskQueue(dataset_of([2, 3, 4]), [(0, 3)], 3)
    for _ in range(2):
        together = [queue.take(number) for number in range(3)]
        assert [task.alone for task in together] == [False] * 3
        assert [queue.lost(task, Lost("one of us", certain=False)) for task in together] == [
            None
        ] * 3
    assert queue.take(1) is None
    for size in (2, 3, 4):
        suspect = queue.take(0)
        assert (suspect.alone, suspect.structures.n_atoms.tolist()) == (True, [size])
        assert queue.take(1) is None
        if size == 3:
            assert queue.lost(suspect, Lost("me", certain=False)).failures == {0: "me"}
        else:
            queue.done(suspect, 0.1)
    assert queue.take(0) is None


def test_tasks_grow_to_some_seconds_and_shrink_towards_the_end(monkeypatch):
    monkeypatch.setattr(driver, "TASK_SECONDS", 1.0)
    queue = TaskQueue(dataset_of([10] * 1000), [(0, 1000)], 2)
    lengths = []
    while task := queue.take(0):
        queue.done(task, 0.01 * len(task.structures))
        lengths.append(len(task.structures))
    assert lengths[0] == 1  # nothing was known
    assert max(lengths) == 100  # in a second
    assert lengths[-1] == 1
    assert lengths[1:] == sorted(lengths[1:], reverse=True)


def test_workers_that_only_die_are_not_fed_for_ever():
    queue = TaskQueue(dataset_of([3] * 100), [(0, 100)], 1)

    def only_die():
        while task := queue.take(0):
            queue.lost(task, Lost("no memory"))

    with pytest.raises(TeacherError, match=r"workers died in a row.*: no memory"):
        only_die()


@settings(max_examples=25, deadline=None)  # each writes files, and waits for the disk
@given(st.sets(st.integers(0, 40)), st.data())
def test_segments_know_what_is_missing(tmp_path_factory, cuts, data):
    segments = LabelSegments(tmp_path_factory.mktemp("segments"))
    edges = sorted(cuts | {0, 40})
    runs = list(pairwise(edges))
    done = [run for run in data.draw(st.permutations(runs)) if data.draw(st.booleans())]
    for start, stop in done:
        labels = Labels(np.arange(start, stop) * 1.0, np.full((stop - start, 3), start * 1.0))
        segments.add(start, labels, {start: f"failed {start}"})
    missing = {number for run in segments.missing(40) for number in range(*run)}
    assert missing == set(range(40)) - {number for run in done for number in range(*run)}
    assert segments.failures() == {start: f"failed {start}" for start, _ in done}
    kept = [energy for labels in segments.labels() for energy in labels.energies.tolist()]
    assert kept == sorted(set(range(40)) - missing)


def test_a_damaged_segment_is_named(tmp_path):
    segments = LabelSegments(tmp_path)
    segments.add(0, Labels(np.zeros(2), np.zeros((2, 3))), {})
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(IntegrityError, match=path.name) as problem:
        list(segments.labels())
    assert "Remove it" in problem.value.hint
