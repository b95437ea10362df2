"""The training objective and how well a model does on labelled graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from nequip.data import AtomicDataDict

from hub.structures.graphs import collate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.structures.graphs import Graph


def energy_and_force_loss(
    output: AtomicDataDict.Type, graphs: Sequence[Graph], energy_weight: float
) -> torch.Tensor:
    """Return the weighted sum of the mean squared energy and force errors.

    Energies count per atom, (eV/atom)^2; forces per component, (eV/Å)^2. Missing labels (NaN)
    count for nothing.
    """
    sizes = torch.tensor([len(graph) for graph in graphs], device=graphs[0].energy.device)
    energies = torch.stack([graph.energy for graph in graphs])
    predicted = output[AtomicDataDict.TOTAL_ENERGY_KEY].squeeze(-1)
    energy_term = _mean_square((predicted - energies) / sizes)
    forces = torch.cat([graph.forces for graph in graphs])
    force_term = _mean_square(output[AtomicDataDict.FORCE_KEY] - forces)
    return energy_weight * energy_term + force_term


def _mean_square(errors: torch.Tensor) -> torch.Tensor:
    labelled = ~errors.isnan()
    squares = torch.where(labelled, errors, torch.zeros_like(errors)).square()
    return squares.sum() / labelled.sum().clamp(min=1)


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
