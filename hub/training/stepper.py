"""Take the steps of a training: gradients, optimiser and averaged weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from hub.training.adam import Adam
from hub.training.steps import Losses, MovingAverage, add_gradients

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.batches import LabelledBatch
    from hub.training.methods.full import Full
    from hub.training.process_group import ProcessGroup
    from hub.training.recipe import Recipe


class Stepper:
    """The optimiser of a potential, and the moving average of its weights.

    Parameters
    ----------
    method
        With the potential, on the device to train on; changed in place.
    recipe
        The settings.
    group
        The processes that share each batch.
    """

    def __init__(self, method: Full, recipe: Recipe, group: ProcessGroup) -> None:
        self.method, self.recipe, self.group = method, recipe, group
        self.potential = potential = method.potential
        self.device = potential.device
        # The only process on a GPU runs ahead of it, and reads the losses at times.
        self.runs_ahead = runs_ahead(self.device, group)
        self.optimizer = Adam(
            method.parameters, recipe.learning_rate, method.factors, is_fused=self.runs_ahead
        )
        self.losses = Losses(self.device)
        self.average = MovingAverage(potential, recipe.ema_decay)

    def take(self, parts: Sequence[LabelledBatch], *, is_save_due: bool) -> tuple[float, bool]:
        """Take one step.

        Returns
        -------
        The loss, or NaN if the step was not taken, and whether to save the state, which the first
        process decides by its `is_save_due`. If losses are kept on the device, the returned one is
        zero, and :meth:`read_losses` says the rest.
        """
        self.method.zero_grad()
        if self.runs_ahead:
            self._take_ahead(parts)
            return 0.0, is_save_due
        said = torch.zeros(2, dtype=torch.float64, device=self.device)
        said[0] = add_gradients(self.potential, parts, self.recipe, self.group)
        # All processes must know when the first one saves the state.
        said[1] = is_save_due
        loss, due = self.group.sum(said).tolist()
        self.group.sum_gradients(self.method.trained())
        self.method.complete_gradients()
        norm = self._clipped_norm()
        if not (math.isfinite(loss) and math.isfinite(float(norm))):
            return math.nan, False
        self.optimizer.step()
        self.method.set_weights()
        self.average.update(self.potential)
        return loss, bool(due)

    def _take_ahead(self, parts: Sequence[LabelledBatch]) -> None:
        """Take one step without waiting for the device.

        After a loss or gradient that is not finite, weights and optimiser stay as they are until
        the losses are read.
        """
        loss = add_gradients(self.potential, parts, self.recipe, self.group)
        self.method.complete_gradients()
        self.optimizer.step(skip=self.losses.add(loss, self._clipped_norm()))
        self.method.set_weights()
        self.average.update(self.potential)

    def _clipped_norm(self) -> torch.Tensor:
        limit = self.recipe.max_gradient_norm or math.inf
        return torch.nn.utils.clip_grad_norm_(self.method.parameters, limit)

    def read_losses(self) -> tuple[float, bool]:
        """Wait for the device; return the sum of its losses, and whether all steps were taken."""
        return self.losses.take() if self.runs_ahead else (0.0, True)

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` needs besides the weights; tensors are not copied."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state(),
            "method": self.method.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Return to a state and its weights; raises what they raise if they do not fit."""
        for potential in (self.potential, self.average.potential):
            potential.set_weights(state["weights"], "the saved state")
        self.optimizer.load_state_dict(state["optimizer"])
        self.method.restore(state.get("method", {}))  # older releases had only the full one
        self.losses = Losses(self.device)
        self.average.load_state(state["average"])


def runs_ahead(device: torch.device, group: ProcessGroup) -> bool:
    """Say whether a training takes steps without waiting for the device to finish each."""
    return device.type == "cuda" and group.size == 1
