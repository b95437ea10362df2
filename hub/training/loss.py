"""The training objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from nequip.data import AtomicDataDict

if TYPE_CHECKING:
    from collections.abc import Sequence

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
