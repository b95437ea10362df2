"""The universal repulsion of nuclei (Ziegler, Biersack and Littmark, 1985)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase.data import atomic_numbers

from hub.potentials.equivariant.edges import envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

_COULOMB = 14.399645 / 2  # eV Å; half of it for each direction of a pair
_LENGTH = 0.46850  # Å
_SCREENING = (
    (0.02817, -0.20162),
    (0.28022, -0.40290),
    (0.50986, -0.94229),
    (0.18175, -3.19980),
)


class NuclearRepulsion(torch.nn.Module):
    """Half of the repulsion of each pair, with the envelope of the radial basis."""

    charges: torch.Tensor

    def __init__(self, names: Sequence[str], exponent: float, dtype: torch.dtype) -> None:
        super().__init__()
        numbers = [float(atomic_numbers[name]) for name in names]
        self.register_buffer("charges", torch.tensor(numbers, dtype=dtype), persistent=False)
        self.exponent, self.dtype = exponent, dtype

    def forward(
        self, first: torch.Tensor, second: torch.Tensor, lengths: torch.Tensor, x: torch.Tensor
    ) -> torch.Tensor:
        """Return the energies (P,) in eV that a pair adds to each of its atoms.

        Parameters
        ----------
        first, second : (P,)
            The types of the atoms.
        lengths : (P,) Å
        x : (P,)
            Lengths in units of the cutoff.
        """
        one, other = self.charges[first], self.charges[second]
        scaled = (one**0.23 + other**0.23) * lengths / _LENGTH
        screening = torch.zeros_like(scaled)
        for factor, rate in _SCREENING:
            screening = screening + factor * torch.exp(rate * scaled)
        energies = _COULOMB * (one * other / lengths) * screening
        return energies * envelope(x, self.exponent).to(self.dtype)
