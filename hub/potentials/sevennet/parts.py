"""Modules that hold the parameters of a network under sevenn's names."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch

from hub.potentials.equivariant.edges import envelope
from hub.potentials.equivariant.nonlinear import SECOND_MOMENT
from hub.potentials.equivariant.weights import IrrepLinear, Perceptron, Weight
from hub.potentials.sevennet.plan import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.equivariant.layers import Linear
    from hub.potentials.sevennet import SevenNetConfig

EMBEDDING = "onehot_to_feature_x"
READOUT = "reduce_input_to_hidden"
RESCALE = "rescale_atomic_energy"
# The parameters that sevenn does not train.
FROZEN = ("denominator", "scale", "shift")


class BesselBasis(torch.nn.Module):
    """Spherical waves of trained wavenumbers (1/Å)."""

    def __init__(self, config: SevenNetConfig, dtype: torch.dtype) -> None:
        super().__init__()
        self.coeffs = torch.nn.Parameter(torch.zeros(config.num_bessels, dtype=dtype))
        self.factor = 2 / config.r_max

    def forward(self, lengths: torch.Tensor) -> torch.Tensor:
        """Return the basis (P, B) at lengths (P, 1) in Å, float64."""
        waves = self.coeffs if self.training else self.coeffs.detach()
        return torch.sin(lengths * waves.double()) * (self.factor / lengths)


class EdgeEmbedding(torch.nn.Module):
    """The radial basis, which is zero beyond the cutoff."""

    def __init__(self, config: SevenNetConfig, dtype: torch.dtype) -> None:
        super().__init__()
        self.basis_function = BesselBasis(config, dtype)
        self.end, self.start = config.r_max, config.xplor_start
        self.exponent, self.dtype = float(config.polynomial_cutoff_p), dtype

    def forward(self, lengths: torch.Tensor) -> torch.Tensor:
        """Return the basis (P, B) at lengths (P, 1) in Å."""
        if self.start is None:
            factor = envelope(lengths / self.end, self.exponent)
        else:
            factor = xplor(lengths, self.start, self.end)
        basis: torch.Tensor = self.basis_function(lengths) * factor
        return basis.to(self.dtype)


def xplor(lengths: torch.Tensor, start: float, end: float) -> torch.Tensor:
    """Return the function that is 1 up to `start` and falls to 0 at `end`, with one derivative."""
    squares = lengths.square()
    falling = (end**2 - squares) ** 2 * (end**2 + 2 * squares - 3 * start**2)
    factor = torch.where(lengths < start, 1.0, falling / (end**2 - start**2) ** 3)
    return factor * (lengths < end)


class IrrepsLinear(torch.nn.Module):
    """A linear map between features, irrep by irrep."""

    def __init__(self, plan: Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.linear = IrrepLinear(plan, dtype)

    def forward(
        self, blocks: Sequence[torch.Tensor], sums: dict[int, torch.Tensor] | None = None
    ) -> dict[int, torch.Tensor]:
        """Map blocks (N, components, channels), and add them to what is there; by target."""
        found: dict[int, torch.Tensor] = self.linear(blocks, sums or {})
        return found


class RadialNetwork(Perceptron):
    """The network whose last results are the weights of an edge."""

    def __init__(self, sizes: Sequence[int], dtype: torch.dtype) -> None:
        shapes = list(itertools.pairwise(sizes))
        super().__init__(shapes, FUNCTION, SECOND_MOMENT[FUNCTION])
        for number, shape in enumerate(shapes):
            self.add_module(f"layer{number}", Weight(shape, dtype))


class Convolution(torch.nn.Module):
    """The weights of a convolution, and the number by which its sums are divided."""

    denominator: torch.Tensor

    def __init__(self, config: SevenNetConfig, n_weights: int, dtype: torch.dtype) -> None:
        super().__init__()
        number = torch.tensor([config.avg_num_neighbors], dtype=dtype)
        self.register_buffer("denominator", number)
        hidden = [config.radial_mlp_width] * config.radial_mlp_depth
        self.weight_nn = RadialNetwork([config.num_bessels, *hidden, n_weights], dtype)

    def matrix(self) -> torch.Tensor:
        """Return the last matrix of the network, divided by the denominator."""
        return self.weight_nn.last_matrix() / self.denominator
