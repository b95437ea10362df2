"""Load datasets by name, pulling only the required parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.dataset import Dataset
from hub.datasets.layout import is_dataset, label_array
from hub.datasets.pulling import pull_dataset
from hub.datasets.selection import Choice
from hub.errors import DataError
from hub.library import catalogue
from hub.structures.collector import ReadResult
from hub.structures.reading import read_structures
from hub.structures.stress_labels import StressReading
from registry.errors import InvalidReferenceError
from registry.huggingface.addresses import Address, is_address
from registry.listing import listings
from registry.paths import user_path
from registry.references import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.datasets.loaded import LoadedStructures
    from registry.download import Progress


def is_dataset_name(place: str) -> bool:
    """Whether an argument refers to a dataset rather than to a file or a pattern of files.

    This is the case for a directory that contains a dataset and, if there is no such file, for a
    version (``name@1``) or the name of a built-in or local dataset.
    """
    path = user_path(place)
    if path.exists():
        return is_dataset(path)
    try:
        reference = Reference.parse(place)
    except InvalidReferenceError:
        return False
    if is_address(reference.registry):
        return Address.parse(reference.registry).kind == "dataset"
    known = ((row.name, row.kind) for row in listings(catalogue()))
    return bool(reference.selector) or (reference.name, "dataset") in known


def open_dataset(
    place: str | Path,
    labels: str | None = None,
    choice: Choice | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Open a dataset by its reference or directory, pulling the required parts.

    Parameters
    ----------
    place
        A reference, or a directory; an existing directory takes precedence.
    labels
        The label set that will be loaded; the only one by default, none if empty.
    choice
        The structures that will be loaded; all by default.
    progress
        Called with the number of bytes as they arrive.

    Raises
    ------
    DataError
        If it is not a dataset, has no such label set, or has several and none is named.
    RegistryError
        As in `hub.pull`.
    """
    directory = user_path(place)
    if directory.is_dir():
        return Dataset(directory)
    if labels is None:
        # The names of the label sets are in files that are always pulled.
        head = pull_dataset(str(place), labels=(), metadata_only=True)
        labels = Dataset(head.version.path, str(place)).labels_name(None)
    wanted = (labels,) if labels else ()
    pulled = pull_dataset(str(place), labels=wanted, choice=choice, progress=progress)
    version = pulled.version
    return Dataset(version.path, str(version.reference), version.digest)


def load_dataset(
    place: str | Path,
    labels: str | None = None,
    *,
    where: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> LoadedStructures:
    """Load structures with one label set; only missing parts that are required are pulled.

    Parameters
    ----------
    place
        ``name``, ``name@1.2.0``, ``name@1`` or a directory that contains a dataset.
    labels
        The name of the label set; the only one by default, and none if empty.
    where
        A condition on columns, e.g. ``density >= 2.0 and time >= 10``.
    sample
        Number of structures drawn at random without replacement from those that match.
    seed
        Seed of the random sample.
    progress
        Called with the number of bytes as they arrive.

    Returns
    -------
    A structure set with extras and ``to_ase()``, ``to_datasets()`` and ``batches()``.

    Raises
    ------
    DataError
        If there is no such label set or column, or no structure matches.
    RegistryError
        As in `hub.pull`.
    """
    choice = Choice(where, sample, seed)
    dataset = open_dataset(place, labels, choice if choice.is_any else None, progress)
    return dataset.load(labels, where=where, sample=sample, seed=seed)


def load_structures(
    place: str | Path, labels: str | None = None, progress: Progress | None = None
) -> ReadResult:
    """Load a dataset for training, like files: only structures with labels.

    Raises
    ------
    DataError
        If there is no such label set, or it has no energies.
    RegistryError
        As in `hub.pull`.
    """
    dataset = open_dataset(place, labels, progress=progress)
    name = dataset.labels_name(labels)
    if not name:
        raise DataError(f"{dataset.name} has no label sets", "Add one: hub import ... --onto.")
    structures = dataset.load(name, labelled_only=True)
    absent = int(np.isnan(dataset.read(label_array(name, "energies"))).sum())
    notes = [f"{absent} structures of {dataset.name} without {name} labels left out"]
    energy_key, forces_key = label_array(name, "energies"), label_array(name, "forces")
    stress_keys = (label_array(name, "stress"),) if structures.has_stress.any() else ()
    notes = notes if absent else []
    return ReadResult(structures, energy_key, forces_key, tuple(notes), stress_keys)


def read_files_or_dataset(
    places: Sequence[str],
    labels: str = "",
    energy_key: str | None = None,
    forces_key: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    stress: StressReading | None = None,
    *,
    require_labels: bool = True,
) -> ReadResult:
    """Read files, or the label set of one dataset.

    Parameters
    ----------
    places
        Files and patterns, or one dataset: a reference or a directory.
    labels
        The label set of a dataset; the only one if empty.
    energy_key, forces_key, progress, stress, require_labels
        As for `hub.structures.read_structures`.

    Raises
    ------
    DataError
        If they cannot be read, or several things are given and one is a dataset.
    RegistryError
        If the dataset is not on this machine and cannot be pulled.
    """
    if not labels and not any(map(is_dataset_name, places)):
        return read_structures(
            places, energy_key, forces_key, progress, require_labels=require_labels, stress=stress
        )
    if stress not in (None, StressReading()):
        raise DataError(
            f"{places[0]} is a dataset, whose stresses are those of its label set",
            "Leave out --stress-key and --stress-convention; --stress-weight 0 trains without "
            "stresses.",
        )
    require_one(places)
    return load_structures(places[0], labels or None, progress)


def require_one(places: Sequence[str]) -> None:
    """Raise a `DataError` if something is given beside a dataset."""
    if len(places) > 1:
        raise DataError(
            f"a dataset must be given alone, but there are {len(places)} inputs: "
            + ", ".join(places),
            "Use them one at a time, or merge them: hub import --onto.",
        )
