"""Nonlinear functions of features whose channels are the last dimension."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.potentials.equivariant.layers import Gate

    Function = Callable[[torch.Tensor], torch.Tensor]


def shifted_softplus(x: torch.Tensor) -> torch.Tensor:
    """Return ln(1 + e^x) - ln 2."""
    return functional.softplus(x).sub_(math.log(2.0))


FUNCTIONS: dict[str, Function] = {
    "silu": functional.silu,
    "ssp": shifted_softplus,
    "tanh": torch.tanh,
    "abs": torch.abs,
    "mish": functional.mish,
    "gelu": functional.gelu,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
}

# e3nn divides each function by the root of its mean square over a million normal random numbers,
# which a fixed seed makes the same numbers everywhere.
SECOND_MOMENT = {
    "silu": 1.6791767923989418,
    "ssp": 1.878204668541552,
    "tanh": 1.5937334472592695,
    "abs": 1.001110600838467,
}


def apply_nonlinearity(
    blocks: Sequence[torch.Tensor],
    plan: Gate | None,
    scalars: dict[int, str],
    gates: dict[int, str],
) -> list[torch.Tensor]:
    """Apply functions to scalars, and multiply other features by functions of their gates.

    Without gates, all features are scaled by a function of their norm.

    Parameters
    ----------
    blocks
        Features (N, components, channels) after the convolution.
    plan
        What is where; None without gates.
    scalars, gates
        The functions, by parity of the scalars.
    """
    if plan is None:
        return _scale_by_norm(blocks, scalars[1])
    found = []
    for block, start, each in plan.scalars:
        name = scalars[each.irrep.parity]
        part = blocks[block][:, :, start : start + each.channels]
        found.append(FUNCTIONS[name](part) * SECOND_MOMENT[name])
    for block, start, kind, target, first, each in plan.gates:
        name = gates[kind.parity]
        factor = FUNCTIONS[name](blocks[block][:, :, start : start + each.channels])
        part = blocks[target][:, :, first : first + each.channels]
        found.append(part * (factor * SECOND_MOMENT[name]))
    return found


def _scale_by_norm(blocks: Sequence[torch.Tensor], name: str) -> list[torch.Tensor]:
    """Multiply features by a function of their norm over the norm."""
    found = []
    for block in blocks:
        norm = block.square().sum(1, keepdim=True).clamp(min=1e-16).sqrt()
        found.append(block * (FUNCTIONS[name](norm) / norm))
    return found
