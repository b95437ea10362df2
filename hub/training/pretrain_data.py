"""The structures of a dataset for pre-training, and those held out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.importing import DEFAULT_LABELS, file_source, write_dataset
from hub.datasets.layout import LabelSet, is_dataset
from hub.datasets.loading import open_dataset
from hub.datasets.selection import Choice
from hub.datasets.streaming import Stream
from hub.errors import DataError
from hub.structures.arrays import chosen_indices
from hub.structures.checks import check_structures
from hub.structures.neighbours import NeighbourLists
from hub.structures.reference_energies import fit_to_composition, isolated_atoms
from hub.structures.splits import split_by_trajectory
from hub.training.data import stop_on_errors
from hub.training.run_files import DATASET_NAME
from registry.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from hub.datasets.dataset import Dataset
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.checks import Finding
    from hub.structures.reference_energies import ReferenceEnergies
    from hub.training.job import PretrainJob
    from hub.training.reporter import Reporter

MOST_ATOMS_IN_MEMORY = 1_000_000  # whose graphs take about a gigabyte
_SAMPLE = 500  # number of structures to check when streaming from disk
TRAJECTORY = "run_id"  # the column with the trajectory of a structure


@dataclass(frozen=True)
class Chosen:
    """Structures of a dataset, checked.

    Attributes
    ----------
    train
        Neighbour lists of the training structures, or of a sample if they are streamed from disk.
    stream
        The training structures, if they are streamed from disk.
    validation, test
        Neighbour lists of the held-out structures.
    census
        Of the training structures.
    findings
        Findings in all structures with neighbour lists.
    notes
        Notes to the user on the structures and how they were chosen.
    origin
        The dataset, and how structures were chosen from it; for the card.
    """

    train: NeighbourLists
    stream: Stream | None
    validation: NeighbourLists
    test: NeighbourLists
    census: Census
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    origin: dict[str, Any]


def dataset_of(data: str, folder: Path) -> str:
    """Return the dataset that a user named; a file of structures is written to the folder as one.

    Raises
    ------
    DataError
        If the file cannot be read, or it is not clear which entries are the labels.
    StorageError
        If the disk is full or cannot be written.
    """
    path, place = user_path(data), folder / DATASET_NAME
    if is_dataset(place):
        return str(place)  # the run is resumed
    if not path.is_file():
        return data
    write_dataset(place, file_source([data]), DEFAULT_LABELS, LabelSet(source=path.name))
    return str(place)


def read_dataset(job: PretrainJob, cutoff: float, reporter: Reporter) -> Chosen:
    """Choose structures, hold out whole trajectories, and read only these.

    Raises
    ------
    DataError
        If there is no such label set, too few structures are left, or a check finds an error.
    RegistryError
        As `hub.pull` does.
    """
    choice, wanted = Choice(job.where), job.labels or None
    pulled = choice if choice.is_any else None
    dataset = open_dataset(job.data, wanted, pulled, reporter.counting("pulling"))
    labels = dataset.labels_name(wanted)
    if not labels:
        raise DataError(f"{dataset.name} has no label sets", "Add one with `hub relabel`.")
    labelled = dataset.choose(labels, choice, labelled_only=True)
    unlabelled = len(dataset.choose(labels, choice)) - len(labelled)
    trajectories, notes = _trajectories(dataset, labelled)
    drawn = split_by_trajectory(trajectories, job.n, job.held_out, job.seed)
    sides = (drawn.train, drawn.validation, drawn.test)
    frames = np.sort(np.concatenate(sides))
    everything = Stream(dataset, labels, labelled[frames])
    census = take_census(everything, reporter.counting("reading"))
    usable, left_out = _usable(census, job.max_force)
    left_out = {f"without {labels} labels": unlabelled} | left_out
    everything, frames = everything.select(usable), frames[usable]
    in_train, in_validation, in_test = (np.isin(frames, side) for side in sides)
    named = trajectories[frames]
    notes += [f"left out {n} structures {reason}" for reason, n in left_out.items() if n]
    notes.append(
        f"{_frames(named[in_train])} for training, {_frames(named[in_validation])} for "
        f"validation, {_frames(named[in_test])} for testing (seed {job.seed})"
    )
    streams = everything.n_atoms[in_train].sum() > MOST_ATOMS_IN_MEMORY
    if streams:
        notes.append(f"streamed from disk; only {_SAMPLE} training structures are checked")
    seen = _sample(in_train, job.seed) | ~in_train if streams else np.ones(len(frames), np.bool_)
    lists = NeighbourLists(dataset.take(labels, everything.chosen[seen]), cutoff)
    progress = reporter.counting("checking")
    findings = check_structures(lists.structures, None, cutoff, progress, lists)
    stop_on_errors(lists.structures, findings)
    return Chosen(
        lists.select(in_train[seen]),
        everything.select(in_train) if streams else None,
        lists.select(in_validation[seen]),
        lists.select(in_test[seen]),
        census.select(np.flatnonzero(usable)[in_train]),
        tuple(findings),
        tuple(notes),
        origin={
            "dataset": dataset.name,
            "dataset_digest": dataset.digest or None,
            "labels": {"name": labels, **asdict(dataset.label_sets[labels])},
            "where": job.where,
            "n_test": int(in_test.sum()),
            "left_out": left_out,
            "validation_trajectories": np.unique(named[in_validation]).tolist(),
            "test_trajectories": np.unique(named[in_test]).tolist(),
        },
    )


def _sample(in_train: BoolArray, seed: int) -> BoolArray:
    """Return (S,) which training structures to check when streaming from disk."""
    places = np.flatnonzero(in_train)
    drawn = np.random.default_rng(seed).choice(places, min(_SAMPLE, len(places)), replace=False)
    sample = np.zeros(len(in_train), np.bool_)
    sample[drawn] = True
    return sample


def _trajectories(dataset: Dataset, chosen: IntArray) -> tuple[npt.NDArray[Any], list[str]]:
    """Return the trajectory of each structure, and notes to the user."""
    if TRAJECTORY in dataset.structure_extras:
        return dataset.column(TRAJECTORY)[chosen], []
    note = (
        f"{dataset.name} has no column {TRAJECTORY!r}: structures are held out at random; if they "
        "are frames of trajectories, errors will be underestimated"
    )
    return np.arange(len(chosen)), [note]


def _usable(census: Census, max_force: float) -> tuple[BoolArray, dict[str, int]]:
    """Return (S,) which structures are usable, and the number of unusable ones by reason."""
    complete = ~np.isnan(census.largest_forces)
    moderate = ~(census.largest_forces > max_force)
    reasons = {
        "without all forces": int((~complete).sum()),
        f"with forces above {max_force:g} eV/Å": int((~moderate).sum()),
    }
    return complete & moderate, reasons


def _frames(trajectories: npt.NDArray[Any]) -> str:
    return f"{len(trajectories)} structures of {len(np.unique(trajectories))} trajectories"


@dataclass(frozen=True, eq=False)
class Census:
    """Facts about S labelled structures.

    Attributes
    ----------
    symbols
        (E,) chemical symbols, sorted.
    composition
        (S, E) number of atoms of each element.
    alone
        (S,) whether the structure is an isolated atom.
    energies
        (S,) in eV; NaN where absent.
    largest_forces
        (S,) largest component in eV/Å; NaN where one is missing.
    squared_forces
        (S, 2) sum of the squares of the force labels, (eV/Å)^2, and their number.
    has_stress
        (S,) whether there is a stress label.
    """

    symbols: tuple[str, ...]
    composition: IntArray
    alone: BoolArray
    energies: FloatArray
    largest_forces: FloatArray
    squared_forces: FloatArray
    has_stress: BoolArray

    @property
    def force_scale(self) -> float:
        """Root mean square of the force labels, in eV/Å."""
        total, count = self.squared_forces.sum(axis=0).tolist()
        return float(np.sqrt(total / count))

    def reference_energies(self) -> ReferenceEnergies:
        """Fit the energy of each element that occurs; raises as `fit_reference_energies` does."""
        present = self.composition.any(axis=0)
        symbols = tuple(np.array(self.symbols)[present].tolist())
        return fit_to_composition(symbols, self.composition[:, present], self.energies, self.alone)

    def select(self, indices: npt.ArrayLike) -> Census:
        """Return the facts about some structures."""
        chosen = chosen_indices(indices, len(self.energies))
        arrays = {name: value for name, value in vars(self).items() if name != "symbols"}
        return Census(self.symbols, **{name: value[chosen] for name, value in arrays.items()})


def take_census(
    stream: Stream, progress: Callable[[int, int | None], None] | None = None
) -> Census:
    """Read all structures of a stream once; `progress` is called with the number done.

    Raises
    ------
    IntegrityError
        If a shard is missing or corrupted.
    """
    symbols = stream.elements
    columns = {symbol: column for column, symbol in enumerate(symbols)}
    parts: dict[str, list[Any]] = {}
    done = 0
    for piece in stream.pieces():
        composition = np.zeros((len(piece), len(symbols)), np.int64)
        composition[:, [columns[symbol] for symbol in piece.elements]] = piece.composition
        squares = np.square(piece.force_labels)
        counts = np.isfinite(squares).sum(axis=1)
        facts = {
            "composition": composition,
            "alone": isolated_atoms(piece),
            "energies": piece.energies,
            "largest_forces": piece.per_structure(np.maximum, np.abs(piece.forces).max(axis=1)),
            "squared_forces": np.stack(
                [
                    piece.per_structure(np.add, np.nansum(squares, axis=1)),
                    piece.per_structure(np.add, counts.astype(np.float64)),
                ],
                axis=1,
            ),
            "has_stress": piece.has_stress,
        }
        for name, values in facts.items():
            parts.setdefault(name, []).append(values)
        done += len(piece)
        if progress is not None:
            progress(done, len(stream))
    return Census(symbols, **{name: np.concatenate(values) for name, values in parts.items()})
