"""One step of a training: loss, gradients, averaged weights, and validation errors."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hub.potentials.batches import collate, enough_memory, predict
from hub.structures.stresses import EV_PER_A3_IN_GPA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.batches import LabelledBatch
    from hub.potentials.potential import Output, Potential
    from hub.structures.graphs import Graph
    from hub.training.process_group import ProcessGroup
    from hub.training.recipe import Recipe

_TOO_LARGE = (
    "Resume the run with --out DIR --resume on a machine or --device with more memory; or start "
    "again without this structure, or with a model of a smaller cutoff."
)
_SEVERAL_TOO_LARGE = "Start again with a smaller --batch-size. Otherwise: "


def loss_of(
    output: Output,
    batch: LabelledBatch,
    energy_weight: float,
    stress_weight: float = 0.0,
    counts: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the weighted sum of the mean squared energy, force and stress errors.

    Energies count per atom, (eV/atom)^2; forces and stresses per component, (eV/Å)^2 and
    (eV/Å^3)^2. Missing labels (NaN) are ignored. If `batch` is only a share of a step's batch,
    `counts` are the labels of the whole batch, from :func:`count_labels`, so that the losses of the
    shares add up.
    """
    counts = (count_labels(batch) if counts is None else counts).clamp(min=1)
    energies = (output.energies - batch.energies) / batch.sizes
    loss = energy_weight * _sum_of_squares(energies) / counts[0]
    loss = loss + _sum_of_squares(output.forces - batch.forces) / counts[1]
    if stress_weight:
        # Without a label, the stress and its derivatives may be infinite.
        labelled = ~batch.stresses.isnan().any(dim=2).any(dim=1)
        if labelled.is_cuda:  # to choose rows, the host would wait for their number
            errors = torch.where(labelled[:, None, None], output.stresses - batch.stresses, 0.0)
        else:
            errors = output.stresses[labelled] - batch.stresses[labelled]
        loss = loss + stress_weight * errors.square().sum() / counts[2]
    return loss


def count_labels(batch: LabelledBatch) -> torch.Tensor:
    """Return (3,) the numbers of labelled energies, force and stress components."""
    labels = (batch.energies, batch.forces, batch.stresses)
    return torch.stack([(~values.isnan()).sum() for values in labels])


def _sum_of_squares(errors: torch.Tensor) -> torch.Tensor:
    return torch.where(errors.isnan(), torch.zeros_like(errors), errors).square().sum()


def add_gradients(
    potential: Potential, parts: Sequence[LabelledBatch], recipe: Recipe, group: ProcessGroup
) -> torch.Tensor:
    """Add the gradients of this process's share of a batch's loss; return the share.

    A share that is too large for memory is divided into `parts`, whose gradients add up.

    Raises
    ------
    IncompatibleModelError
        If one of the parts does not fit into memory.
    """
    counts = torch.zeros(3, dtype=torch.int64, device=potential.device)
    counts = group.sum(sum((count_labels(part) for part in parts), counts))
    total = torch.zeros((), dtype=torch.float64, device=potential.device)
    weights = recipe.energy_weight, recipe.stress_weight
    for part in parts:
        advice = (_SEVERAL_TOO_LARGE if len(part.sizes) > 1 else "") + _TOO_LARGE
        with enough_memory(part, advice):
            loss = loss_of(potential(part), part, *weights, counts)
            loss.backward()
        total += loss.detach()
    return total


def validation_errors(
    potential: Potential, graphs: Sequence[Graph], group: ProcessGroup
) -> tuple[float, float, float]:
    """Return the RMSE of energies (meV/atom), forces (eV/Å) and stresses (GPa); NaN without labels.

    The graphs are this process's share of the validation structures.
    """
    sums = np.zeros((3, 2))
    if graphs:
        found = predict(potential, graphs)
        labels = collate(graphs).to(torch.device("cpu"))
        errors = (
            (found.energies - labels.energies.numpy()) / labels.sizes.numpy(),
            np.concatenate(found.forces) - labels.forces.numpy(),
            found.stresses - labels.stresses.numpy(),
        )
        sums = np.array([[np.nansum(each**2), (~np.isnan(each)).sum()] for each in errors])
    total = group.sum(torch.from_numpy(sums).to(potential.device)).cpu()
    energy, force, stress = (total[:, 0] / total[:, 1]).sqrt().tolist()
    return 1000 * energy, force, EV_PER_A3_IN_GPA * stress


class Losses:
    """The losses of steps, kept on the device so that the host need not wait for each step.

    Parameters
    ----------
    device
        The device of the losses.
    """

    def __init__(self, device: torch.device) -> None:
        self._total = torch.zeros((), dtype=torch.float64, device=device)
        self._failed = torch.zeros((), dtype=torch.float32, device=device)

    def add(self, loss: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
        """Add the loss of a step and the norm of its gradients.

        Returns
        -------
        1 if any number so far was not finite, else 0: a step that must not be taken.
        """
        is_finite = loss.isfinite() & norm.isfinite()
        self._failed = torch.where(is_finite, self._failed, 1.0)
        self._total = self._total + torch.where(self._failed > 0, 0.0, loss)
        return self._failed

    def take(self) -> tuple[float, bool]:
        """Return the sum of the losses and whether all numbers were finite; begin anew."""
        total, failed = torch.stack([self._total, self._failed.double()]).tolist()
        self._total, self._failed = self._total.new_zeros(()), self._failed.new_zeros(())
        return total, not failed


class MovingAverage:
    """A copy of a potential with the moving average of its parameters over the training steps.

    The decay starts low and rises to its value, ``min(decay, (1 + n) / (10 + n))`` at step n, so
    that the first steps are soon forgotten.

    Attributes
    ----------
    potential
        The averaged potential, with the same architecture as the trained one.
    steps
        Number of averaged steps.
    """

    def __init__(self, potential: Potential, decay: float) -> None:
        self.potential, self.decay = copy.deepcopy(potential), decay
        self.steps = 0

    def update(self, potential: Potential) -> None:
        """Add the current weights to the average."""
        n = self.steps + 1
        weight = 1 - min(self.decay, (1 + n) / (10 + n))
        pairs = list(zip(self.potential.parameters(), potential.parameters(), strict=True))
        with torch.no_grad():
            for dtype in {average.dtype for average, _ in pairs}:
                some = [pair for pair in pairs if pair[0].dtype == dtype]
                averages, values = zip(*some, strict=True)
                torch._foreach_lerp_(averages, values, weight)
            for kept, value in zip(self.potential.buffers(), potential.buffers(), strict=True):
                kept.copy_(value)
        self.steps = n

    def state(self) -> dict[str, Any]:
        """Return the state that :meth:`load_state` needs to resume."""
        return {"averages": [value.clone() for value in self._parameters()], "steps": self.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Resume from a state; raise ValueError if it belongs to another model."""
        self.steps = int(state["steps"])
        with torch.no_grad():
            for average, value in zip(self._parameters(), state["averages"], strict=True):
                if average.shape != value.shape:
                    raise ValueError(
                        f"expected an average of shape {tuple(average.shape)}, "
                        f"got {tuple(value.shape)}"
                    )
                average.copy_(value)

    def _parameters(self) -> list[torch.Tensor]:
        return [value.detach() for value in self.potential.parameters() if value.requires_grad]
