"""Batches for the training loop: from graphs in memory, or from the shards of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from hub.errors import TrainingError
from hub.potentials.batches import batches_by_edges, collate
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.training.process_group import ALONE
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.datasets.streaming import Stream
    from hub.potentials.batches import LabelledBatch
    from hub.potentials.potential import Potential
    from hub.structures.arrays import IntArray
    from hub.structures.graphs import Graph
    from hub.training.process_group import ProcessGroup

_PREFETCHED = 4  # batches that each worker has ready


class Loader(Protocol):
    """Gives the training structures in batches, each structure once an epoch."""

    def __len__(self) -> int:
        """Return the number of structures."""

    def batches(self, epoch: int, size: int, start: int = 0) -> Iterator[Sequence[LabelledBatch]]:
        """Give this process's share of each batch of an epoch, on its device.

        Parameters
        ----------
        epoch
            Decides the order, together with the seed of the loader.
        size
            Structures in a batch of all processes together.
        start
            The first batch to give.

        Returns
        -------
        For each batch its parts, divided where the whole is too much for memory; none where there
        are fewer structures than processes.

        Raises
        ------
        DataError, IntegrityError
            If a structure cannot be read, or has no neighbour list.
        """


class GraphLoader:
    """Batches of graphs that stay on the device.

    Parameters
    ----------
    graphs
        Labelled; copied to the device once.
    potential
        That takes the batches.
    seed
        Decides the order of the structures in each epoch.
    group
        The processes that share each batch; all are given the same graphs.
    """

    def __init__(
        self,
        graphs: Sequence[Graph],
        potential: Potential,
        seed: int,
        group: ProcessGroup = ALONE,
    ) -> None:
        self.graphs = [graph.to(potential.device) for graph in graphs]
        self.max_edges = potential.max_edges
        self.seed, self.group = seed, group

    def __len__(self) -> int:
        return len(self.graphs)

    def batches(self, epoch: int, size: int, start: int = 0) -> Iterator[Sequence[LabelledBatch]]:
        """Give each batch as `Loader.batches` says."""
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        order = torch.randperm(len(self), generator=generator).tolist()
        for first in range(start * size, len(order), size):
            own = self.group.share(order[first : first + size])
            parts = batches_by_edges([self.graphs[index] for index in own], self.max_edges)
            yield [collate(part) for part in parts]


class StreamLoader:
    """Batches of structures that are read from the disk, their graphs built ahead of the step.

    Structures are shuffled within windows of some shards (see `Stream.windows`), which is what
    each worker process has in memory.

    Parameters
    ----------
    stream
        The labelled structures.
    potential
        That takes the batches.
    seed
        Decides the order of the structures in each epoch.
    group
        The processes that share each batch; each builds the graphs of its share alone.
    workers
        Processes that build the graphs; this one itself if zero.
    """

    def __init__(
        self,
        stream: Stream,
        potential: Potential,
        seed: int,
        group: ProcessGroup = ALONE,
        workers: int = 1,
    ) -> None:
        self.stream, self.seed, self.group, self.workers = stream, seed, group, workers
        self.potential = potential

    def __len__(self) -> int:
        return len(self.stream)

    def batches(self, epoch: int, size: int, start: int = 0) -> Iterator[Sequence[LabelledBatch]]:
        """Give each batch as `Loader.batches` says.

        Raises
        ------
        TrainingError
            If a worker process has been killed.
        """
        starts = range(start * size, len(self), size)
        shares = [self.group.share(range(first, min(first + size, len(self)))) for first in starts]
        loader = DataLoader(
            _Epoch(self.stream, self.stream.windows((self.seed, epoch)), self.potential),
            sampler=shares,
            batch_size=None,
            collate_fn=_same,
            num_workers=self.workers,
            # Forked, a worker could wait forever for threads that it does not have.
            multiprocessing_context="spawn" if self.workers else None,
            prefetch_factor=_PREFETCHED if self.workers else None,
        )
        try:
            for parts in loader:
                if isinstance(parts, RegistryError):
                    raise parts
                yield [part.to(self.potential.device) for part in parts]
        except RuntimeError as problem:
            if "DataLoader worker" not in str(problem):
                raise
            raise TrainingError(
                f"a process that reads {self.stream.sources[0]} has ended: "
                f"{str(problem).splitlines()[0]}",
                "Was it killed, or short of memory? Go on with --resume and the run folder.",
            ) from problem


class _Epoch(Dataset[Any]):
    """The structures in the order of an epoch, whose index is a list of places in it."""

    def __init__(self, stream: Stream, windows: list[IntArray], potential: Potential) -> None:
        self.stream, self.windows = stream, windows
        self.ends = np.cumsum([0, *map(len, windows)])
        self.elements, self.cutoff = potential.elements, potential.cutoff
        self.max_edges = potential.max_edges
        self.in_memory: tuple[int, IntArray, NeighbourLists] | None = None

    def __getitem__(self, places: Sequence[int]) -> list[LabelledBatch] | RegistryError:
        """Return a batch in parts, or the error that is to be raised where it is read."""
        try:
            graphs = [graph for stretch in self._by_window(places) for graph in stretch]
        except RegistryError as problem:
            return problem  # raised here, it would be told with the lines of this process
        return [collate(part) for part in batches_by_edges(graphs, self.max_edges)]

    def _by_window(self, places: Sequence[int]) -> Iterator[list[Graph]]:
        numbers = np.searchsorted(self.ends, places, side="right") - 1
        for number in np.unique(numbers).tolist():
            inside = np.asarray(places)[numbers == number] - self.ends[number]
            wanted = self.windows[number][inside]
            if self.in_memory is None or self.in_memory[0] != number:
                self.in_memory = None  # before the next one is read
                held = np.sort(self.windows[number])
                lists = NeighbourLists(self.stream.take(held), self.cutoff, most_kept=0)
                self.in_memory = (number, held, lists)
            _, held, lists = self.in_memory
            yield build_graphs(lists, self.elements, np.searchsorted(held, wanted))


def _same(parts: Any) -> Any:
    return parts
