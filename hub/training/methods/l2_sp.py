"""L2-SP: train all weights, with a pull towards where they started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from hub.training.methods.full import Full

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.potentials.potential import Potential

DEFAULT_STRENGTH = 0.01


class PullToStart(Full):
    """Add `strength` times the squared distance of the weights from their start to the loss.

    Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with convolutional
    networks, ICML 2018 (arXiv:1802.01483).

    Parameters
    ----------
    potential, rates
        As for `Full`.
    strength
        In units of the loss, (eV/Å)^2.
    """

    def __init__(
        self, potential: Potential, rates: Mapping[str, float], strength: float = DEFAULT_STRENGTH
    ) -> None:
        super().__init__(potential, rates)
        self.strength = strength
        self._start = [each.detach().clone() for each in self.parameters]

    def complete_gradients(self) -> None:
        """Add the gradients of the distance."""
        with torch.no_grad():
            for weight, start in zip(self.parameters, self._start, strict=True):
                pull = 2 * self.strength * (weight - start)
                weight.grad = pull if weight.grad is None else weight.grad + pull
