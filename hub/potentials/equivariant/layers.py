"""The layers of a network as numbers: which irreps meet, and where the weights are.

NequIP and SevenNet build them from e3nn's modules, which take seconds to import and to generate.
The order of irreps, paths and weights and all normalisations are the same here, so that files fit
both.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from hub.potentials.kernels.coupling import wigner_3j
from hub.potentials.kernels.product import Block, Path, Product

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """

    harmonics: tuple[Irrep, ...]
    types: int
    nonlinearity: str
    scalars: dict[int, str]
    gates: dict[int, str]
    sorts_paths: bool = False


# The parity of the result of a function of odd scalars; those of even ones are even.
_ODD = {"tanh": -1, "abs": 1}


def are_compilable(layers: Sequence[Layer]) -> bool:
    """Say whether the kernels of layers compile in seconds."""
    return all(layer.product.n_couplings <= _MOST_COUPLINGS for layer in layers)


def plan_layer(
    inputs: tuple[Features, ...],
    hidden: Sequence[Features],
    choices: Choices,
    *,
    hidden_radial: int,
    has_self_connection: bool,
    is_residual: bool,
) -> Layer:
    """Return the layer that turns `inputs` into `hidden` features, as far as they can be reached.

    Parameters
    ----------
    inputs, hidden
        Features before and after.
    choices
        Settings of the network.
    hidden_radial
        Number of inputs of the last linear function of the radial network.
    has_self_connection, is_residual
        Whether to add the product with types, and the inputs where they have the same irreps.
    """
    edges = choices.harmonics
    reachable = [each for each in hidden if _is_reachable(inputs, each.irrep, edges)]
    scalars = tuple(each for each in reachable if each.irrep.degree == 0)
    gated = tuple(each for each in reachable if each.irrep.degree > 0)
    outputs = _merged((*scalars, *gated))
    gate = None
    convolved = outputs
    adds_inputs = is_residual and outputs == inputs
    if choices.nonlinearity == "gate":
        even = Irrep(0, 1)
        kind = even if _is_reachable(inputs, even, edges) else Irrep(0, -1)
        gate, convolved = _plan_gate(_merged(scalars), kind, _merged(gated))
        outputs = _gated_outputs(gate, choices)
    product, messages = _plan_product(inputs, convolved, choices, hidden_radial)
    connection = plan_linear(inputs, convolved, choices.types) if has_self_connection else None
    return Layer(
        inputs=inputs,
        convolved=convolved,
        outputs=outputs,
        before=plan_linear(inputs, inputs),
        product=product,
        after=plan_linear(messages, convolved),
        self_connection=connection if connection and connection.weights else None,
        gate=gate,
        adds_inputs=adds_inputs,
    )


def plan_linear(inputs: Sequence[Features], outputs: Sequence[Features], types: int = 1) -> Linear:
    """Return the linear map between all features of equal irreps."""
    pairs = [
        (source, target)
        for source, given in enumerate(inputs)
        for target, wanted in enumerate(outputs)
        if given.irrep == wanted.irrep
    ]
    weights, start = [], 0
    for source, target in pairs:
        total = sum(inputs[one].channels * types for one, other in pairs if other == target)
        rows, columns = inputs[source].channels, outputs[target].channels
        weights.append(Weights(source, target, start, rows, columns, 1 / math.sqrt(total)))
        start += rows * types * columns
    return Linear(tuple(weights), types)


def _is_reachable(inputs: Sequence[Features], wanted: Irrep, harmonics: Sequence[Irrep]) -> bool:
    return any(wanted in _coupled(given.irrep, edge) for given in inputs for edge in harmonics)


def _coupled(one: Irrep, other: Irrep) -> list[Irrep]:
    """Return the irreps of a product."""
    degrees = range(abs(one.degree - other.degree), one.degree + other.degree + 1)
    return [Irrep(each, one.parity * other.parity) for each in degrees]


def _merged(features: Sequence[Features]) -> tuple[Features, ...]:
    """Merge neighbours of the same irrep."""
    return tuple(
        Features(sum(each.channels for each in group), irrep)
        for irrep, group in itertools.groupby(features, key=lambda each: each.irrep)
    )


def _plan_gate(
    scalars: tuple[Features, ...], kind: Irrep, gated: tuple[Features, ...]
) -> tuple[Gate, tuple[Features, ...]]:
    """Return the gate, and the features that it takes."""
    gates = _merged([Features(each.channels, kind) for each in gated])
    parts = [*scalars, *gates, *gated]
    order = sorted(range(len(parts)), key=lambda number: (parts[number].irrep, number))
    inputs = _merged([parts[number] for number in order])
    place: dict[int, tuple[int, int]] = {}
    used = [0] * len(inputs)
    for number in order:
        block = next(n for n, each in enumerate(inputs) if each.irrep == parts[number].irrep)
        place[number] = block, used[block]
        used[block] += parts[number].channels
    first_gate, first_gated = len(scalars), len(scalars) + len(gates)
    found, channel = [], 0
    for number, features in enumerate(gated):
        block, start = place[first_gate]
        target = place[first_gated + number]
        found.append((block, start + channel, kind, *target, features))
        channel += features.channels
    kinds = tuple((*place[number], each) for number, each in enumerate(scalars))
    return Gate(kinds, tuple(found)), inputs


def _gated_outputs(gate: Gate, choices: Choices) -> tuple[Features, ...]:
    def parity_of(irrep: Irrep, functions: dict[int, str]) -> int:
        return 1 if irrep.parity == 1 else _ODD[functions[-1]]

    found = [
        Features(each.channels, Irrep(0, parity_of(each.irrep, choices.scalars)))
        for _, _, each in gate.scalars
    ]
    for _, _, kind, _, _, each in gate.gates:
        parity = each.irrep.parity * parity_of(kind, choices.gates)
        found.append(Features(each.channels, Irrep(each.irrep.degree, parity)))
    return tuple(found)


def _plan_product(
    inputs: tuple[Features, ...], wanted: Sequence[Features], choices: Choices, hidden: int
) -> tuple[Product, tuple[Features, ...]]:
    """Return the product with the neighbours, and the features of its messages."""
    known = {each.irrep for each in wanted}
    paths = [
        (source, edge.degree, irrep)
        for source, given in enumerate(inputs)
        for edge in choices.harmonics
        for irrep in _coupled(given.irrep, edge)
        if irrep in known
    ]
    order = sorted(range(len(paths)), key=lambda number: (paths[number][2], number))
    channels: dict[Irrep, int] = {}
    first = {}
    for number in order:
        source, _, irrep = paths[number]
        first[number] = channels.get(irrep, 0)
        channels[irrep] = first[number] + inputs[source].channels
    messages = tuple(Features(count, irrep) for irrep, count in channels.items())
    places = {each.irrep: number for number, each in enumerate(messages)}
    product = Product(
        features=_blocks(inputs),
        messages=_blocks(messages),
        harmonics=sum(edge.components for edge in choices.harmonics),
        hidden=hidden,
        paths=tuple(
            _path(paths[number], inputs, places, first[number])
            for number in (order if choices.sorts_paths else range(len(paths)))
        ),
    )
    return product, messages


def _path(
    path: tuple[int, int, Irrep],
    inputs: Sequence[Features],
    places: dict[Irrep, int],
    channel: int,
) -> Path:
    source, degree, irrep = path
    return Path(source, places[irrep], channel, _coupling(inputs[source].irrep, degree, irrep))


def _coupling(given: Irrep, degree: int, irrep: Irrep) -> tuple[tuple[int, int, int, float], ...]:
    """Return normalised couplings, so that messages have the variance of the features."""
    norm = math.sqrt(irrep.components)
    return tuple(
        (i, degree**2 + j, k, norm * value)
        for i, j, k, value in wigner_3j(given.degree, degree, irrep.degree)
    )


def _blocks(features: Sequence[Features]) -> tuple[Block, ...]:
    return tuple(Block(each.irrep.components, each.channels) for each in features)
