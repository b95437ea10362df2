"""Adam, computed by PyTorch but without its optimisers, which import a compiler for seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.optim.adam import adam

if TYPE_CHECKING:
    from collections.abc import Sequence

_BETAS, _EPSILON, _WEIGHT_DECAY = (0.9, 0.999), 1e-8, 0.0
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Adam:
    """Adam (Kingma and Ba, arXiv:1412.6980), with the numbers and states of ``torch.optim.Adam``.

    Parameters
    ----------
    parameters
        What to optimise.
    rate
        The learning rate, which may be changed between steps.
    factors
        Factor of the learning rate of each parameter; 1 for all if None.
    is_fused
        Whether everything stays on the device, so that steps can be skipped without waiting for it.

    Attributes
    ----------
    state
        Number of steps, and moving averages of the gradient and of its square, of each parameter
        that had a gradient, by its number.
    """

    def __init__(
        self,
        parameters: Sequence[torch.nn.Parameter],
        rate: float,
        factors: Sequence[float] | None = None,
        *,
        is_fused: bool = False,
    ) -> None:
        self.parameters, self.rate, self.is_fused = list(parameters), rate, is_fused
        self.factors = [1.0] * len(self.parameters) if factors is None else list(factors)
        self.state: dict[int, dict[str, torch.Tensor]] = {}

    def zero_grad(self) -> None:
        """Discard the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, skip: torch.Tensor | None = None) -> None:
        """Take one step; if fused, only where the number `skip` on the device is 0, not 1."""
        with torch.no_grad():
            for factor in dict.fromkeys(self.factors):
                numbers = [n for n, each in enumerate(self.factors) if each == factor]
                self._step_some(numbers, factor * self.rate, skip)

    def _step_some(self, numbers: Sequence[int], rate: float, skip: torch.Tensor | None) -> None:
        """Change the parameters at some numbers, at their learning rate."""
        parameters: list[torch.Tensor] = []
        gradients, states = [], []
        for number in numbers:
            parameter = self.parameters[number]
            if parameter.grad is not None:
                parameters.append(parameter)
                gradients.append(parameter.grad)
                if number not in self.state:
                    self.state[number] = self._new_state(parameter)
                states.append(self.state[number])
        first, second = ([state[name] for state in states] for name in _MOMENTS)
        adam(
            parameters, gradients, first, second, [], [state["step"] for state in states],
            fused=self.is_fused or None,  # None: torch chooses
            found_inf=skip, amsgrad=False, beta1=_BETAS[0], beta2=_BETAS[1], lr=rate,
            weight_decay=_WEIGHT_DECAY, eps=_EPSILON, maximize=False,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Return the state, in the form of ``torch.optim.Adam``; the tensors are not copied."""
        settings = {
            "lr": self.rate,
            "betas": _BETAS,
            "eps": _EPSILON,
            "weight_decay": _WEIGHT_DECAY,
            "params": list(range(len(self.parameters))),
        }
        state = {number: dict(values) for number, values in self.state.items()}
        return {"state": state, "param_groups": [settings]}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Resume from a copy of a state; raise `ValueError` if it belongs to other parameters."""
        groups = saved["param_groups"]
        if len(groups) != 1 or groups[0]["params"] != list(range(len(self.parameters))):
            raise ValueError("the optimiser's state belongs to other parameters")
        state = {}
        for number, values in saved["state"].items():
            if number not in groups[0]["params"]:
                raise ValueError(f"the optimiser's state has a parameter {number}")
            state[number] = self._new_state(self.parameters[number])
            for name, value in state[number].items():
                found = torch.as_tensor(values[name])
                if found.shape != value.shape:
                    raise ValueError(f"{name} of parameter {number} has a wrong shape")
                value.copy_(found)
        self.rate, self.state = float(groups[0]["lr"]), state

    def _new_state(self, parameter: torch.nn.Parameter) -> dict[str, torch.Tensor]:
        device = parameter.device if self.is_fused else torch.device("cpu")
        moments = {name: torch.zeros_like(parameter, requires_grad=False) for name in _MOMENTS}
        return {"step": torch.zeros((), device=device), **moments}
