"""Functions of the lengths and directions of pairs: envelope and spherical harmonics."""

from __future__ import annotations

import functools
import math

import torch

from hub.potentials.kernels.coupling import wigner_3j


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
        degrees.append(outer @ _raising(degree, directions.dtype, directions.device))
    return torch.cat(degrees, dim=1)


@functools.cache
def _raising(degree: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return the matrix from products of degrees 1 and `degree` - 1 to harmonics of `degree`."""
    matrix = torch.zeros(3, 2 * degree - 1, 2 * degree + 1, dtype=torch.float64)
    for i, j, k, value in wigner_3j(1, degree - 1, degree):
        matrix[i, j, k] = value
    # Along y only the middle component of each degree differs from zero, which fixes the factor.
    axis = matrix[1, degree - 1, degree] * math.sqrt(3 * (2 * degree - 1))
    return (matrix * (math.sqrt(2 * degree + 1) / axis)).flatten(0, 1).to(device, dtype)
