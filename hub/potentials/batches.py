"""Join graphs into batches for potentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from hub.potentials.potential import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.structures.graphs import Graph


@dataclass(frozen=True)
class LabelledBatch(Batch):
    """A batch with the labels of its B structures; NaN for missing labels.

    Attributes
    ----------
    energies : (B,) float64, eV
    forces : (N, 3) float64, eV/Å
    stresses : (B, 3, 3) float64, eV/Å^3, positive under tension
    """

    energies: torch.Tensor
    forces: torch.Tensor
    stresses: torch.Tensor

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        moved = {name: value.to(device) for name, value in vars(self).items()}
        return type(self)(**moved)


def collate(graphs: Sequence[Graph]) -> LabelledBatch:
    """Join graphs, all on one device, into one batch."""
    sizes = torch.tensor([len(graph) for graph in graphs])
    offsets = (torch.cumsum(sizes, 0) - sizes).tolist()
    device = graphs[0].positions.device
    sizes = sizes.to(device)
    return LabelledBatch(
        positions=torch.cat([graph.positions for graph in graphs]),
        types=torch.cat([graph.types for graph in graphs]),
        cells=torch.stack([graph.cell for graph in graphs]),
        edges=torch.cat(
            [graph.edges + offset for graph, offset in zip(graphs, offsets, strict=True)], dim=1
        ).long(),
        shifts=torch.cat([graph.shifts for graph in graphs]).double(),
        sizes=sizes,
        structure=torch.repeat_interleave(sizes),
        energies=torch.stack([graph.energy for graph in graphs]),
        forces=torch.cat([graph.forces for graph in graphs]),
        stresses=torch.stack([graph.stress for graph in graphs]),
    )


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
