"""Modules that hold weights: matrices between nonlinear functions, and maps of each irrep."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from hub.potentials.equivariant.nonlinear import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.equivariant.layers import Linear


class Weight(torch.nn.Module):
    """One tensor."""

    def __init__(self, shape: Sequence[int], dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(*shape, dtype=dtype))


class Perceptron(torch.nn.Module):
    """Matrices with nonlinear functions between them; its parameters are the matrices.

    Parameters
    ----------
    shapes
        Those of the matrices.
    nonlinearity
        The name of the function; None for none.
    gain
        What its results are multiplied by. Each matrix is divided by the root of its rows.
    """

    def __init__(
        self, shapes: Sequence[tuple[int, int]], nonlinearity: str | None, gain: float
    ) -> None:
        super().__init__()
        self.function = FUNCTIONS[nonlinearity] if nonlinearity else None
        self.factors = [
            (gain if n else 1.0) / math.sqrt(rows) for n, (rows, _) in enumerate(shapes)
        ]

    def hidden_matrices(self) -> list[torch.Tensor]:
        """Return all matrices but the last, constants except in training mode."""
        return self._scaled(slice(None, -1))

    def last_matrix(self) -> torch.Tensor:
        """Return the last matrix, a constant except in training mode."""
        (last,) = self._scaled(slice(-1, None))
        return last

    def _scaled(self, which: slice) -> list[torch.Tensor]:
        values = list(self.parameters())[which]
        found = [value * factor for value, factor in zip(values, self.factors[which], strict=True)]
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
        return self.activate(x, self.hidden_matrices()) @ self.last_matrix()


def hidden_numbers(networks: Sequence[Perceptron], basis: torch.Tensor) -> list[torch.Tensor]:
    """Return the inputs of the last matrix of each network, whose inputs are the same."""
    matrices = [each.hidden_matrices() for each in networks]
    if not all(matrices):
        return [each.activate(basis, some) for each, some in zip(networks, matrices, strict=True)]
    # The first functions of all networks are joined into one.
    first = networks[0]
    joined = first.activate(basis, [torch.cat([matrix for matrix, *_ in matrices], dim=1)])
    parts = joined.split([matrix.shape[1] for matrix, *_ in matrices], dim=1)
    return [first.activate(part, rest) for part, (_, *rest) in zip(parts, matrices, strict=True)]


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
        self, blocks: Sequence[torch.Tensor], sums: dict[int, torch.Tensor]
    ) -> dict[int, torch.Tensor]:
        """Map blocks (N, components, channels), and add them to what is there; by target."""
        found = dict(sums)
        for each, matrix in zip(self.plan.weights, self._matrices(), strict=True):
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
        for each, numbers in zip(self.plan.weights, self._matrices(), strict=True):
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
        for each, numbers in zip(self.plan.weights, self._matrices(), strict=True):
            rows = blocks[each.source][..., None] * embeddings[:, None, None, :]
            _add(found, each.target, rows.flatten(2), numbers.view(-1, each.outputs))
        return found

    def _matrices(self) -> tuple[torch.Tensor, ...]:
        parts: tuple[torch.Tensor, ...] = (self.weight * self.scales).split(self.sizes)
        return parts if self.training else tuple(part.detach() for part in parts)


def matrix_shapes(module: torch.nn.Module) -> tuple[tuple[int, int], ...]:
    """Return the shapes of the matrices in the flat weight of a linear map; none of other modules.

    The module may be one of e3nn's, whose products of features with types are such maps, too.
    """
    if isinstance(module, IrrepLinear):
        plan = module.plan
        return tuple((each.inputs * plan.types, each.outputs) for each in plan.weights)
    paths = [each.path_shape for each in getattr(module, "instructions", ())]
    return tuple((math.prod(shape[:-1]), shape[-1]) for shape in paths)


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
