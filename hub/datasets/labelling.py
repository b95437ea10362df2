"""Add a label set to a dataset; all existing files stay unchanged and are shared."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from msgspec import to_builtins

from hub.datasets.blocks import Labels
from hub.datasets.dataset import Dataset
from hub.datasets.layout import (
    ATTRIBUTE,
    GROUP,
    METADATA,
    PROPERTY_GROUP,
    WRITING,
    LabelSet,
    check_label_name,
    label_array,
    read_attributes,
)
from hub.datasets.shards import ArraySpec, ShardWriter, read_group, write_group
from hub.errors import DataError
from registry.cards import FILE_NAME as CARD_NAME
from registry.files import place, storage_errors
from registry.removal import discard, remove

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_REWRITTEN = (f"{GROUP}/{METADATA}", CARD_NAME)


def add_label_set(
    source: Path, target: Path, name: str, label_set: LabelSet, labels: Iterable[Labels]
) -> Dataset:
    """Write a copy of a dataset with an additional label set.

    Parameters
    ----------
    source
        The directory of a dataset version; its files are linked if possible, and its card is left
        out.
    target
        The directory of the new dataset, in a folder with our marker; leftovers of a previous
        attempt are removed.
    name, label_set
        The new label set, and its description.
    labels
        The labels of all structures in order, in parts; all with the same properties.

    Raises
    ------
    DataError
        If a label set of this name exists, or the labels do not cover all structures.
    StorageError
        If the disk is full or cannot be written.
    """
    dataset = Dataset(source)
    refuse_existing(dataset, name)
    discard(target, target.parent)
    with storage_errors(target):
        for path in sorted(source.rglob("*")):
            inner = path.relative_to(source)
            if path.is_file() and inner.as_posix() not in _REWRITTEN:
                place(path, target / inner, link=True)
    group = target / GROUP
    _write_labels(group, name, labels, dataset)
    write_group(group, f"labels/{name}", label_set.to_attributes())
    if (group / label_array(name, PROPERTY_GROUP)).is_dir():
        write_group(group, label_array(name, PROPERTY_GROUP))
    attributes = read_group(dataset.path)
    facts = read_attributes(attributes, str(source))
    facts.label_sets = sorted([*facts.label_sets, name])
    write_group(group, attributes={**attributes, ATTRIBUTE: to_builtins(facts)})
    remove(target / WRITING)
    return Dataset(target)


def _write_labels(group: Path, name: str, labels: Iterable[Labels], dataset: Dataset) -> None:
    """Write the arrays of a label set, with one row per structure or per atom of a dataset."""
    arrays: dict[str, ShardWriter] = {}
    for each in chain([Labels.absent(0, 0)], labels):
        for per_atom, columns in ((False, each.by_structure), (True, each.by_atom)):
            dtype = np.dtype(dataset.dtype if per_atom else np.float64)
            for kind, values in columns.items():
                if kind not in arrays:
                    spec = ArraySpec(label_array(name, kind), dtype, values.shape[1:], per_atom)
                    arrays[kind] = ShardWriter(group, spec)
                arrays[kind].append(values)
    for kind, array in arrays.items():
        expected = dataset.n_atoms if array.spec.per_atom else dataset.n_structures
        if len(array) != expected:
            rows = "atoms" if array.spec.per_atom else "structures"
            raise DataError(f"expected {kind} of {expected} {rows}, got {len(array)}")
        array.finish()


def refuse_existing(dataset: Dataset, name: str) -> None:
    """Raise `DataError` if a dataset has a label set of this name, or the name is invalid."""
    if check_label_name(name) in dataset.label_sets:
        raise DataError(
            f"{dataset.name} already has a label set {name!r}",
            "Labels are immutable. Choose another name for the new ones.",
        )
