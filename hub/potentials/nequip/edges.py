"""Lengths and directions of pairs: cutoffs, radial basis and spherical harmonics."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import torch

from hub.potentials.kernels.coupling import wigner_3j
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


def envelope(x: torch.Tensor, p: float) -> torch.Tensor:
    """Return the polynomial that falls from 1 at x = 0 to 0 at x = 1, with two derivatives."""
    power = x**p
    inner = (p + 1) * (p + 2) / 2 - x * (p * (p + 2) - (p * (p + 1) / 2) * x)
    return (1 - power * inner) * (x < 1)


def harmonics(directions: torch.Tensor, l_max: int) -> torch.Tensor:
    """Return real spherical harmonics whose squares sum to 2 l + 1 for each degree.

    Parameters
    ----------
    directions : (P, 3)
        Unit vectors x, y, z.
    l_max
        Highest degree.

    Returns
    -------
    (P, (l_max + 1)^2), by degree; the components of degree 1 are x, y, z as in e3nn.
    """
    degrees = [torch.ones_like(directions[:, :1])]
    if l_max:
        degrees.append(math.sqrt(3) * directions)
    for degree in range(2, l_max + 1):
        outer = (degrees[1][:, :, None] * degrees[-1][:, None, :]).flatten(1)
        degrees.append(outer @ _raising(degree).to(directions))
    return torch.cat(degrees, dim=1)


@functools.cache
def _raising(degree: int) -> torch.Tensor:
    """Return the matrix from products of degrees 1 and `degree` - 1 to harmonics of `degree`."""
    matrix = torch.zeros(3, 2 * degree - 1, 2 * degree + 1, dtype=torch.float64)
    for i, j, k, value in wigner_3j(1, degree - 1, degree):
        matrix[i, j, k] = value
    # Along y only the middle component of each degree differs from zero, which fixes the factor.
    axis = matrix[1, degree - 1, degree] * math.sqrt(3 * (2 * degree - 1))
    return (matrix * (math.sqrt(2 * degree + 1) / axis)).flatten(0, 1)
