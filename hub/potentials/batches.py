"""Graphs joined into the batches that potentials take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from hub.potentials.potential import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.structures.graphs import Graph


def collate(graphs: Sequence[Graph]) -> Batch:
    """Join graphs, all on one device, into one batch."""
    sizes = torch.tensor([len(graph) for graph in graphs])
    offsets = (torch.cumsum(sizes, 0) - sizes).tolist()
    device = graphs[0].positions.device
    sizes = sizes.to(device)
    return Batch(
        positions=torch.cat([graph.positions for graph in graphs]),
        types=torch.cat([graph.types for graph in graphs]),
        cells=torch.stack([graph.cell for graph in graphs]),
        edges=torch.cat(
            [graph.edges + offset for graph, offset in zip(graphs, offsets, strict=True)], dim=1
        ).long(),
        shifts=torch.cat([graph.shifts for graph in graphs]).double(),
        sizes=sizes,
        structure=torch.repeat_interleave(sizes),
    )


def batches_by_atoms(graphs: Sequence[Graph], max_atoms: int = 1000) -> list[list[Graph]]:
    """Group graphs, in order, into batches of about `max_atoms` atoms for evaluation."""
    batches: list[list[Graph]] = []
    room = 0
    for graph in graphs:
        if len(graph) > room:
            batches.append([])
            room = max_atoms
        batches[-1].append(graph)
        room -= len(graph)
    return batches
