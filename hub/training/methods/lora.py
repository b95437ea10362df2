"""LoRA: train changes of low rank to the linear maps of a potential."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from hub.errors import TrainingError
from hub.training.methods.full import Full

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.potentials.potential import Potential

DEFAULT_RANK = 4


class LowRank(Full):
    """Change each matrix by a product of two smaller ones, and nothing else.

    The weights of the potential always include the change, so that it is an ordinary potential at
    any time. Hu et al., LoRA: low-rank adaptation of large language models, ICLR 2022
    (arXiv:2106.09685).

    Parameters
    ----------
    potential, rates
        As for `Full`.
    rank
        Number of columns of the first, and rows of the second matrix.
    seed
        Random seed of the first matrices; the second ones start as zero.

    Raises
    ------
    TrainingError
        If the potential names no matrices.
    """

    def __init__(
        self,
        potential: Potential,
        rates: Mapping[str, float],
        rank: int = DEFAULT_RANK,
        seed: int = 0,
    ) -> None:
        super().__init__(potential, rates)
        generator = torch.Generator().manual_seed(seed)
        self.changes = [
            Change(weight, shapes, rank, generator) for weight, shapes in potential.matrices()
        ]
        if not self.changes:
            raise TrainingError(
                f"the architecture {potential.config.architecture} does not support LoRA",
                "Choose another --method.",
            )
        changed = {id(change.weight) for change in self.changes}
        for parameter in self.parameters:
            if id(parameter) not in changed:
                parameter.requires_grad = False
        self.factors = [
            self.factor_of(change.weight) for change in self.changes for _ in change.factors
        ]
        self.parameters = [factor for change in self.changes for factor in change.factors]

    def complete_gradients(self) -> None:
        """Derive the gradients of the small matrices from those of the large ones."""
        for change in self.changes:
            change.complete_gradients()

    def set_weights(self) -> None:
        """Add the products to the weights of the start."""
        for change in self.changes:
            change.set_weight()

    def state(self) -> dict[str, Any]:
        """Return the small matrices."""
        return {"factors": [each.detach() for each in self.parameters]}

    def restore(self, state: dict[str, Any]) -> None:
        """Return to some small matrices."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, state["factors"], strict=True):
                if parameter.shape != value.shape:
                    raise ValueError("the state has another rank")
                parameter.copy_(value)


class Change:
    """The change of one weight, which holds one or several matrices.

    Parameters
    ----------
    weight
        Its numbers are those of the matrices, row by row, one after the other.
    shapes
        Rows and columns of each.
    rank
        Of the change, at most.
    generator
        Of random numbers.
    """

    def __init__(
        self,
        weight: torch.nn.Parameter,
        shapes: Sequence[tuple[int, int]],
        rank: int,
        generator: torch.Generator,
    ) -> None:
        self.weight, self.sizes = weight, [rows * columns for rows, columns in shapes]
        self.start = weight.detach().clone()
        self.factors: list[torch.nn.Parameter] = []
        for rows, columns in shapes:
            narrow = min(rank, rows, columns)
            first = torch.randn(rows, narrow, generator=generator) / math.sqrt(narrow)
            second = torch.zeros(narrow, columns)
            self.factors += [torch.nn.Parameter(each.to(weight)) for each in (first, second)]

    def complete_gradients(self) -> None:
        """Derive the gradients of the factors, if the weight has one."""
        if self.weight.grad is None:
            return
        with torch.no_grad():
            for (first, second), part in zip(
                self._pairs(), self.weight.grad.view(-1).split(self.sizes), strict=True
            ):
                gradient = part.view(len(first), -1)
                first.grad, second.grad = gradient @ second.T, first.T @ gradient

    def set_weight(self) -> None:
        """Add the products of the factors to the start."""
        with torch.no_grad():
            products = [(first @ second).view(-1) for first, second in self._pairs()]
            self.weight.copy_(self.start + torch.cat(products).view_as(self.start))

    def _pairs(self) -> list[tuple[torch.nn.Parameter, torch.nn.Parameter]]:
        return list(zip(self.factors[::2], self.factors[1::2], strict=True))
