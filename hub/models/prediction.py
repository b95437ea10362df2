"""Predictions of a model for graphs in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from nequip.data import AtomicDataDict

from hub.structures.graphs import collate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.structures.graphs import Graph


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


def predict(
    model: torch.nn.Module,
    graphs: Sequence[Graph],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Predict energies, (S,) in eV, and forces, one (n, 3) in eV/Å for each graph.

    The model is left in the mode it was in; results are float64 on the CPU. `progress` is called
    with the number of graphs done, and of all.
    """
    was_training = model.training
    model.eval()
    energies, forces = [], []
    for batch in batches_by_atoms(graphs):
        output = model(collate(batch))
        energies.append(output[AtomicDataDict.TOTAL_ENERGY_KEY].detach().squeeze(-1).cpu())
        sizes = [len(graph) for graph in batch]
        forces += output[AtomicDataDict.FORCE_KEY].detach().cpu().double().split(sizes)
        if progress is not None:
            progress(len(forces), len(graphs))
    model.train(was_training)
    return torch.cat(energies).double(), forces
