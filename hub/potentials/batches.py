"""Graphs joined into the batches that potentials take, and what they predict for them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from hub.devices import is_out_of_memory
from hub.errors import IncompatibleModelError
from hub.potentials.potential import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ase import Atoms

    from hub.potentials.potential import Potential
    from hub.structures.arrays import FloatArray, IntArray
    from hub.structures.graphs import Graph
    from hub.structures.neighbours import NeighbourList


_ADVICE = (
    "Use a device with more memory, float32, or a model with a smaller cutoff; or leave out the "
    "structure."
)


@dataclass(frozen=True)
class LabelledBatch(Batch):
    """A batch with the labels of its B structures; NaN for missing labels.

    Attributes
    ----------
    energies : (B,) float64, eV
    forces : (N, 3) float64, eV/Å
    stresses : (B, 3, 3) float64, eV/Å^3, positive under tension
    names : (B,) what to call each structure in messages
    """

    energies: torch.Tensor
    forces: torch.Tensor
    stresses: torch.Tensor
    names: tuple[str, ...] = ()

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        moved: dict[str, Any] = {
            key: value.to(device)
            for key, value in vars(self).items()
            if isinstance(value, torch.Tensor)
        }
        return replace(self, **moved)


def collate(graphs: Sequence[Graph]) -> LabelledBatch:
    """Join graphs, all on one device, into one batch."""
    sizes = torch.tensor([len(graph) for graph in graphs])
    offsets = (torch.cumsum(sizes, 0) - sizes).tolist()
    n_atoms = int(sizes.sum())
    # The host does not wait for the device, neither here nor for the number of atoms.
    sizes = sizes.to(graphs[0].positions.device, non_blocking=True)
    return LabelledBatch(
        positions=torch.cat([graph.positions for graph in graphs]),
        types=torch.cat([graph.types for graph in graphs]),
        cells=torch.stack([graph.cell for graph in graphs]),
        edges=torch.cat(
            [graph.edges + offset for graph, offset in zip(graphs, offsets, strict=True)], dim=1
        ).long(),
        shifts=torch.cat([graph.shifts for graph in graphs]).double(),
        sizes=sizes,
        structure=torch.repeat_interleave(sizes, output_size=n_atoms),
        energies=torch.stack([graph.energy for graph in graphs]),
        forces=torch.cat([graph.forces for graph in graphs]),
        stresses=torch.stack([graph.stress for graph in graphs]),
        names=tuple(graph.name for graph in graphs),
        half=_halves(graphs),
    )


def _halves(graphs: Sequence[Graph]) -> torch.Tensor | None:
    """Join what is known of the graphs' pairs; None if it is not known for one of them."""
    starts = np.cumsum([0, *(graph.edges.shape[1] for graph in graphs)]).tolist()
    halves = [graph.half for graph in graphs if graph.half is not None]
    if len(halves) < len(graphs):
        return None
    return torch.cat([each.long() + start for each, start in zip(halves, starts, strict=False)])


def single_batch(
    atoms: Atoms,
    types: IntArray,
    neighbours: NeighbourList,
    device: torch.device,
    half: IntArray | None = None,
) -> Batch:
    """Return one structure as a batch without labels on a device.

    Parameters
    ----------
    atoms
        A structure of n atoms.
    types
        (n,) indices of their elements in those of the potential.
    neighbours
        Their neighbours within the cutoff of the potential.
    device
        Where the tensors are needed.
    half
        One edge of each pair, if that is known.
    """
    n_atoms = len(atoms)
    return Batch(
        positions=torch.from_numpy(atoms.positions.copy()).to(device),
        types=torch.from_numpy(types).to(device),
        cells=torch.from_numpy(atoms.cell.array[None].copy()).to(device),
        edges=torch.from_numpy(neighbours.edges).to(device).long(),
        shifts=torch.from_numpy(neighbours.shifts).to(device).double(),
        sizes=torch.tensor([n_atoms], device=device),
        structure=torch.zeros(n_atoms, dtype=torch.int64, device=device),
        half=None if half is None else torch.from_numpy(half).to(device),
    )


@contextmanager
def enough_memory(batch: LabelledBatch, advice: str) -> Iterator[None]:
    """Say which structures are too large where memory runs out.

    Raises
    ------
    IncompatibleModelError
        Instead of the errors that torch and numpy raise then; `advice` is what to do next.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as problem:
        if not is_out_of_memory(problem):
            raise
        owners = batch.structure.cpu()[batch.edges[0].cpu()]
        edges = torch.bincount(owners, minlength=len(batch.sizes))
        largest = int(edges.argmax())
        size = f"{int(batch.sizes[largest])} atoms and {int(edges[largest])} neighbours"
        others = len(batch.sizes) - 1
        together = f", together with {others} more" if others else ""
        raise IncompatibleModelError(
            f"{batch.names[largest]} is too large for the memory ({batch.positions.device}): "
            f"{size} within the cutoff{together}",
            advice,
        ) from problem


def batches_by_atoms(graphs: Sequence[Graph], max_atoms: int = 1000) -> list[list[Graph]]:
    """Group graphs, in order, into batches of about `max_atoms` atoms for evaluation."""
    return _batches(graphs, [len(graph) for graph in graphs], max_atoms)


def batches_by_edges(graphs: Sequence[Graph], max_edges: int | None) -> list[list[Graph]]:
    """Group graphs, in order, into batches of at most `max_edges` edges, or of one graph.

    Without a limit, all are in one batch.
    """
    edges = [graph.edges.shape[1] for graph in graphs]
    return _batches(graphs, edges, sum(edges) if max_edges is None else max_edges)


def _batches(graphs: Sequence[Graph], sizes: Sequence[int], limit: int) -> list[list[Graph]]:
    batches: list[list[Graph]] = []
    room = -1
    for graph, size in zip(graphs, sizes, strict=True):
        if size > room:
            batches.append([])
            room = limit
        batches[-1].append(graph)
        room -= size
    return batches


@dataclass(frozen=True)
class Predictions:
    """What a potential predicts for S structures, in their order.

    Attributes
    ----------
    energies
        (S,) total energies, eV.
    forces
        S arrays (n, 3), eV/Å.
    stresses
        (S, 3, 3) eV/Å^3, positive under tension; NaN or infinite without a cell.
    """

    energies: FloatArray
    forces: tuple[FloatArray, ...]
    stresses: FloatArray

    def select(self, indices: IntArray) -> Predictions:
        """Return the predictions for the structures at `indices`, in that order."""
        return Predictions(
            self.energies[indices],
            tuple(self.forces[index] for index in indices.tolist()),
            self.stresses[indices],
        )


def predict(
    potential: Potential,
    graphs: Sequence[Graph],
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Predict graphs that are on the device of the potential, which keeps its mode.

    `progress` is called with the number of graphs done, and of all.
    """
    was_training = potential.training
    potential.eval()
    energies, stresses = [np.empty(0)], [np.empty((0, 3, 3))]
    forces: list[FloatArray] = []
    for some in batches_by_atoms(graphs):
        for batch in batches_by_edges(some, potential.max_edges):
            labelled = collate(batch)
            with enough_memory(labelled, _ADVICE):
                output = potential(labelled)
            energies.append(output.energies.detach().cpu().double().numpy())
            stresses.append(output.stresses.detach().cpu().double().numpy())
            ends = np.cumsum([len(graph) for graph in batch])[:-1]
            forces += np.split(output.forces.detach().cpu().double().numpy(), ends)
        if progress is not None:
            progress(len(forces), len(graphs))
    potential.train(was_training)
    return Predictions(np.concatenate(energies), tuple(forces), np.concatenate(stresses))
