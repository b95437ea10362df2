"""Random convolutions, and what they are by definition: sums over edges, one coefficient a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from hub.potentials.kernels.convolution import convolve
from hub.potentials.kernels.coupling import wigner_3j
from hub.potentials.kernels.pairs import Pairs, find_pairs
from hub.potentials.kernels.passes import Pass
from hub.potentials.kernels.product import Block, Path, Product


def product_of(irreps, l_max, hidden, *, wanted=None, order=None) -> Product:
    """Return the product of features, channels by (degree, parity), with all harmonics.

    `wanted` are the (degree, parity) of the messages, by default those of the features; `order`
    shuffles the paths.
    """
    kinds = list(irreps)
    wanted = kinds if wanted is None else wanted
    found = [
        (feature, degree, target)
        for feature, (start, parity) in enumerate(kinds)
        for degree in range(l_max + 1)
        for target, (end, kind) in enumerate(wanted)
        if abs(start - degree) <= end <= start + degree and kind == parity * (-1) ** degree
    ]
    if order is not None:
        order.shuffle(found)
    used = sorted({target for _, _, target in found})
    totals = [0] * len(used)
    paths = []
    for feature, degree, target in found:
        message = used.index(target)
        triples = wigner_3j(kinds[feature][0], degree, wanted[target][0])
        coupling = tuple((i, degree**2 + j, k, value) for i, j, k, value in triples)
        paths.append(Path(feature, message, totals[message], coupling))
        totals[message] += irreps[kinds[feature]]
    features = tuple(Block(2 * degree + 1, irreps[degree, parity]) for degree, parity in kinds)
    messages = tuple(
        Block(2 * wanted[target][0] + 1, total) for target, total in zip(used, totals, strict=True)
    )
    return Product(features, messages, (l_max + 1) ** 2, hidden, tuple(paths))


@st.composite
def products(draw) -> Product:
    """Draw a product with or without both parities, and paths in any order."""
    highest = draw(st.integers(0, 2))
    both = draw(st.booleans())
    kinds = [(n, p) for n in range(highest + 1) for p in ((1, -1) if both else ((-1) ** n,))]
    irreps = {kind: draw(st.integers(1, 20)) for kind in kinds}
    order = draw(st.randoms(use_true_random=False))
    return product_of(irreps, highest, draw(st.integers(1, 9)), order=order)


@st.composite
def edge_lists(draw, n_atoms: int):
    """Draw neighbours, in any order: images of atoms themselves, repeated ones, one-way ones.

    Returns
    -------
    Centres and neighbours, and shifts.
    """
    atom = st.integers(0, n_atoms - 1)
    shift = st.tuples(*[st.integers(-1, 1)] * 3)
    edge = st.tuples(atom, atom, shift).filter(lambda each: each[0] != each[1] or any(each[2]))
    edges = draw(st.lists(edge, max_size=14))
    if draw(st.booleans()):
        edges += [(b, a, tuple(-n for n in shift)) for a, b, shift in edges]
    edges = draw(st.permutations(edges))
    return as_tensors(edges)


def as_tensors(edges) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (2, E) indices and (E, 3) shifts."""
    indices = torch.tensor([each[:2] for each in edges], dtype=torch.int64).reshape(-1, 2)
    shifts = torch.tensor([each[2] for each in edges], dtype=torch.float64).reshape(-1, 3)
    return indices.T, shifts


@dataclass
class Problem:
    """A convolution, with numbers."""

    product: Product
    pairs: Pairs
    features: list[torch.Tensor]
    harmonics: torch.Tensor
    hidden: torch.Tensor
    matrix: torch.Tensor

    @classmethod
    def random(
        cls, product, edges, shifts, n_atoms, dtype=torch.float64, *, may_join=True, seed=0
    ) -> Problem:
        pairs = find_pairs(edges, shifts, may_join=may_join)
        generator = torch.Generator().manual_seed(seed)

        def numbers(*shape: int) -> torch.Tensor:
            found = torch.randn(*shape, generator=generator, dtype=torch.float64)
            return found.to(dtype).requires_grad_()

        features = [numbers(n_atoms, each.components, each.channels) for each in product.features]
        count = len(pairs.first)
        harmonics, hidden = numbers(count, product.harmonics), numbers(count, product.hidden)
        matrix = numbers(product.hidden, product.n_weights)
        return cls(product, pairs, features, harmonics, hidden, matrix)

    @property
    def inputs(self) -> list[torch.Tensor]:
        return [self.harmonics, self.hidden, self.matrix, *self.features]

    def compiled(self, state: Pass | None = None) -> tuple[torch.Tensor, ...]:
        state = state or Pass(keeps_edges=True)
        return convolve(self.product, self.pairs, state, self.features, *self.inputs[:3])

    def reference(self) -> tuple[torch.Tensor, ...]:
        pairs, harmonics, hidden = self.pairs, self.harmonics, self.hidden
        centres, neighbours = pairs.first, pairs.second
        if pairs.ways == 2:
            degrees = torch.tensor([int(j**0.5) for j in range(self.product.harmonics)])
            harmonics = torch.cat([harmonics, harmonics * (-1.0) ** degrees])
            hidden = torch.cat([hidden, hidden])
            centres, neighbours = (
                torch.cat([centres, neighbours]),
                torch.cat([neighbours, centres]),
            )
        return definition(
            self.product, (centres, neighbours), self.features, harmonics, hidden @ self.matrix
        )


def definition(product, edges, features, harmonics, weights) -> tuple[torch.Tensor, ...]:
    """Return the messages from the weights of all edges."""
    centres, neighbours = edges
    n_atoms = len(features[0])
    messages = [
        features[0].new_zeros(n_atoms, block.components, block.channels)
        for block in product.messages
    ]
    for path, start in zip(product.paths, product.offsets, strict=True):
        sent = features[path.feature]
        channels = sent.shape[2]
        *places, values = zip(*path.coupling, strict=True)
        i, j, k = (torch.tensor(each) for each in places)
        factors = torch.tensor(values, dtype=sent.dtype) * harmonics[:, j]
        weighted = sent[neighbours] * weights[:, None, start : start + channels]
        terms = factors[:, :, None] * weighted[:, i]
        components = messages[path.message].shape[1]
        each = terms.new_zeros(len(terms), components, channels).index_add(1, k, terms)
        after = messages[path.message].shape[2] - path.channel - channels
        each = torch.nn.functional.pad(each, (path.channel, after))
        messages[path.message] = messages[path.message].index_add(0, centres, each)
    return tuple(messages)


def derivatives(messages, inputs) -> list[torch.Tensor]:
    """Return messages, first derivatives, and derivatives of a function of those."""
    energy = energy_of(messages)
    first = torch.autograd.grad(energy, inputs[:2], create_graph=True)
    loss = energy + sum((each**2).sum() for each in first)
    found = [*messages, *first, *torch.autograd.grad(loss, inputs)]
    return [each.detach() for each in found]


def energy_of(messages) -> torch.Tensor:
    """Return a number that depends on each message in another way."""
    total = torch.zeros((), dtype=messages[0].dtype)
    for each in messages:
        signs = torch.linspace(-1, 1.5, each.numel(), dtype=each.dtype).view_as(each)
        total = total + (signs * each + 0.1 * each**2).sum()
    return total
