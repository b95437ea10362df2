"""Stream structures from disk, decoding a few shards at a time."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.dataset import Dataset
from hub.structures.arrays import chosen_indices
from hub.structures.fingerprints import joint_digest, structure_digests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from hub.datasets.loaded import LoadedStructures
    from hub.structures.arrays import IntArray

# Shards (of a million atoms, about 60 MB each) that are in memory at once and shuffled together.
WINDOW_SHARDS = 3


class Stream:
    """Some structures of a dataset, with one label set.

    Parameters
    ----------
    dataset
        The dataset that contains them.
    labels
        The name of the label set.
    chosen
        (S,) indices into the dataset, ascending.
    """

    def __init__(self, dataset: Dataset, labels: str, chosen: IntArray) -> None:
        self.dataset, self.labels, self.chosen = dataset, labels, chosen
        self.n_atoms: IntArray = np.diff(dataset.pointers)[chosen]
        self.shards: IntArray = dataset.pointers[chosen] // dataset.shard_atoms
        self._digests: tuple[str, str] | None = None  # with stresses, and without

    def __len__(self) -> int:
        return len(self.chosen)

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process reopens the files.
        dataset = self.dataset
        return _reopen, (dataset.path, dataset.name, dataset.digest, self.labels, self.chosen)

    @property
    def elements(self) -> tuple[str, ...]:
        """The chemical symbols that occur in the dataset, sorted."""
        return self.dataset.elements

    @property
    def sources(self) -> tuple[str, ...]:
        """The name of the dataset."""
        return (self.dataset.name,)

    def select(self, indices: npt.ArrayLike) -> Stream:
        """Return the structures at some places, ascending."""
        return Stream(self.dataset, self.labels, self.chosen[chosen_indices(indices, len(self))])

    def take(self, places: IntArray) -> LoadedStructures:
        """Decode the structures at some places, ascending."""
        return self.dataset.take(self.labels, self.chosen[places], lean=True)

    def pieces(self) -> Iterator[LoadedStructures]:
        """Decode all structures in their order, a shard at a time."""
        cuts = np.flatnonzero(np.diff(self.shards)) + 1
        for places in np.split(np.arange(len(self)), cuts):
            yield self.take(places)

    def digest(self, *, stresses: bool = True) -> str:
        """Return what `StructureSet.digest` of all structures is; this reads them once for both."""
        if self._digests is None:
            pieces = map(structure_digests, self.pieces())
            with_stresses, without = zip(*chain.from_iterable(pieces), strict=True)
            self._digests = joint_digest(with_stresses), joint_digest(without)
        return self._digests[not stresses]

    def windows(self, seed: Sequence[int]) -> list[IntArray]:
        """Shuffle the shards, take a few at a time, and shuffle their structures together.

        Returns
        -------
        The indices of the structures in each window, in shuffled order; each index once.
        """
        rng = np.random.default_rng(seed)
        shards = rng.permutation(np.unique(self.shards))
        starts = range(0, len(shards), WINDOW_SHARDS)
        return [
            rng.permutation(
                np.flatnonzero(np.isin(self.shards, shards[start : start + WINDOW_SHARDS]))
            )
            for start in starts
        ]


def _reopen(path: Any, name: str, digest: str, labels: str, chosen: IntArray) -> Stream:
    return Stream(Dataset(path, name, digest), labels, chosen)
