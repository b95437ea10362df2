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
from typing import TYPE_CHECKING, NamedTuple

from hub.potentials.kernels import radial
from hub.potentials.kernels.assembler import Function, Span, Value, spans
from hub.potentials.kernels.product import is_odd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.potentials.kernels.product import Path, Product

VALUE, GRADIENT, SECOND = "value", "gradient", "second"


class Wanted(NamedTuple):
    """What a pass forms besides the gradients of the hidden numbers."""

    features: bool = True
    harmonics: bool = True
    matrix: bool = True


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
    return _Writer(product, mode, scalar, vector_bytes, wanted).write()


class _Writer:
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
            body = _Body(self, feature, column, span.width)
            loop.following = body.write(list(loop.values))
        if not forms_sums:
            return totals
        found = [f.sum_of_lanes(each, span.width) for each in loop.values]
        return [f.add(one, other) for one, other in zip(totals, found, strict=True)]


class _Body:
    """The channels of one block of features, as many as a vector holds."""

    def __init__(self, writer: _Writer, feature: int, column: Value, width: int) -> None:
        self.writer, self.f, self.width = writer, writer.function, width
        self.feature, self.column = feature, column
        self.block = writer.product.features[feature]
        self.known: dict[object, Value] = {}

    def write(self, sums: list[Value]) -> list[Value]:
        """Write all paths; return the sums by harmonic."""
        mode = self.writer.mode
        self.x = self._features("x")
        if mode == SECOND and self.writer.wanted.features:
            self.ax: list[Value] | None = self._features("ax")
        else:
            self.ax = None
        self.dx: list[list[Value]] = [[] for _ in self.x]
        for number, path in self.writer.product.of_feature(self.feature):
            if mode == VALUE:
                self._value(number, path)
            elif mode == GRADIENT:
                sums = self._gradient(number, path, sums)
            else:
                sums = self._second(number, path, sums)
        for component, terms in enumerate(self.dx):
            if terms:
                total = terms[0]
                for term in terms[1:]:
                    total = self.f.add(total, term)
                row = self._row(f"dx{self.feature}", component, self.block.channels)
                self.f.increase(row, total, self.width)
        return sums

    def _value(self, number: int, path: Path) -> None:
        weight = self._weight("w", number)
        weighted = [self.f.multiply(weight, each) for each in self.x]
        self._add_messages("y", path, [("e", weighted)])

    def _gradient(self, number: int, path: Path, sums: list[Value]) -> list[Value]:
        f, wanted = self.f, self.writer.wanted
        weight, g = self._weight("w", number), self._messages("g", path)
        pulls = self._pulls("e", path, g)
        if wanted.features:
            for component, pull in pulls.items():
                self.dx[component].append(f.multiply(weight, pull))
        self._store_weight("dw", number, [(1, self.x[i], pull) for i, pull in pulls.items()])
        if wanted.harmonics:
            sums = self._add_sums(path, [f.multiply(weight, each) for each in self.x], g, sums)
        return sums

    def _second(self, number: int, path: Path, sums: list[Value]) -> list[Value]:
        f = self.f
        weight, other = self._weight("w", number), self._weight("aw", number)
        g = self._messages("g", path)
        pulls, other_pulls = self._pulls("e", path, g), self._pulls("ae", path, g)
        for component in sorted({*pulls, *other_pulls}):
            pairs = ((weight, other_pulls), (other, pulls))
            terms = [(1, factor, found[component]) for factor, found in pairs if component in found]
            self.dx[component].append(f.dot(terms))
        by_weight = [(1, self.x[i], pull) for i, pull in other_pulls.items()]
        if self.ax is not None:
            by_weight += [(1, self.ax[i], pull) for i, pull in pulls.items()]
        self._store_weight("dw", number, by_weight)
        self._store_weight("daw", number, [(1, self.x[i], pull) for i, pull in pulls.items()])
        weighted = [f.multiply(weight, each) for each in self.x]
        mixed = [f.multiply(other, each) for each in self.x]
        if self.ax is not None:
            mixed = [
                f.add(total, f.multiply(weight, each))
                for total, each in zip(mixed, self.ax, strict=True)
            ]
        self._add_messages("dg", path, [("e", mixed), ("ae", weighted)])
        if self.writer.wanted.harmonics:
            sums = self._add_sums(path, mixed, g, sums)
        return sums

    def _row(self, name: str, component: int, channels: int, first: int = 0) -> Value:
        start = self.f.shift(self.writer.at[name], self.column)
        return self.f.shift(start, component * channels + first)

    def _features(self, kind: str) -> list[Value]:
        name, channels = f"{kind}{self.feature}", self.block.channels
        return [
            self.f.load(self._row(name, component, channels), self.width)
            for component in range(self.block.components)
        ]

    def _messages(self, kind: str, path: Path) -> dict[int, Value]:
        """Load the components of a path's messages that it couples to."""
        channels = self.writer.product.messages[path.message].channels
        return {
            k: self.f.load(
                self._row(f"{kind}{path.message}", k, channels, path.channel), self.width
            )
            for k in sorted({k for _, _, k, _ in path.coupling})
        }

    def _weight(self, kind: str, number: int) -> Value:
        start = self.f.shift(self.writer.at[kind], self.column)
        return self.f.load(self.f.shift(start, self.writer.product.offsets[number]), self.width)

    def _store_weight(
        self, kind: str, number: int, terms: Sequence[tuple[int, Value, Value]]
    ) -> None:
        start = self.f.shift(self.writer.at[kind], self.column)
        target = self.f.shift(start, self.writer.product.offsets[number])
        self.f.increase(target, self.f.dot(terms), self.width)

    def _factor(self, kind: str, terms: tuple[tuple[int, float], ...]) -> Value:
        """Return a combination of the edge's harmonics."""
        writer = self.writer
        slot = writer.slots[terms] + (len(writer.slots) if kind == "ae" else 0)
        if (kind, slot) not in self.known:
            place = self.f.shift(self.f.parameter("scratch"), writer.first_slot + slot)
            self.known[kind, slot] = self.f.splat(self.f.load(place), self.width)
        return self.known[kind, slot]

    def _pulls(self, kind: str, path: Path, g: dict[int, Value]) -> dict[int, Value]:
        """Return sum_k M[i, k] g[k] by component i of the features."""
        found: dict[int, list[tuple[int, Value, Value]]] = {}
        for (sign, i, k), terms in path.combinations:
            found.setdefault(i, []).append((sign, self._factor(kind, terms), g[k]))
        return {i: self.f.dot(products) for i, products in found.items()}

    def _add_messages(
        self, name: str, path: Path, sources: Sequence[tuple[str, Sequence[Value]]]
    ) -> None:
        """Add sum_i M[i, k] x[i] to each component k of a path's messages."""
        products: dict[int, list[tuple[int, Value, Value]]] = {}
        for kind, vectors in sources:
            for (sign, i, k), terms in path.combinations:
                factor = self._factor(kind, terms)
                products.setdefault(k, []).append((sign, factor, vectors[i]))
        channels = self.writer.product.messages[path.message].channels
        for k, each in products.items():
            row = self._row(f"{name}{path.message}", k, channels, path.channel)
            self.f.increase(row, self.f.dot(each), self.width)

    def _add_sums(
        self, path: Path, vectors: Sequence[Value], g: dict[int, Value], sums: list[Value]
    ) -> list[Value]:
        """Add sum_ik C[i, j, k] x[i] g[k] to the sums of each harmonic j."""
        f, found = self.f, list(sums)
        by_pair: dict[tuple[int, int], list[tuple[int, float]]] = {}
        for i, j, k, value in path.coupling:
            by_pair.setdefault((j, k), []).append((i, value))
        for (j, k), terms in by_pair.items():
            products = [
                (1 if value > 0 else -1, f.constant(abs(value), self.width), vectors[i])
                for i, value in terms
            ]
            found[j] = f.add(found[j], f.multiply(f.dot(products), g[k]))
        return found


def _declarations() -> Iterator[str]:
    for name, bits in (("float", 32), ("double", 64)):
        for width in (2, 4, 8, 16):
            kind = f"<{width} x {name}>"
            yield f"declare {name} @llvm.vector.reduce.fadd.v{width}f{bits}({name}, {kind})\n"
