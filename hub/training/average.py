"""Exponential moving average of the weights: what is validated and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch.optim.swa_utils import AveragedModel

if TYPE_CHECKING:
    from hub.potentials.potential import Potential


class MovingAverage:
    """A copy of a potential with the average of its parameters over the steps of its training.

    The decay starts low and rises to its value, ``min(decay, (1 + n) / (10 + n))`` at step n, so
    that the first steps do not count for long.
    """

    def __init__(self, potential: Potential, decay: float) -> None:
        def update(averages: Any, values: Any, steps: Any) -> None:
            n = int(steps)
            torch._foreach_lerp_(averages, values, 1 - min(decay, (1 + n) / (10 + n)))

        self._model = AveragedModel(potential, multi_avg_fn=torch.no_grad()(update))
        self.steps = 0

    @property
    def potential(self) -> Potential:
        """The averaged potential, of the same structure as the trained one."""
        return cast("Potential", self._model.module)

    @property
    def steps(self) -> int:
        """How many steps are averaged."""
        return int(self._model.n_averaged) - 1

    @steps.setter
    def steps(self, steps: int) -> None:
        # From 1: with 0, torch forgets what the weights were before the first step.
        self._model.n_averaged.fill_(steps + 1)

    def update(self, potential: Potential) -> None:
        """Take the present weights into the average."""
        self._model.update_parameters(potential)

    def state(self) -> dict[str, Any]:
        """Return what :meth:`load_state` needs to go on."""
        return {"averages": [value.clone() for value in self._parameters()], "steps": self.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a state; raise ValueError if it is that of another model."""
        self.steps = int(state["steps"])
        with torch.no_grad():
            for average, value in zip(self._parameters(), state["averages"], strict=True):
                if average.shape != value.shape:
                    raise ValueError(f"an average has the shape {tuple(value.shape)}")
                average.copy_(value)

    def _parameters(self) -> list[torch.Tensor]:
        return [value.detach() for value in self.potential.parameters() if value.requires_grad]
