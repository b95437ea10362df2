"""Modules that hold the parameters of a network under NequIP's names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from hub.potentials.nequip.nonlinear import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.nequip.layers import Linear


class Weight(torch.nn.Module):
    """One tensor."""

    def __init__(self, shape: Sequence[int], dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(*shape, dtype=dtype))


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


class Perceptron(torch.nn.Module):
    """Matrices with nonlinear functions between them, normalised as NequIP's are."""

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        nonlinearity: str | None,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        shapes = list(zip((inputs, *hidden), (*hidden, outputs), strict=True))
        gain = math.sqrt(2) if nonlinearity else 1.0
        self.factors = [
            (gain if n else 1.0) / math.sqrt(rows) for n, (rows, _) in enumerate(shapes)
        ]
        self.function = FUNCTIONS[nonlinearity] if nonlinearity else None
        self.mlp = torch.nn.Module()  # with NequIP's names
        if hidden and self.function is None:
            zeros = [torch.zeros(*shape, dtype=dtype) for shape in shapes]
            self.mlp.add_module("weights", torch.nn.ParameterList(zeros))
        else:
            for number, shape in enumerate(shapes):
                self.mlp.add_module(str(2 * number), Weight(shape, dtype))

    def matrices(self) -> list[torch.Tensor]:
        """Return the matrices, constants except in training mode."""
        found = [
            value * factor
            for value, factor in zip(self.mlp.parameters(), self.factors, strict=True)
        ]
        return found if self.training else [value.detach() for value in found]

    def activate(self, x: torch.Tensor, matrices: Sequence[torch.Tensor]) -> torch.Tensor:
        """Apply matrices, with a function after each."""
        for matrix in matrices:
            x = x @ matrix
            if self.function is not None:
                x = self.function(x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply all matrices, with a function after each but the last."""
        *hidden, last = self.matrices()
        return self.activate(x, hidden) @ last


class Readout(torch.nn.Module):
    """The network from the last features to the atomic energy."""

    def __init__(self, perceptron: Perceptron) -> None:
        super().__init__()
        self.mlp_module = perceptron

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (N, F) to (N, 1)."""
        found: torch.Tensor = self.mlp_module(features)
        return found


class IrrepLinear(torch.nn.Module):
    """A linear map between features, irrep by irrep; for each type one in a self-connection."""

    scales: torch.Tensor

    def __init__(self, plan: Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.plan = plan
        self.weight = torch.nn.Parameter(torch.zeros(plan.size, dtype=dtype))
        self.sizes = [each.inputs * plan.types * each.outputs for each in plan.weights]
        scales = torch.cat(
            [
                torch.full((size,), each.factor, dtype=torch.float64)
                for each, size in zip(plan.weights, self.sizes, strict=True)
            ]
        )
        self.register_buffer("scales", scales.to(dtype), persistent=False)

    def forward(
        self, blocks: Sequence[torch.Tensor], sums: dict[int, torch.Tensor], factor: float = 1.0
    ) -> dict[int, torch.Tensor]:
        """Map blocks (N, components, channels), and add them to what is there; by target."""
        found = dict(sums)
        for each, matrix in zip(self.plan.weights, self._matrices(factor), strict=True):
            rows = blocks[each.source]
            _add(found, each.target, rows, matrix.view(each.inputs, each.outputs))
        return found

    def by_type(
        self,
        blocks: Sequence[torch.Tensor],
        embedding: torch.Tensor,
        counts: Sequence[int],
    ) -> dict[int, torch.Tensor]:
        """Map blocks whose atoms are sorted by type: `counts` of each, embedded as (T, types)."""
        found: dict[int, torch.Tensor] = {}
        for each, numbers in zip(self.plan.weights, self._matrices(1.0), strict=True):
            matrices = numbers.view(each.inputs, self.plan.types, each.outputs)
            by_type = torch.einsum("tv,uvw->tuw", embedding, matrices)
            if len(counts) == 1:
                _add(found, each.target, blocks[each.source], by_type[0])
                continue
            parts = [
                part @ matrix
                for part, matrix in zip(
                    blocks[each.source].split(list(counts)), by_type.unbind(0), strict=True
                )
            ]
            joined = torch.cat(parts)
            found[each.target] = found[each.target] + joined if each.target in found else joined
        return found

    def by_atom(
        self, blocks: Sequence[torch.Tensor], embeddings: torch.Tensor
    ) -> dict[int, torch.Tensor]:
        """Map blocks whose atoms are in any order, embedded as (N, types)."""
        found: dict[int, torch.Tensor] = {}
        for each, numbers in zip(self.plan.weights, self._matrices(1.0), strict=True):
            rows = blocks[each.source][..., None] * embeddings[:, None, None, :]
            _add(found, each.target, rows.flatten(2), numbers.view(-1, each.outputs))
        return found

    def _matrices(self, factor: float) -> tuple[torch.Tensor, ...]:
        scaled = self.weight * (self.scales if factor == 1.0 else self.scales * factor)
        parts: tuple[torch.Tensor, ...] = scaled.split(self.sizes)
        return parts if self.training else tuple(part.detach() for part in parts)


def _add(
    sums: dict[int, torch.Tensor], target: int, rows: torch.Tensor, matrix: torch.Tensor
) -> None:
    """Add ``rows @ matrix`` to the sum of a target."""
    flat = rows.flatten(0, 1)
    if target in sums:
        result = torch.addmm(sums[target].flatten(0, 1), flat, matrix)
    else:
        result = flat @ matrix
    sums[target] = result.view(*rows.shape[:2], -1)


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
