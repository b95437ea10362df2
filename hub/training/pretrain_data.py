"""The structures of a dataset that a model is pre-trained on, and those held out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.layout import label_array
from hub.datasets.loading import open_dataset
from hub.datasets.selection import Choice
from hub.errors import DataError
from hub.structures.checks import check_structures
from hub.structures.reading import ReadResult
from hub.structures.splits import Split, split_by_trajectory
from hub.training.job_data import Data

if TYPE_CHECKING:
    import numpy.typing as npt

    from hub.datasets.dataset import Dataset
    from hub.structures import StructureSet
    from hub.structures.arrays import BoolArray, IntArray
    from hub.training.pretrain_job import PretrainJob
    from hub.training.reporter import Reporter

TRAJECTORY = "run_id"  # the column that says which trajectory a structure is of


@dataclass(frozen=True)
class Chosen:
    """Structures of a dataset, checked.

    Attributes
    ----------
    data
        The chosen structures and what was found in them.
    split
        Indices into them.
    origin
        Which dataset, and how they were chosen; for the card.
    """

    data: Data
    split: Split
    origin: dict[str, Any]


def read_dataset(job: PretrainJob, cutoff: float, reporter: Reporter) -> Chosen:
    """Choose structures, hold out whole trajectories, and read no more than these.

    Raises
    ------
    DataError
        If there is no such label set, or too few structures are left.
    RegistryError
        As `hub.pull` does.
    """
    choice, wanted = Choice(job.where), job.labels or None
    pulled = choice if choice.is_any else None
    dataset = open_dataset(job.data, wanted, pulled, reporter.counting("pulling"))
    labels = dataset.labels_name(wanted)
    if not labels:
        raise DataError(f"{dataset.name} has no label sets", "Add one: hub relabel.")
    labelled = dataset.choose(labels, choice, labelled_only=True)
    unlabelled = len(dataset.choose(labels, choice)) - len(labelled)
    trajectories, notes = _trajectories(dataset, labelled)
    drawn = split_by_trajectory(trajectories, job.n, job.held_out, job.seed)
    sides = (drawn.train, drawn.validation, drawn.test)
    frames = np.sort(np.concatenate(sides))
    structures = dataset.take(labels, labelled[frames])
    usable, left_out = _usable(structures, job.max_force)
    left_out = {f"without {labels} labels": unlabelled} | left_out
    structures, frames = structures.select(usable), frames[usable]
    train, validation, test = (np.flatnonzero(np.isin(frames, side)) for side in sides)
    named = trajectories[frames]
    notes += [f"{n} structures {reason} are left out" for reason, n in left_out.items() if n]
    notes.append(
        f"{_frames(named[train])} for training, {_frames(named[validation])} for validation, "
        f"{_frames(named[test])} for the test (seed {job.seed})"
    )
    findings = check_structures(structures, None, cutoff, reporter.counting("checking"))
    keys = label_array(labels, "energies"), label_array(labels, "forces")
    return Chosen(
        Data(ReadResult(structures, *keys), tuple(findings), None),
        Split(train, validation, test, tuple(notes)),
        origin={
            "dataset": dataset.name,
            "dataset_digest": dataset.digest or None,
            "labels": {"name": labels, **asdict(dataset.label_sets[labels])},
            "where": job.where,
            "n_test": len(test),
            "left_out": left_out,
            "validation_trajectories": np.unique(named[validation]).tolist(),
            "test_trajectories": np.unique(named[test]).tolist(),
        },
    )


def _trajectories(dataset: Dataset, chosen: IntArray) -> tuple[npt.NDArray[Any], list[str]]:
    """Return the trajectory of each structure, and what is to be said about it."""
    if TRAJECTORY in dataset.structure_extras:
        return dataset.column(TRAJECTORY)[chosen], []
    note = (
        f"{dataset.name} has no column {TRAJECTORY!r}: structures are held out at random, and if "
        "they are frames of trajectories, the errors look too good"
    )
    return np.arange(len(chosen)), [note]


def _usable(structures: StructureSet, max_force: float) -> tuple[BoolArray, dict[str, int]]:
    """Return (S,) which structures can be trained on, and the numbers of those that cannot."""
    largest = np.abs(structures.forces).max(axis=1)  # NaN where one is missing
    largest = np.maximum.reduceat(largest, structures.pointers[:-1])
    complete, moderate = ~np.isnan(largest), ~(largest > max_force)
    reasons = {
        "without all forces": int((~complete).sum()),
        f"with forces above {max_force:g} eV/Å": int((~moderate).sum()),
    }
    return complete & moderate, reasons


def _frames(trajectories: npt.NDArray[Any]) -> str:
    return f"{len(trajectories)} structures of {len(np.unique(trajectories))} trajectories"
