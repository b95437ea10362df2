"""Modules that hold the parameters of a network under NequIP's names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from hub.potentials.equivariant import weights as equivariant
from hub.potentials.equivariant.weights import Weight

if TYPE_CHECKING:
    from collections.abc import Sequence


class Embedding(torch.nn.Module):
    """A vector for each type."""

    def __init__(self, n_types: int, width: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.embed_module = Weight((n_types, width), dtype)

    @classmethod
    def one_hot(cls, n_types: int, dtype: torch.dtype) -> Embedding:
        """Return unit vectors, which are not trained."""
        found = cls(n_types, n_types, dtype).requires_grad_(requires_grad=False)
        found.embed_module.weight.copy_(torch.eye(n_types))
        return found

    def forward(self) -> torch.Tensor:
        """Return all vectors (T, width), constants except in training mode."""
        weight = self.embed_module.weight
        return weight if self.training else weight.detach()


class Perceptron(equivariant.Perceptron):
    """Matrices with nonlinear functions between them, normalised as NequIP's are."""

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        nonlinearity: str | None,
        dtype: torch.dtype,
    ) -> None:
        shapes = list(zip((inputs, *hidden), (*hidden, outputs), strict=True))
        super().__init__(shapes, nonlinearity, math.sqrt(2) if nonlinearity else 1.0)
        self.mlp = torch.nn.Module()  # with NequIP's names
        if hidden and nonlinearity is None:
            zeros = [torch.zeros(*shape, dtype=dtype) for shape in shapes]
            self.mlp.add_module("weights", torch.nn.ParameterList(zeros))
        else:
            for number, shape in enumerate(shapes):
                self.mlp.add_module(str(2 * number), Weight(shape, dtype))


class Readout(torch.nn.Module):
    """The network from the last features to the atomic energy."""

    def __init__(self, perceptron: Perceptron) -> None:
        super().__init__()
        self.mlp_module = perceptron

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (N, F) to (N, 1)."""
        found: torch.Tensor = self.mlp_module(features)
        return found


class EnergyTerms(torch.nn.Module):
    """The scale and the shift (eV) of each type's atomic energy."""

    scales: torch.Tensor
    shifts: torch.Tensor

    def __init__(self, n_types: int, *, scales_trained: bool, shifts_trained: bool) -> None:
        super().__init__()
        starts = {"scales": torch.ones, "shifts": torch.zeros}
        for name, is_trained in (("scales", scales_trained), ("shifts", shifts_trained)):
            start = starts[name](n_types, 1, dtype=torch.float64)
            if is_trained:
                self.register_parameter(name, torch.nn.Parameter(start))
            else:
                self.register_buffer(name, start)

    def forward(self, energies: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return scaled and shifted energies (N,), float64."""
        scales, shifts = self.scales.view(-1), self.shifts.view(-1)
        return energies.double() * scales[types] + shifts[types]
