"""Plan the layers of a network.

NequIP and SevenNet build them from e3nn's modules, which take seconds to import and to generate.
The order of irreps, paths and weights and all normalisations are the same here, so that files fit
both.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from hub.potentials.equivariant.layers import Features, Gate, Irrep, Layer, Linear, Weights
from hub.potentials.kernels.coupling import wigner_3j
from hub.potentials.kernels.product import Block, Path, Product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.equivariant.layers import Choices

# The parity of the result of a function of odd scalars; those of even ones are even.
_ODD = {"tanh": -1, "abs": 1}


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
        before=plan_linear((*inputs, *choices.constants), inputs),
        product=product,
        after=plan_linear((*messages, *choices.constants), convolved),
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
