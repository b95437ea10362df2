"""The passes over the pairs of a convolution, and what each is to form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

VALUE, GRADIENT, SECOND = "value", "gradient", "second"


class Wanted(NamedTuple):
    """What a pass forms besides the gradients of the hidden numbers."""

    features: bool = True
    harmonics: bool = True
    matrix: bool = True


@dataclass
class Pass:
    """What the gradients are for that are being formed.

    Autograd asks a function for the gradients of all inputs that require them, also while only
    forces are formed, from the edges' gradients. Here that is stated instead.

    Attributes
    ----------
    forms_forces
        Whether the gradients by the edges are being formed, and no others are used.
    keeps_edges
        Whether later passes need the gradients by the edges, too, because something depends on
        them other than forces.
    """

    forms_forces: bool = False
    keeps_edges: bool = False

    @property
    def wants_edges(self) -> bool:
        """Whether gradients by the edges' harmonics are used."""
        return self.forms_forces or self.keeps_edges
