"""Train all weights: the method that the others change something of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from hub.potentials.potential import Potential


class Full:
    """Train all weights that can be trained.

    Parameters
    ----------
    potential
        As the training starts from it.
    rates
        Multipliers of the learning rate, by parameter group, such as ``{"readout": 2.0}``;
        ``interaction`` stands for all interactions.

    Attributes
    ----------
    parameters
        What the optimiser changes.
    factors
        Factor of the learning rate of each of these.

    Raises
    ------
    TrainingError
        If the potential has no such group.
    """

    def __init__(self, potential: Potential, rates: Mapping[str, float] | None = None) -> None:
        self.potential = potential
        self._factors = _factor_of_each(potential, rates or {})
        self.parameters = self.trained()
        self.factors = [self.factor_of(each) for each in self.parameters]

    def trained(self) -> list[torch.nn.Parameter]:
        """Return the weights that can change."""
        return [each for each in self.potential.parameters() if each.requires_grad]

    def factor_of(self, parameter: torch.nn.Parameter) -> float:
        """Return the factor of the learning rate of a weight."""
        return self._factors.get(id(parameter), 1.0)

    def zero_grad(self) -> None:
        """Discard all gradients."""
        for parameter in (*self.trained(), *self.parameters):
            parameter.grad = None

    def complete_gradients(self) -> None:
        """Set the gradients of the parameters, when those of the loss by the weights are known."""

    def set_weights(self) -> None:
        """Set the weights, when the optimiser has changed the parameters."""

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` needs besides the weights; tensors are not copied."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Return to a state; raise `KeyError` or `ValueError` if it belongs to another method."""
        if state:
            raise ValueError("the state belongs to another method")


def group_names(potential: Potential) -> list[str]:
    """Return the names of the parameter groups, from the inputs to the read-out."""
    return list(potential.parameter_groups())


def _factor_of_each(potential: Potential, rates: Mapping[str, float]) -> dict[int, float]:
    factors: dict[int, float] = {}
    groups = potential.parameter_groups()
    for name, factor in rates.items():
        chosen = [group for group in groups if name in (group, group.partition("-")[0])]
        if not chosen:
            raise TrainingError(
                f"unknown parameter group {name!r}", f"The model has: {', '.join(groups)}"
            )
        factors |= {id(each): factor for group in chosen for each in groups[group]}
    return factors
