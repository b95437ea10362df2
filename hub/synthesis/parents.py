"""The given structures: those that a fine-tuning trains on, and the files of its split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.loading import read_files_or_dataset
from hub.errors import DataError
from hub.structures.reading import read_structures
from hub.structures.reference_energies import isolated_atoms
from hub.structures.splits import split_structures
from hub.structures.writing import write_labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.structures.stress_labels import StressReading
    from hub.structures.structure_set import StructureSet

SIDES = ("train", "validation", "test")


@dataclass(frozen=True)
class Divided:
    """Structures divided as `hub finetune` divides them.

    Attributes
    ----------
    train, validation, test
        Each may be empty except the first.
    notes
        Notes to the user on the data and the split.
    """

    train: StructureSet
    validation: StructureSet
    test: StructureSet
    notes: tuple[str, ...]

    @property
    def parents(self) -> StructureSet:
        """The training structures without isolated atoms."""
        return self.train.select(~isolated_atoms(self.train))


def divide(
    data: Sequence[str],
    labels: str = "",
    test: Sequence[str] = (),
    n_train: int | None = None,
    seed: int = 0,
    *,
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress: StressReading | None = None,
    require_labels: bool = True,
    progress: Callable[[int, int | None], None] | None = None,
) -> Divided:
    """Read structures, and divide them as `hub finetune` does with the same options.

    Parameters
    ----------
    data, labels, test, n_train, seed, energy_key, forces_key
        As for `hub.finetune`.
    stress
        Key and convention of the stresses; found by their names if None.
    require_labels
        Whether to refuse structures without energies or forces.
    progress
        Called with the number of structures read, and their total.

    Raises
    ------
    DataError
        If they cannot be read, or are too few.
    RegistryError
        If a dataset cannot be pulled.
    """
    keys = (energy_key, forces_key)
    read = read_files_or_dataset(
        data, labels, *keys, progress, stress, require_labels=require_labels
    )
    given = None
    if test:
        held_out = read_structures(test, *keys, require_labels=require_labels, stress=stress)
        given = held_out.structures
    structures = read.structures
    split = split_structures(structures, n_train, seed=seed, test=given)
    divided = Divided(
        structures.select(split.train),
        structures.select(split.validation),
        given if given is not None else structures.select(split.test),
        (*read.notes, *split.notes),
    )
    if not len(divided.parents):
        raise DataError("there are only isolated atoms", "Give structures of several atoms.")
    return divided


def write_split(folder: Path, divided: Divided) -> dict[str, Path]:
    """Write the files ``train.extxyz``, ``validation.extxyz`` and ``test.extxyz``.

    Each structure is labelled with its set, so that `hub finetune` uses the same ones. There is no
    file for an empty set.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    files = {}
    for name in SIDES:
        structures: StructureSet = getattr(divided, name)
        if len(structures):
            files[name] = folder / f"{name}.extxyz"
            marked = replace(structures, split_labels=np.full(len(structures), name))
            write_labelled(files[name], marked)
    return files
