"""The scale and the zero of the atomic energies, which training leaves alone."""

from __future__ import annotations

import torch


class Rescale(torch.nn.Module):
    """The scale and the shift (eV) of each type's atomic energy."""

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, n_types: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(n_types, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(n_types, dtype=torch.float64))

    def forward(self, energies: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return scaled and shifted energies (N,), float64."""
        return energies.double() * self.scale[types] + self.shift[types]
