"""Lengths of pairs in NequIP's networks: cutoffs and radial basis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from hub.potentials.equivariant.edges import envelope
from hub.potentials.nequip.stock import StockConfig

if TYPE_CHECKING:
    from hub.potentials.nequip.onehot import OneHotConfig
    from hub.potentials.nequip.plan import Plan


class CutoffTable(torch.nn.Module):
    """The inverse cutoff (1/Å) of each pair of types.

    Attributes
    ----------
    is_symmetric
        Whether pairs of types have one cutoff, whichever of them is the centre.
    """

    inverse: torch.Tensor

    def __init__(self, config: OneHotConfig | StockConfig) -> None:
        super().__init__()
        rows = config.cutoffs if isinstance(config, StockConfig) else ()
        table = torch.tensor(rows or [[config.r_max]], dtype=torch.float64)
        self.is_symmetric = bool(torch.equal(table, table.T))
        self.register_buffer("inverse", table.reciprocal(), persistent=False)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the inverse cutoffs (P, 1), or one for all, from the types of both atoms."""
        if self.inverse.numel() == 1:
            return self.inverse
        return self.inverse[first, second][:, None]


class RadialBasis(torch.nn.Module):
    """Bessel functions with a polynomial envelope (Gasteiger et al., arXiv:2003.03123, eq. 7, 8).

    NequIP's basis has a factor 2 pi / r_max^2.
    """

    bessel_weights: torch.Tensor

    def __init__(self, plan: Plan, r_max: float, dtype: torch.dtype) -> None:
        super().__init__()
        waves = torch.arange(1, plan.num_bessels + 1, dtype=torch.float64)[None]
        if plan.bessel_trainable:
            self.bessel_weights = torch.nn.Parameter(waves)
        else:
            self.register_buffer("bessel_weights", waves, persistent=False)
        self.exponent, self.dtype = float(plan.polynomial_cutoff_p), dtype
        self.factor = 2 * math.pi / r_max**2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the basis (P, B) at lengths x (P, 1) in units of the cutoff, float64."""
        waves = self.bessel_weights if self.training else self.bessel_weights.detach()
        scaled = math.pi * x
        basis = torch.sin(scaled * waves) * (self.factor * envelope(x, self.exponent) / scaled)
        return basis.to(self.dtype)
