"""Add to a dataset: labels go to the structures that it has, by id; other structures come after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.blocks import Labels, structure_ids
from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.datasets.blocks import Block
    from hub.datasets.dataset import Dataset
    from hub.structures.arrays import FloatArray


class Extension:
    """A dataset and what is added to it.

    Parameters
    ----------
    dataset
        What there is.
    labels
        The name of the label set that comes.
    """

    def __init__(self, dataset: Dataset, labels: str) -> None:
        self.dataset = dataset
        self.labels = labels
        self._known = {each.tobytes() for each in dataset.ids}
        self._found: dict[bytes, tuple[float, FloatArray]] = {}

    def gather(self, blocks: Iterable[Block]) -> None:
        """Take the labels of those structures that the dataset has; they are kept in memory.

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
                    forces = labels.forces[block.structures.atoms_of(index)]
                    self._keep(each, float(labels.energies[index]), forces, block, index)

    def blocks(self, done: int = 0) -> Iterator[tuple[int, Block]]:
        """Give the dataset with the labels that were gathered, without its first `done` blocks.

        Raises
        ------
        DataError
            If the label set is there already and has labels of a structure that come again.
        """
        for number, block in enumerate(self.dataset.blocks(), start=1):
            if number > done:
                yield number, self._labelled(block) if self._found else block

    def new_of(self, block: Block) -> Block:
        """Return the structures of a block that the dataset lacks."""
        return block.select(np.array([each not in self._known for each in self._ids(block)]))

    def _ids(self, block: Block) -> list[bytes]:
        return [each.tobytes() for each in structure_ids(block.structures, self.dataset.dtype)]

    def _keep(
        self, each: bytes, energy: float, forces: FloatArray, block: Block, index: int
    ) -> None:
        before = self._found.setdefault(each, (energy, forces))
        if not np.array_equal(before[0], energy, equal_nan=True) or not np.array_equal(
            before[1], forces, equal_nan=True
        ):
            raise DataError(
                f"{block.structures.where(index)} is a structure that came before, with other "
                "labels",
                "Were they computed with different settings? Keep the right one.",
            )

    def _labelled(self, block: Block) -> Block:
        """Join the labels that were gathered to a block of the dataset."""
        structures = block.structures
        own = block.labels.get(self.labels)
        energies = own.energies.copy() if own else np.full(len(structures), np.nan)
        forces = own.forces.copy() if own else np.full((len(structures.numbers), 3), np.nan)
        for index, each in enumerate(self._ids(block)):
            if each not in self._found:
                continue
            atoms = structures.atoms_of(index)
            if np.isfinite(energies[index]) or np.isfinite(forces[atoms]).any():
                raise DataError(
                    f"{structures.where(index)} has {self.labels} labels already",
                    "Labels never change. Give the new ones another name with --labels.",
                )
            energies[index], forces[atoms] = self._found[each]
        return replace(block, labels={**block.labels, self.labels: Labels(energies, forces)})
