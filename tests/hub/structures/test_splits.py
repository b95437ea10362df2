from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import DataError
from hub.structures import StructureSet
from hub.structures.splits import Split, split_structures

if TYPE_CHECKING:
    from collections.abc import Sequence


def dimers(count: int, labels: Sequence[str] = (), isolated: int = 0) -> StructureSet:
    """Return dimers of growing length, then isolated atoms."""
    structures = [Atoms("C2", positions=[[0, 0, 0], [0, 0, 1.0 + i]]) for i in range(count)]
    flat = StructureSet.from_atoms(structures + [Atoms("C")] * isolated)
    if labels:
        return dataclasses.replace(flat, split_labels=np.array(labels))
    return flat


def sizes(split: Split) -> tuple[int, int, int]:
    return len(split.train), len(split.validation), len(split.test)


def all_indices(split: Split) -> list[int]:
    return np.concatenate([split.train, split.validation, split.test]).tolist()


@given(st.integers(2, 300), st.integers(0, 5), st.integers(1, 300), st.integers(0, 9))
def test_no_structure_is_used_twice(count: int, isolated: int, n_train: int, seed: int) -> None:
    structures = dimers(count, isolated=isolated)
    wanted = min(n_train, count)
    split = split_structures(structures, wanted, seed=seed)
    used = all_indices(split)
    assert len(used) == len(set(used))
    assert set(range(count, count + isolated)) <= set(split.train.tolist())
    if wanted < count:
        assert len(split.train) == wanted + isolated
    assert len(split.validation) > 0
    assert split.train.tolist() == sorted(split.train.tolist())


@pytest.mark.parametrize(
    ("count", "n_train", "expected"),
    [
        (25, None, (20, 5, 0)),
        (10, None, (8, 2, 0)),
        (2, None, (1, 1, 0)),
        (1000, None, (900, 100, 0)),
        (384, 25, (25, 10, 349)),
        (384, 100, (100, 25, 259)),
        (2000, 1000, (1000, 100, 900)),
        (40, 25, (25, 10, 0)),
        (30, 25, (25, 5, 0)),
        (25, 25, (20, 5, 0)),
    ],
)
def test_sizes(count: int, n_train: int | None, expected: tuple[int, int, int]) -> None:
    assert sizes(split_structures(dimers(count), n_train)) == expected


def test_smaller_training_sets_are_part_of_larger_ones() -> None:
    structures = dimers(400)
    trains = [set(split_structures(structures, n, seed=3).train) for n in (25, 100, 250)]
    assert trains[0] < trains[1] < trains[2]
    assert set(split_structures(structures, 25, seed=4).train) != trains[0]
    again = split_structures(structures, 25, seed=3)
    assert set(again.train) == trains[0]


def test_too_few_structures_are_refused() -> None:
    with pytest.raises(DataError, match="31 training structures requested, but 30"):
        split_structures(dimers(30), 31)
    with pytest.raises(DataError, match="one structure cannot be both"):
        split_structures(dimers(1))
    with pytest.raises(DataError, match="no structures to train on"):
        split_structures(dimers(0, isolated=3))
    with pytest.raises(DataError, match="no structures"):
        split_structures(dimers(5), 0)


def test_labels_of_the_files_are_honoured() -> None:
    labels = ["train"] * 20 + ["validation"] * 5 + ["test"] * 7 + [""] * 2
    split = split_structures(dimers(34, labels))
    assert split.train.tolist() == [*range(20), 32, 33]
    assert split.validation.tolist() == list(range(20, 25))
    assert split.test.tolist() == list(range(25, 32))
    assert "2 without a label, used as train" in split.notes[0]
    few = split_structures(dimers(34, labels), 8)
    assert sizes(few) == (8, 5, 7)
    assert set(few.train) < set(split.train)
    assert "14 structures are not used" in few.notes


def test_validation_is_drawn_where_labels_leave_it_open() -> None:
    labels = ["train"] * 40 + ["test"] * 10
    split = split_structures(dimers(50, labels))
    assert sizes(split) == (35, 5, 10)
    assert split.test.tolist() == list(range(40, 50))


def test_a_test_set_is_never_trained_on() -> None:
    structures = dimers(60)
    split = split_structures(structures, test=structures.select([4, 5, 6]))
    assert not {4, 5, 6} & set(all_indices(split))
    assert len(split.test) == 0
    assert any("3 structures are also in the test set" in note for note in split.notes)
    labels = ["train"] * 50 + ["test"] * 10
    split = split_structures(dimers(60, labels), test=dimers(80).select(range(70, 80)))
    assert not set(range(50, 60)) & set(all_indices(split))


def test_a_missing_test_set_is_said() -> None:
    assert "there is no test set" in split_structures(dimers(30)).notes
    assert "there is no test set" not in split_structures(dimers(90), 25).notes


def test_trajectory_frames_on_both_sides_are_said() -> None:
    frames = [Atoms("C2", positions=[[0, 0, 0], [0, 0, 1.3 + 0.01 * i]]) for i in range(60)]
    split = split_structures(StructureSet.from_atoms(frames), 25)
    (note,) = [note for note in split.notes if "trajectory" in note]
    torn = sum(
        (i in split.train) != (i + 1 in split.train)
        for i in range(59)
        if i in all_indices(split) and i + 1 in all_indices(split)
    )
    assert note.startswith(f"{torn} pairs")
