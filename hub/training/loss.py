"""The training objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.potential import Output
    from hub.structures.graphs import Graph


def energy_and_force_loss(
    output: Output,
    graphs: Sequence[Graph],
    energy_weight: float,
    counts: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the weighted sum of the mean squared energy and force errors.

    Energies count per atom, (eV/atom)^2; forces per component, (eV/Å)^2. Missing labels (NaN)
    count for nothing. Where `graphs` are only a share of a batch, `counts` are the labels of the
    whole, as :func:`count_labels` gives them: then the losses of the shares add up to that of the
    batch.
    """
    counts = (count_labels(graphs) if counts is None else counts).clamp(min=1)
    sizes = torch.tensor([len(graph) for graph in graphs], device=graphs[0].energy.device)
    energies = torch.stack([graph.energy for graph in graphs])
    energy_term = _sum_of_squares((output.energies - energies) / sizes) / counts[0]
    forces = torch.cat([graph.forces for graph in graphs])
    force_errors = output.forces - forces
    force_term = _sum_of_squares(force_errors) / counts[1]
    return energy_weight * energy_term + force_term


def count_labels(graphs: Sequence[Graph]) -> torch.Tensor:
    """Return (2,) how many energies and force components are labelled."""
    energies = torch.stack([graph.energy for graph in graphs])
    forces = torch.cat([graph.forces for graph in graphs])
    return torch.stack([(~energies.isnan()).sum(), (~forces.isnan()).sum()])


def _sum_of_squares(errors: torch.Tensor) -> torch.Tensor:
    return torch.where(errors.isnan(), torch.zeros_like(errors), errors).square().sum()
