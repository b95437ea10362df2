"""Write the kernels of a convolution: its value, its gradients, and the gradients of those.

The convolution is S = sum of g[a, k, u] C[i, j, k] x[b, i, u] e[j] w[u] over edges (a, b), linear
in each of its inputs: features x, harmonics e, weights w = h W, and the gradient g of the messages.
One pass over the edges computes the partial derivatives of S; another one those of the sum of S
with x, e and w in turn replaced by the gradients of x', e' and w' that a second differentiation
brings. Everything about an edge stays in registers and the fastest memory, channels are the lanes
of vectors, and coefficients of C that an edge multiplies with its harmonics are formed once.

The edges (a, b) and (b, a) of a pair have the same weights, and harmonics that differ by the sign
of odd degrees: they are done together, and share what the weights cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.potentials.kernels import radial
from hub.potentials.kernels.assembler import Function, Span, Value, spans
from hub.potentials.kernels.channels import Channels
from hub.potentials.kernels.passes import GRADIENT, SECOND, VALUE, Wanted
from hub.potentials.kernels.product import is_odd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.potentials.kernels.product import Product


@dataclass(frozen=True)
class Kernel:
    """The text of a kernel and how to call it.

    Attributes
    ----------
    name
        Its name, unique for what it computes.
    text
        The module.
    integers, pointers
        The names of the arguments, in order.
    scratch
        Numbers of working memory that it needs.
    """

    name: str
    text: str
    integers: tuple[str, ...]
    pointers: tuple[str, ...]
    scratch: int


def kernel(product: Product, mode: str, scalar: str, vector_bytes: int, wanted: Wanted) -> Kernel:
    """Write one kernel.

    Parameters
    ----------
    product
        The convolution.
    mode
        ``value``; ``gradient`` of S by features, harmonics, hidden numbers and matrix; or
        ``second``, the same for the gradients of S.
    scalar
        ``float`` or ``double``.
    vector_bytes
        The width of the processor's registers.
    wanted
        The gradients to form. In ``second``, `features` says whether there are gradients of the
        features' gradients, and its own gradient by the features is always formed.
    """
    return Writer(product, mode, scalar, vector_bytes, wanted).write()


class Writer:
    """Writes one kernel: all of it except what is done with the channels of an edge."""

    def __init__(
        self, product: Product, mode: str, scalar: str, vector_bytes: int, wanted: Wanted
    ) -> None:
        self.product, self.mode, self.scalar, self.wanted = product, mode, scalar, wanted
        self.lanes = vector_bytes // {"float": 4, "double": 8}[scalar]
        bits = "".join("01"[each] for each in wanted)
        self.name = f"{mode}_{scalar}_{bits}_{product.digest}"
        self.integers = ("start", "stop", "stride", "ways")
        self.pointers = tuple(self._pointers())
        self.function = Function(self.name, scalar, self.integers, self.pointers)
        # The scalars of an edge: distinct combinations of coefficients and harmonics.
        self.slots: dict[tuple[tuple[int, float], ...], int] = {}
        for path in product.paths:
            for _, terms in path.combinations:
                self.slots.setdefault(terms, len(self.slots))
        # Weights of four edges, and those of what is differentiated or formed.
        self.rows = {"w": 0}
        if mode == SECOND:
            self.rows |= {"aw": 1, "dw": 2, "daw": 3}
        elif mode == GRADIENT:
            self.rows |= {"dw": 1}

    def _pointers(self) -> Iterator[str]:
        features = range(len(self.product.features))
        messages = range(len(self.product.messages))
        yield from ("centres", "neighbours", "h", "W", "e")
        yield from (f"x{n}" for n in features)
        if self.mode == VALUE:
            yield from (f"y{n}" for n in messages)
        else:
            yield from (f"g{n}" for n in messages)
        if self.mode == SECOND:
            yield from ("ah", "ae")
            if self.wanted.features:
                yield from (f"ax{n}" for n in features)
            yield from (f"dg{n}" for n in messages)
        if self.mode != VALUE:
            yield "dh"
            if self.mode == SECOND or self.wanted.features:
                yield from (f"dx{n}" for n in features)
            if self.wanted.harmonics:
                yield "de"
            if self.wanted.matrix:
                yield "dW"
        yield "scratch"

    def write(self) -> Kernel:
        """Write the loops over groups of pairs, over the pairs of each, and their directions."""
        f, size = self.function, self.product.n_weights
        stop = f.integer("stop")
        last = f.subtract_integers(stop, f.integer(1))
        with f.loop(f.integer("start"), stop, radial.EDGES) as group:
            rows = [
                f.minimum(f.add_integers(group.index, f.integer(n)), last)
                for n in range(radial.EDGES)
            ]
            end = f.minimum(f.add_integers(group.index, f.integer(radial.EDGES)), stop)
            self._form_weights(rows)
            self._clear()
            with f.loop(group.index, end) as pair:
                place = f.times(f.subtract_integers(pair.index, group.index), size)
                if self.mode != VALUE and self.wanted.harmonics:
                    self._clear_harmonics(pair.index)
                with f.loop(f.integer(0), f.integer("ways")) as way:
                    self._edge(pair.index, way.index, place)
            if self.mode != VALUE:
                self._pass_back(rows)
        texts = [each.text() for each in self._helpers()] + [f.text()]
        scratch = self.first_slot + len(self.slots) * (2 if self.mode == SECOND else 1)
        text = "".join(_declarations()) + "\n".join(texts)
        return Kernel(self.name, text, self.integers, self.pointers, scratch)

    def _helpers(self) -> Iterator[Function]:
        product, scalar, lanes = self.product, self.scalar, self.lanes
        yield radial.weights(product, f"weights_{self.name}", scalar, lanes)
        if self.mode != VALUE:
            yield radial.hidden_gradients(product, f"hidden_{self.name}", scalar, lanes)
            if self.wanted.matrix:
                yield radial.matrix_gradients(product, f"matrix_{self.name}", scalar, lanes)

    def _scratch(self, kind: str) -> Value:
        """Return where the four rows of weights of a kind are."""
        start = self.rows[kind] * radial.EDGES * self.product.n_weights
        return self.function.shift(self.function.parameter("scratch"), start)

    def _hidden_rows(self, name: str, rows: Sequence[Value]) -> list[Value]:
        """Return where rows of hidden numbers, of their gradients or the like are."""
        f, size = self.function, self.product.hidden
        if name == "h":  # may be columns of a wider matrix
            steps = [f.emit("i64", f"mul nsw {row}, %stride") for row in rows]
        else:
            steps = [f.times(row, size) for row in rows]
        return [f.shift(f.parameter(name), step) for step in steps]

    def _form_weights(self, rows: Sequence[Value]) -> None:
        f = self.function
        for hidden, kind in (("h", "w"), ("ah", "aw")):
            if kind in self.rows:
                arguments = [
                    *self._hidden_rows(hidden, rows),
                    f.parameter("W"),
                    self._scratch(kind),
                ]
                f.call(f"weights_{self.name}", arguments)

    def _clear(self) -> None:
        """Set the gradients of the weights of a group to zero."""
        f, total = self.function, radial.EDGES * self.product.n_weights
        for kind in ("dw", "daw"):
            if kind in self.rows:
                for span in spans(total, self.lanes):
                    start = f.shift(self._scratch(kind), span.start)
                    with f.loop(f.integer(0), f.integer(span.count)) as loop:
                        place = f.shift(start, f.times(loop.index, span.width))
                        f.store(f.constant(0.0, span.width), place)

    def _clear_harmonics(self, pair: Value) -> None:
        f, count = self.function, self.product.harmonics
        row = f.shift(f.parameter("de"), f.times(pair, count))
        for component in range(count):
            f.store(f.constant(0.0), f.shift(row, component))

    def _pass_back(self, rows: Sequence[Value]) -> None:
        """Turn the gradients of weights into those of hidden numbers and matrix."""
        f = self.function
        results = self._hidden_rows("dh", rows)
        f.call(f"hidden_{self.name}", [*results, f.parameter("W"), self._scratch("dw")])
        if self.wanted.matrix:
            for kind, name in (("dw", "h"), ("daw", "ah")):
                if kind in self.rows:
                    arguments = [*self._hidden_rows(name, rows), self._scratch(kind)]
                    f.call(f"matrix_{self.name}", [*arguments, f.parameter("dW")])

    def _edge(self, pair: Value, way: Value, weight_row: Value) -> None:
        """Write what is done with a pair in one direction."""
        f, product = self.function, self.product
        first = f.load_integer(f.parameter("centres"), pair)
        second = f.load_integer(f.parameter("neighbours"), pair)
        is_forth = f.equal(way, f.integer(0))
        centre, neighbour = f.choose(is_forth, first, second), f.choose(is_forth, second, first)
        sign = f.choose(is_forth, f.constant(1.0), f.constant(-1.0))
        self.at = self._rows_of_atoms(centre, neighbour)
        for kind in self.rows:
            self.at[kind] = f.shift(self._scratch(kind), weight_row)
        start = f.times(pair, product.harmonics)
        self._combine("e", start, sign, 0)
        if self.mode == SECOND:
            self._combine("ae", start, sign, len(self.slots))
        totals = [f.constant(0.0)] * product.harmonics
        for feature, block in enumerate(product.features):
            for span in spans(block.channels, self.lanes):
                totals = self._channels(feature, span, totals)
        if self.mode != VALUE and self.wanted.harmonics:
            target = f.shift(f.parameter("de"), start)
            for component, total in enumerate(totals):
                signed = f.multiply(sign, total) if is_odd(component) else total
                f.increase(f.shift(target, component), signed, 1)

    def _rows_of_atoms(self, centre: Value, neighbour: Value) -> dict[str, Value]:
        """Return where the features of the neighbour are, and the messages of the centre."""
        f, product, found = self.function, self.product, {}
        for name in self.pointers:
            kind = name.rstrip("0123456789")
            if kind in ("x", "ax", "dx"):
                row = f.times(neighbour, product.features[int(name[len(kind) :])].size)
                found[name] = f.shift(f.parameter(name), row)
            elif kind in ("y", "g", "dg"):
                row = f.times(centre, product.messages[int(name[len(kind) :])].size)
                found[name] = f.shift(f.parameter(name), row)
        return found

    def _combine(self, name: str, start: Value, sign: Value, first_slot: int) -> None:
        """Store the combinations of harmonics that the couplings need."""
        f = self.function
        row = f.shift(f.parameter(name), start)
        numbers = []
        for component in range(self.product.harmonics):
            number = f.load(f.shift(row, component))
            numbers.append(f.multiply(sign, number) if is_odd(component) else number)
        base = f.shift(f.parameter("scratch"), self.first_slot)
        for terms, slot in self.slots.items():
            total = f.dot([(1, f.constant(value), numbers[j]) for j, value in terms])
            f.store(total, f.shift(base, first_slot + slot))

    @property
    def first_slot(self) -> int:
        """Where the combinations are in the working memory."""
        return len(self.rows) * radial.EDGES * self.product.n_weights

    def _channels(self, feature: int, span: Span, totals: list[Value]) -> list[Value]:
        """Write the loop over the channels of a block of features; return the sums by harmonic."""
        f = self.function
        forms_sums = self.mode != VALUE and self.wanted.harmonics
        zero = f.constant(0.0, span.width)
        sums = [zero] * self.product.harmonics if forms_sums else []
        with f.loop(f.integer(0), f.integer(span.count), carried=sums) as loop:
            column = f.add_integers(f.times(loop.index, span.width), f.integer(span.start))
            body = Channels(self, feature, column, span.width)
            loop.following = body.write(list(loop.values))
        if not forms_sums:
            return totals
        found = [f.sum_of_lanes(each, span.width) for each in loop.values]
        return [f.add(one, other) for one, other in zip(totals, found, strict=True)]


def _declarations() -> Iterator[str]:
    for name, bits in (("float", 32), ("double", 64)):
        for width in (2, 4, 8, 16):
            kind = f"<{width} x {name}>"
            yield f"declare {name} @llvm.vector.reduce.fadd.v{width}f{bits}({name}, {kind})\n"
