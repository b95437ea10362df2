"""The training objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from hub.potentials.batches import LabelledBatch
    from hub.potentials.potential import Output


def loss_of(
    output: Output,
    batch: LabelledBatch,
    energy_weight: float,
    stress_weight: float = 0.0,
    counts: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the weighted sum of the mean squared energy, force and stress errors.

    Energies count per atom, (eV/atom)^2; forces and stresses per component, (eV/Å)^2 and
    (eV/Å^3)^2. Missing labels (NaN) count for nothing. Where `batch` is only a share of what one
    step is for, `counts` are the labels of the whole, as :func:`count_labels` gives them: then the
    losses of the shares add up.
    """
    counts = (count_labels(batch) if counts is None else counts).clamp(min=1)
    energies = (output.energies - batch.energies) / batch.sizes
    loss = energy_weight * _sum_of_squares(energies) / counts[0]
    loss = loss + _sum_of_squares(output.forces - batch.forces) / counts[1]
    if stress_weight:
        # Of structures without a label the stress may be infinite, and so its derivatives.
        labelled = ~batch.stresses.isnan().any(dim=2).any(dim=1)
        errors = output.stresses[labelled] - batch.stresses[labelled]
        loss = loss + stress_weight * errors.square().sum() / counts[2]
    return loss


def count_labels(batch: LabelledBatch) -> torch.Tensor:
    """Return (3,) how many energies, force components and stress components are labelled."""
    labels = (batch.energies, batch.forces, batch.stresses)
    return torch.stack([(~values.isnan()).sum() for values in labels])


def _sum_of_squares(errors: torch.Tensor) -> torch.Tensor:
    return torch.where(errors.isnan(), torch.zeros_like(errors), errors).square().sum()
