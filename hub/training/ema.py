"""Exponential moving average of the weights."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


class MovingAverage:
    """Average the parameters of a model over the steps of its training.

    The decay starts low and rises to its value, ``min(decay, (1 + n) / (10 + n))`` at step n, so
    that the first steps do not count for long.
    """

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.parameters = [value for value in model.parameters() if value.requires_grad]
        self.averages = [value.detach().clone() for value in self.parameters]
        self.decay = decay
        self.steps = 0

    def update(self) -> None:
        """Take the present weights into the average."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for average, value in zip(self.averages, self.parameters, strict=True):
                average.lerp_(value, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model the averaged weights for a while."""
        kept = [value.detach().clone() for value in self.parameters]
        self._copy(self.averages)
        try:
            yield
        finally:
            self._copy(kept)

    def _copy(self, values: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.parameters, values, strict=True):
                parameter.copy_(value)

    def state(self) -> dict[str, object]:
        """Return what :meth:`load_state` needs to go on."""
        return {"averages": [value.clone() for value in self.averages], "steps": self.steps}

    def load_state(self, state: dict[str, object]) -> None:
        """Go on from a state; raise ValueError if it is that of another model."""
        self.steps = int(state["steps"])  # type: ignore[call-overload]
        for average, value in zip(self.averages, state["averages"], strict=True):  # type: ignore[call-overload]
            if average.shape != value.shape:
                raise ValueError(f"an average has the shape {tuple(value.shape)}")
            average.copy_(value)
