"""The layers of a network as numbers: which irreps meet, and where the weights are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.kernels.product import Product


# Kernels for more coefficients would take minutes to compile.
_MOST_COUPLINGS = 2000


class Irrep(NamedTuple):
    """A degree and a parity (1 or -1); sorted as e3nn sorts them."""

    degree: int
    parity: int

    @property
    def components(self) -> int:
        """Number of components."""
        return 2 * self.degree + 1


class Features(NamedTuple):
    """Channels of one irrep."""

    channels: int
    irrep: Irrep


class Weights(NamedTuple):
    """The weights between two blocks of features: (inputs, outputs) numbers from `start`."""

    source: int
    target: int
    start: int
    inputs: int
    outputs: int
    factor: float


@dataclass(frozen=True)
class Linear:
    """A linear map between features, irrep by irrep.

    Attributes
    ----------
    weights
        Where the numbers of each pair of blocks are, in the order of the weights.
    types
        Size of the type embedding that a self-connection multiplies with; the numbers of each
        pair are then (inputs, types, outputs).
    """

    weights: tuple[Weights, ...]
    types: int = 1

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(each.inputs * self.types * each.outputs for each in self.weights)


@dataclass(frozen=True)
class Gate:
    """Nonlinear functions of the scalars, some of which multiply the other features.

    Attributes
    ----------
    scalars
        Block, first channel and features of each kind of scalars.
    gates
        Block, first channel of the gates, and block and features that they multiply.
    """

    scalars: tuple[tuple[int, int, Features], ...]
    gates: tuple[tuple[int, int, Irrep, int, int, Features], ...]


@dataclass(frozen=True)
class Layer:
    """One interaction.

    Attributes
    ----------
    inputs, convolved, outputs
        Features before, after the convolution, and after the nonlinearity.
    before, after
        The linear maps before and after the product with the neighbours.
    product
        The product with the neighbours.
    self_connection
        The product with the types; None without it, and if no irrep is in both features.
    gate
        None if all features are scaled by a function of their norm.
    adds_inputs
        Whether the inputs are added to the outputs.
    """

    inputs: tuple[Features, ...]
    convolved: tuple[Features, ...]
    outputs: tuple[Features, ...]
    before: Linear
    product: Product
    after: Linear
    self_connection: Linear | None
    gate: Gate | None
    adds_inputs: bool


def harmonic_irreps(l_max: int, parity: int = -1) -> tuple[Irrep, ...]:
    """Return the irreps of harmonics up to a degree; `parity` is that of degree 1."""
    return tuple(Irrep(degree, parity**degree) for degree in range(l_max + 1))


@dataclass(frozen=True)
class Choices:
    """What is common to the layers of a network.

    Attributes
    ----------
    harmonics
        The irreps of the edges' harmonics, by degree.
    types
        Size of the type embedding that self-connections multiply with; 1 if they are linear.
    nonlinearity
        ``gate`` or ``norm``.
    scalars, gates
        The nonlinear function of even and odd scalars, and of gates, by parity.
    sorts_paths
        Whether the weights of a product are in the order of the messages, not of the features.
    constants
        Features of every atom that the linear maps before and after a product take as well.
    """

    harmonics: tuple[Irrep, ...]
    types: int
    nonlinearity: str
    scalars: dict[int, str]
    gates: dict[int, str]
    sorts_paths: bool = False
    constants: tuple[Features, ...] = ()


def are_compilable(layers: Sequence[Layer]) -> bool:
    """Say whether the kernels of layers compile in seconds."""
    return all(layer.product.n_couplings <= _MOST_COUPLINGS for layer in layers)
