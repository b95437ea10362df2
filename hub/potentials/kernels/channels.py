"""Write what a kernel does with the channels of one edge; see `generate` for the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.potentials.kernels.passes import GRADIENT, SECOND, VALUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.kernels.assembler import Value
    from hub.potentials.kernels.generate import Writer
    from hub.potentials.kernels.product import Path


class Channels:
    """The channels of one block of features, as many as a vector holds."""

    def __init__(self, writer: Writer, feature: int, column: Value, width: int) -> None:
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
