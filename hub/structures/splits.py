"""Splitting structures into training, validation and test sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError
from hub.structures.identity import is_among, same_as_before
from hub.structures.reference_energies import isolated_atoms
from hub.structures.trajectories import trajectory_neighbours

if TYPE_CHECKING:
    import numpy.typing as npt

    from hub.structures.arrays import BoolArray, IntArray
    from hub.structures.structure_set import StructureSet

_FEWEST_VALIDATION = 10
_MOST_VALIDATION = 100
_FEWEST_TEST = 10
_FEWEST_TRAJECTORIES = 3
_TRAJECTORIES_ASIDE = 0.1  # share for validation, and the same for the test


@dataclass(frozen=True)
class Split:
    """Indices into one structure set, each sorted; no index occurs twice.

    Attributes
    ----------
    train, validation, test
        Indices. `test` is empty when the test set is another structure set.
    notes
        How the split was made, and problems with it.
    """

    train: IntArray
    validation: IntArray
    test: IntArray
    notes: tuple[str, ...]


def split_structures(
    structures: StructureSet,
    n_train: int | None = None,
    validation_fraction: float = 0.1,
    seed: int = 0,
    test: StructureSet | None = None,
) -> Split:
    """Split a structure set for training.

    Split labels in the files are respected. All other structures are drawn at random:

    - with `n_train`, this many structures are for training; the validation set (a quarter as many,
      but 10 to 100) is drawn from the rest, and what then remains is the test set if it has at
      least 10 structures and there is no other. A smaller `n_train` gives a subset of a larger one
      with the same seed.
    - without, `validation_fraction` of the structures (up to a fifth of small sets, to reach 5) is
      for validation and the others for training.

    Isolated atoms are always in the training set, and not counted. Structures that are also in
    `test`, or among those labelled for validation or test, are used for nothing else; of duplicate
    structures (see `hub.structures.identity`), the first is used.

    Raises
    ------
    DataError
        If there are not enough structures.
    """
    notes: list[str] = []
    labels = structures.split_labels
    given = {name: np.flatnonzero(labels == name) for name in ("train", "validation", "test")}
    free = ~np.isin(labels, ["validation", "test"])
    if (labels != "").any():
        notes.append(
            "split labels of the files are used: "
            + ", ".join(f"{len(indices)} {name}" for name, indices in given.items())
            + f", {int((labels == '').sum())} without a label, used as train"
        )
    if test is not None:
        free &= _not_among(structures, test, notes)
    single = isolated_atoms(structures)
    free &= single | _not_held_out_nor_repeated(structures, free, notes)
    alone = single & free
    order = np.random.default_rng(seed).permutation(len(structures))
    pool = order[(free & ~alone)[order]]
    train, validation, rest = _divide(pool, given["validation"], n_train, validation_fraction)
    notes.append(
        f"{len(train)} structures for training and {len(validation)} for validation (seed {seed})"
    )
    test_indices = given["test"] if test is None else np.empty(0, np.int64)
    if test is None and not len(test_indices) and len(rest) >= _FEWEST_TEST:
        test_indices = rest
        notes.append(f"the remaining {len(rest)} structures are the test set")
    elif len(rest):
        notes.append(f"{len(rest)} structures are not used")
    if alone.any():
        train = np.concatenate([train, np.flatnonzero(alone)])
        notes.append(f"{int(alone.sum())} isolated atoms are added to the training set")
    if test is None and not len(test_indices):
        notes.append("there is no test set")
    notes += _note_on_neighbours(structures, train, np.concatenate([validation, test_indices]))
    return Split(np.sort(train), np.sort(validation), np.sort(test_indices), tuple(notes))


def split_by_trajectory(
    trajectories: npt.NDArray[Any], n_train: int | None = None, held_out: int = 200, seed: int = 0
) -> Split:
    """Split frames so that each trajectory is in one set only.

    A tenth of the trajectories is for validation and a tenth for the test, but no more than
    `held_out` of them. In each set, frames are drawn at random and evenly over the trajectories, as
    far as each has enough. A smaller `n_train` gives a subset of a larger one with the same seed.

    Parameters
    ----------
    trajectories
        (S,) name or number of the trajectory of each frame.
    n_train
        Number of training frames; all that are not held out if None.
    held_out
        Maximum number of frames for validation, and for the test.
    seed
        Seed of the random draws.

    Raises
    ------
    DataError
        If there are fewer than three trajectories, or too few frames.
    """
    rng = np.random.default_rng(seed)
    names, trajectory = np.unique(trajectories, return_inverse=True)
    if len(names) < _FEWEST_TRAJECTORIES:
        raise DataError(
            f"{len(names)} trajectories are too few to hold out some for validation and test",
            f"Give at least {_FEWEST_TRAJECTORIES}.",
        )
    aside = max(1, min(round(_TRAJECTORIES_ASIDE * len(names)), held_out))
    shuffled = rng.permutation(len(names))
    order = _evenly(trajectory, rng)
    sides = np.split(shuffled, [aside, 2 * aside])
    validation, test, train = (order[np.isin(trajectory[order], side)] for side in sides)
    wanted = len(train) if n_train is None else n_train
    if wanted > len(train):
        raise DataError(
            f"{wanted} training structures requested, but only {len(train)} are available besides "
            "those held out",
            "Request fewer, or give more data.",
        )
    validation, test = validation[:held_out], test[:held_out]
    return Split(np.sort(train[:wanted]), np.sort(validation), np.sort(test), ())


def _evenly(trajectory: IntArray, rng: np.random.Generator) -> IntArray:
    """Order frames randomly so that every leading part is spread evenly over the trajectories."""
    frames = rng.permutation(len(trajectory))
    frames = frames[np.argsort(trajectory[frames], kind="stable")]
    _, starts, counts = np.unique(trajectory[frames], return_index=True, return_counts=True)
    turn = np.arange(len(frames)) - np.repeat(starts, counts)
    order: IntArray = frames[np.lexsort((rng.random(len(frames)), turn))]
    return order


def _divide(
    pool: IntArray, validation: IntArray, n_train: int | None, fraction: float
) -> tuple[IntArray, IntArray, IntArray]:
    """Divide the shuffled `pool` into training, validation (unless given) and the rest."""
    wanted = len(pool) if n_train is None else n_train
    if not 1 <= wanted <= len(pool):
        raise DataError(
            f"{wanted} training structures requested, but {len(pool)} are available"
            if wanted
            else "there are no structures to train on",
            "Give more data, or change --n-train.",
        )
    train, rest = pool[:wanted], pool[wanted:]
    if len(validation):
        return train, validation, rest
    if len(rest):
        n_validation = min(max(wanted // 4, _FEWEST_VALIDATION), _MOST_VALIDATION, len(rest))
        # From the end, so that the validation sets of one seed are nested too.
        return train, rest[-n_validation:], rest[:-n_validation]
    n_validation = max(round(fraction * wanted), min(5, wanted // 5), 1)
    if n_validation >= wanted:
        raise DataError(
            "one structure cannot be both the training and the validation set",
            "Give at least two structures besides isolated atoms.",
        )
    return train[:-n_validation], train[-n_validation:], rest


def _not_among(structures: StructureSet, test: StructureSet, notes: list[str]) -> BoolArray:
    """Return (S,) whether each structure is absent from the test set."""
    absent = ~is_among(structures, test)
    if not absent.all():
        notes.append(
            f"{int((~absent).sum())} structures are also in the test set and not trained on"
        )
    return absent


def _not_held_out_nor_repeated(
    structures: StructureSet, free: BoolArray, notes: list[str]
) -> BoolArray:
    """Return (S,) whether a structure differs from all held-out and all previous ones."""
    first = same_as_before(structures)
    held_out = np.isin(first, first[np.isin(structures.split_labels, ["validation", "test"])])
    places = np.flatnonzero(free)
    once = np.zeros(len(structures), np.bool_)
    once[places[np.unique(first[places], return_index=True)[1]]] = True
    for concerned, why in (
        (free & held_out, "are duplicates of some labelled for validation or test, and not used"),
        (free & ~held_out & ~once, "are duplicates of earlier ones, and not used"),
    ):
        count = int((concerned & ~isolated_atoms(structures)).sum())
        if count:
            notes.append(f"{count} structures {why}")
    return ~held_out & once


def _note_on_neighbours(structures: StructureSet, train: IntArray, held_out: IntArray) -> list[str]:
    """Say how many frames of a trajectory have a neighbour on the other side of the split."""
    in_train, outside = np.zeros((2, len(structures)), np.bool_)
    in_train[train] = True
    outside[held_out] = True
    later = np.flatnonzero(trajectory_neighbours(structures))
    torn = (in_train[later] & outside[later - 1]) | (outside[later] & in_train[later - 1])
    if not torn.any():
        return []
    note = (
        f"{int(torn.sum())} pairs of neighbouring trajectory frames are split between training and "
        "the validation or test set, whose errors will look too small; give an independent test "
        "set with --test"
    )
    return [note]
