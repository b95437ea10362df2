"""Predictions of a potential for graphs in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from hub.potentials.batches import batches_by_atoms, batches_by_edges, collate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.potentials.potential import Potential
    from hub.structures.graphs import Graph


def predict(
    potential: Potential,
    graphs: Sequence[Graph],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Predict energies, (S,) in eV, and forces, one (n, 3) in eV/Å for each graph.

    The potential is left in the mode it was in; results are float64 on the CPU. `progress` is
    called with the number of graphs done, and of all.
    """
    was_training = potential.training
    potential.eval()
    energies, forces = [], []
    for some in batches_by_atoms(graphs):
        for batch in batches_by_edges(some, potential.max_edges):
            output = potential(collate(batch))
            energies.append(output.energies.detach().cpu())
            sizes = [len(graph) for graph in batch]
            forces += output.forces.detach().cpu().double().split(sizes)
        if progress is not None:
            progress(len(forces), len(graphs))
    potential.train(was_training)
    return torch.cat(energies).double(), forces
