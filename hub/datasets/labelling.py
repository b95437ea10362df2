"""Give a whole dataset one more label set: everything that it has stays as it is, and shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import to_builtins

from hub.datasets.dataset import Dataset
from hub.datasets.layout import (
    ATTRIBUTE,
    GROUP,
    METADATA,
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

    from hub.datasets.blocks import Labels

_REWRITTEN = (f"{GROUP}/{METADATA}", CARD_NAME)


def add_label_set(
    source: Path, target: Path, name: str, label_set: LabelSet, labels: Iterable[Labels]
) -> Dataset:
    """Write a dataset that has all of another, and a label set besides.

    Parameters
    ----------
    source
        The directory of a dataset's version; its files are linked to where that can be done, and
        its card is left out.
    target
        The directory of the new one, in a folder that carries our marker; what a predecessor left
        there is removed.
    name, label_set
        The new label set, and what is known about it.
    labels
        Of all structures in order, some at a time.

    Raises
    ------
    DataError
        If there is a label set of that name, or the labels are not of all structures.
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
    energies = ShardWriter(group, ArraySpec(label_array(name, "energies"), np.dtype(np.float64)))
    forces_spec = ArraySpec(label_array(name, "forces"), np.dtype(dataset.dtype), (3,), True)
    forces = ShardWriter(group, forces_spec)
    for each in labels:
        energies.append(each.energies)
        forces.append(each.forces)
    if (len(energies), len(forces)) != (dataset.n_structures, dataset.n_atoms):
        raise DataError(
            f"there are labels of {len(energies)} structures and {len(forces)} atoms for "
            f"{dataset.n_structures} structures of {dataset.n_atoms} atoms"
        )
    energies.finish()
    forces.finish()
    write_group(group, f"labels/{name}", label_set.to_attributes())
    attributes = read_group(dataset.path)
    facts = read_attributes(attributes, str(source))
    facts.label_sets = sorted([*facts.label_sets, name])
    write_group(group, attributes={**attributes, ATTRIBUTE: to_builtins(facts)})
    remove(target / WRITING)
    return Dataset(target)


def refuse_existing(dataset: Dataset, name: str) -> None:
    """Raise `DataError` if a dataset has a label set of that name, or could not have one."""
    if check_label_name(name) in dataset.label_sets:
        raise DataError(
            f"{dataset.name} has a label set {name!r} already",
            "Labels never change. Give the new ones another name.",
        )
