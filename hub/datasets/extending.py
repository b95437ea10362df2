"""Extend a dataset: labels are joined to its structures by id; new structures are appended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.blocks import Labels, structure_ids
from hub.datasets.names import PROPERTIES
from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.datasets.blocks import Block
    from hub.datasets.dataset import Dataset
    from hub.structures.arrays import FloatArray


class Extension:
    """A dataset and the data added to it.

    Parameters
    ----------
    dataset
        The existing dataset.
    labels
        The name of the new label set.
    """

    def __init__(self, dataset: Dataset, labels: str) -> None:
        self.dataset = dataset
        self.labels = labels
        self._known = {each.tobytes() for each in dataset.ids}
        self._found: dict[bytes, Labels] = {}  # of one structure each

    def gather(self, blocks: Iterable[Block]) -> None:
        """Collect the labels of structures that the dataset has; they are kept in memory.

        Raises
        ------
        DataError
            If a structure has two different labels.
        """
        for block in blocks:
            labels = block.labels.get(self.labels)
            if labels is None:
                continue
            for index, each in enumerate(self._ids(block)):
                if each in self._known:
                    atoms = block.structures.atoms_of(index)
                    self._keep(each, labels.select(slice(index, index + 1), atoms), block, index)

    def blocks(self, done: int = 0) -> Iterator[tuple[int, Block]]:
        """Yield the dataset with the collected labels, without its first `done` blocks.

        Raises
        ------
        DataError
            If the label set already exists and already has labels of one of the structures.
        """
        for number, block in enumerate(self.dataset.blocks(), start=1):
            if number > done:
                yield number, self._labelled(block) if self._found else block

    def new_of(self, block: Block) -> Block:
        """Return the structures of a block that are not in the dataset."""
        return block.select(np.array([each not in self._known for each in self._ids(block)]))

    def _ids(self, block: Block) -> list[bytes]:
        return [each.tobytes() for each in structure_ids(block.structures, self.dataset.dtype)]

    def _keep(self, each: bytes, labels: Labels, block: Block, index: int) -> None:
        if not _are_same(self._found.setdefault(each, labels), labels):
            raise DataError(
                f"{block.structures.where(index)} is a duplicate of an earlier structure, with "
                "different labels",
                "If they were computed with different settings, keep only the right one.",
            )

    def _labelled(self, block: Block) -> Block:
        """Join the collected labels to a block of the dataset."""
        structures = block.structures
        sizes = len(structures), len(structures.numbers)
        labels = block.labels.get(self.labels, Labels.absent(*sizes))
        places = {index: each for index, each in enumerate(self._ids(block)) if each in self._found}
        joined = _widened(labels, [self._found[each] for each in places.values()], *sizes)
        for index, each in places.items():
            atoms = structures.atoms_of(index)
            own = joined.select(slice(index, index + 1), atoms)
            if any(np.isfinite(values).any() for values in _arrays(own).values()):
                raise DataError(
                    f"{structures.where(index)} already has {self.labels} labels",
                    "Labels are immutable. Choose another name for the new ones with --labels.",
                )
            for name, values in _arrays(self._found[each]).items():
                if _arrays(own)[name].shape != values.shape:
                    raise DataError(f"{name} of {structures.where(index)} have a different shape")
                _arrays(own)[name][:] = values
        return replace(block, labels={**block.labels, self.labels: joined})


def _arrays(labels: Labels) -> dict[str, FloatArray]:
    return {**labels.by_structure, **labels.by_atom}


def _are_same(one: Labels, other: Labels) -> bool:
    """Whether labels of one structure are equal, including absent ones."""
    first, second = _arrays(one), _arrays(other)
    absent = {name: np.full_like(values, np.nan) for name, values in (first | second).items()}
    return all(
        np.array_equal(first.get(name, nothing), second.get(name, nothing), equal_nan=True)
        for name, nothing in absent.items()
    )


def _widened(labels: Labels, others: list[Labels], n_structures: int, n_atoms: int) -> Labels:
    """Return a copy of labels with arrays for all properties that others have."""
    properties = {name: values.copy() for name, values in labels.properties.items()}
    for name, values in ((n, v) for other in others for n, v in other.properties.items()):
        rows = n_atoms if PROPERTIES[name].per_atom else n_structures
        properties.setdefault(name, np.full((rows, *values.shape[1:]), np.nan))
    return Labels(labels.energies.copy(), labels.forces.copy(), properties)
