"""Batches for the training loop: from graphs in memory, or from the shards of a dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from hub.errors import TrainingError
from hub.potentials.batches import batches_by_edges, collate
from hub.potentials.kernels.pairs import find_half
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.training.process_group import ALONE
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from hub.datasets.streaming import Stream
    from hub.potentials.batches import LabelledBatch
    from hub.potentials.potential import Potential
    from hub.structures.arrays import IntArray
    from hub.structures.graphs import Graph
    from hub.training.process_group import ProcessGroup

Batches: TypeAlias = "Generator[Sequence[LabelledBatch], None, None]"
_PREFETCHED = 4  # batches per worker


class Loader(Protocol):
    """Yields the training structures in batches, each structure once per epoch."""

    def __len__(self) -> int:
        """Return the number of structures."""

    def batches(self, epoch: int, size: int, start: int = 0) -> Batches:
        """Yield this process's share of each batch of an epoch, on its device.

        Parameters
        ----------
        epoch
            Determines the order, together with the seed of the loader.
        size
            Number of structures in a batch, over all processes.
        start
            The first batch to yield.

        Returns
        -------
        The parts of each batch, divided if it is too large for memory; no parts if there are fewer
        structures than processes.

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
        The potential to train.
    seed
        Random seed of the order of the structures in each epoch.
    group
        The processes that share each batch; all get the same graphs.
    """

    def __init__(
        self,
        graphs: Sequence[Graph],
        potential: Potential,
        seed: int,
        group: ProcessGroup = ALONE,
    ) -> None:
        # Their pairs are found here once, not again in each epoch.
        self.graphs = [_with_half(graph).to(potential.device) for graph in graphs]
        self.max_edges = potential.max_edges
        self.seed, self.group = seed, group

    def __len__(self) -> int:
        return len(self.graphs)

    def batches(self, epoch: int, size: int, start: int = 0) -> Batches:
        """Give each batch as `Loader.batches` says."""
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        order = torch.randperm(len(self), generator=generator).tolist()
        for first in range(start * size, len(order), size):
            own = self.group.share(order[first : first + size])
            parts = batches_by_edges([self.graphs[index] for index in own], self.max_edges)
            yield [collate(part) for part in parts]


def _with_half(graph: Graph) -> Graph:
    """Find the pairs of a graph, so that no step has to; a GPU would be waited for, too."""
    half = find_half(graph.edges, graph.shifts)
    return replace(graph, half=None if half is None else half.int())


class StreamLoader:
    """Batches of structures read from disk, with graphs built ahead of each step.

    Structures are shuffled within windows of several shards (see `Stream.windows`), which each
    worker process keeps in memory.

    Parameters
    ----------
    stream
        The labelled structures.
    potential
        The potential to train.
    seed
        Random seed of the order of the structures in each epoch.
    group
        The processes that share each batch; each builds only the graphs of its share.
    workers
        Number of processes that build graphs; if zero, this process builds them.
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

    def batches(self, epoch: int, size: int, start: int = 0) -> Batches:
        """Give each batch as `Loader.batches` says.

        Raises
        ------
        TrainingError
            If a worker process was killed.
        """
        starts = range(start * size, len(self), size)
        shares = [self.group.share(range(first, min(first + size, len(self)))) for first in starts]
        loader = DataLoader(
            _Epoch(self.stream, self.stream.windows((self.seed, epoch)), self.potential),
            sampler=shares,
            batch_size=None,
            collate_fn=_same,
            num_workers=self.workers,
            # A forked worker could wait forever for threads that it does not have.
            multiprocessing_context="spawn" if self.workers else None,
            prefetch_factor=_PREFETCHED if self.workers else None,
        )
        reason = ""
        try:
            for parts in loader:
                if isinstance(parts, RegistryError):
                    raise parts
                yield [part.to(self.potential.device) for part in parts]
        except RuntimeError as problem:
            reason = death_of_worker(problem)
            if not reason:
                raise
        # A worker was killed while it handed over a batch.
        except (ConnectionError, EOFError, FileNotFoundError) as problem:
            reason = str(problem) or type(problem).__name__
        if reason:
            # Raised here, it holds no reference to the other workers, so torch ends them at once.
            raise worker_ended(reason)


def death_of_worker(problem: RuntimeError) -> str:
    """Return torch's message about the death of a worker; empty for other errors.

    Torch raises it wherever the program is when the worker dies, not only while awaiting a batch.
    """
    said = str(problem).partition("\n")[0]
    return said if "DataLoader worker" in said else ""


def worker_ended(reason: str) -> TrainingError:
    """Return the error for a worker that has ended."""
    return TrainingError(
        f"a process that reads the training structures ended unexpectedly: {reason}",
        "It may have been killed or run out of memory. Resume the run with --out DIR --resume.",
    )


class _Epoch(Dataset[Any]):
    """The structures in the order of an epoch, indexed by lists of positions in it."""

    def __init__(self, stream: Stream, windows: list[IntArray], potential: Potential) -> None:
        self.stream, self.windows = stream, windows
        self.ends = np.cumsum([0, *map(len, windows)])
        self.elements, self.cutoff = potential.elements, potential.cutoff
        self.max_edges = potential.max_edges
        self.in_memory: tuple[int, IntArray, NeighbourLists] | None = None

    def __getitem__(self, places: Sequence[int]) -> list[LabelledBatch] | RegistryError:
        """Return a batch in parts, or an error for the main process to raise."""
        try:
            graphs = [graph for stretch in self._by_window(places) for graph in stretch]
        except RegistryError as problem:
            return problem  # raised here, it would come with this process's traceback
        graphs = [_with_half(graph) for graph in graphs]
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
