"""Write the kernels of a convolution in Triton's language, for GPUs.

They compute what those of :mod:`~hub.potentials.kernels.generate` do, from the same products. A
program does a few pairs in both directions, with the channels of one block of features after
another as its lanes. It is given the weights of all edges, and returns the gradients by them.

The time to compile a kernel grows with the square of its length: a product is divided into parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.potentials.kernels.passes import GRADIENT, SECOND, VALUE, Wanted
from hub.potentials.kernels.product import is_odd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hub.potentials.kernels.product import Path, Product


# In a part: more take longer to compile, fewer make more kernels to start.
_MOST_COUPLINGS = 24


@dataclass(frozen=True)
class TritonKernel:
    """The text of a kernel and how to call it.

    Attributes
    ----------
    name
        Its name, unique for what it computes.
    text
        A Python module with a function of this name, which ``triton.jit`` is to be applied to.
    pointers
        The names of the arguments between the integers ``n_pairs`` and ``ways`` and the constants
        ``PAIRS`` and ``LANES``, the numbers of pairs and of channels of a program.
    """

    name: str
    text: str
    pointers: tuple[str, ...]


def triton_kernels(product: Product, mode: str, wanted: Wanted) -> list[TritonKernel]:
    """Write the kernels, one for each part; the arguments are as for `generate.kernel`."""
    parts = enumerate(_parts(product))
    return [_Writer(product, mode, wanted, number, part).write() for number, part in parts]


def _parts(product: Product) -> list[list[tuple[int, Path]]]:
    """Divide the paths into parts with few couplings, or of one path; return them numbered."""
    parts: list[list[tuple[int, Path]]] = []
    room = -1
    for feature in range(len(product.features)):
        for number, path in product.of_feature(feature):
            if len(path.coupling) > room:
                parts.append([])
                room = _MOST_COUPLINGS
            parts[-1].append((number, path))
            room -= len(path.coupling)
    return parts


class _Writer:
    def __init__(
        self,
        product: Product,
        mode: str,
        wanted: Wanted,
        part: int,
        paths: Sequence[tuple[int, Path]],
    ) -> None:
        self.product, self.mode, self.wanted = product, mode, wanted
        self.part, self.paths = part, paths
        self.forms_sums = mode != VALUE and wanted.harmonics
        self.has_ax = mode == SECOND and wanted.features
        self.forms_dx = mode == SECOND or (mode == GRADIENT and wanted.features)
        self.lines: list[str] = []
        self.depth = 1

    def write(self) -> TritonKernel:
        """Write the loads of a pair's numbers, each block of features, and the sums by harmonic."""
        pointers = tuple(self._pointers())
        bits = "".join("01"[each] for each in (self.wanted.features, self.wanted.harmonics))
        name = f"{self.mode}_{bits}_{self.product.digest}_{self.part}"
        self._load_pairs()
        for feature in self._features():
            self._feature(feature)
        if self.forms_sums:
            self._store_sums()
        constants = ("PAIRS: tl.constexpr", "LANES: tl.constexpr")
        arguments = ", ".join(("n_pairs", "ways", *pointers, *constants))
        text = "\n".join([f"def {name}({arguments}):", *self.lines, ""])
        return TritonKernel(name, text, pointers)

    def _pointers(self) -> Iterator[str]:
        features = self._features()
        messages = sorted({path.message for _, path in self.paths})
        yield from ("centres", "neighbours", "w", "e")
        yield from (f"x{n}" for n in features)
        yield from (f"{'y' if self.mode == VALUE else 'g'}{n}" for n in messages)
        if self.mode == SECOND:
            yield from ("aw", "ae")
            yield from (f"ax{n}" for n in features if self.has_ax)
            yield from (f"dg{n}" for n in messages)
            yield "daw"
        if self.mode != VALUE:
            yield "dw"
            yield from (f"dx{n}" for n in features if self.forms_dx)
        if self.forms_sums:
            yield "de"

    def _features(self) -> list[int]:
        return sorted({path.feature for _, path in self.paths})

    def _add(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def _harmonic(self, name: str, row: str, j: int) -> str:
        return f"{name} + {row} * {self.product.harmonics} + {j}"

    def _load_pairs(self) -> None:
        """Write what each of a program's numbers belongs to, and the harmonics of its pair.

        All tensors have one dimension, of pairs and lanes, because Triton takes minutes to choose
        layouts for several shapes.
        """
        self._add("number = tl.arange(0, PAIRS * LANES)")
        self._add("lane = number % LANES")
        self._add("pair = tl.program_id(0).to(tl.int64) * PAIRS + number // LANES")
        self._add("inside = pair < n_pairs")
        self._add("first = tl.load(centres + pair, mask=inside, other=0)")
        self._add("second = tl.load(neighbours + pair, mask=inside, other=0)")
        self._add(f"weight_row = pair * {self.product.n_weights} + lane")
        for name in ("e", "ae") if self.mode == SECOND else ("e",):
            for j in range(self.product.harmonics):
                place = self._harmonic(name, "pair", j)
                self._add(f"{name}_{j} = tl.load({place}, mask=inside, other=0.0)")
        if self.forms_sums:
            for j in range(self.product.harmonics):
                self._add(f"de_{j} = {self._zeros()}")

    def _store_sums(self) -> None:
        """Write the sums over the lanes of the gradients by harmonics, added to other parts'."""
        self._add("row = tl.program_id(0).to(tl.int64) * PAIRS + tl.arange(0, PAIRS)")
        for j in range(self.product.harmonics):
            total = f"tl.sum(tl.reshape(de_{j}, (PAIRS, LANES)), axis=1)"
            place = self._harmonic("de", "row", j)
            self._add(f"before = tl.load({place}, mask=row < n_pairs, other=0.0)")
            self._add(f"tl.store({place}, before + {total}, mask=row < n_pairs)")

    def _zeros(self) -> str:
        return "tl.zeros((PAIRS * LANES,), w.dtype.element_ty)"

    def _feature(self, feature: int) -> None:
        """Write what is done with the channels of a block of features."""
        paths = [each for each in self.paths if each[1].feature == feature]
        block = self.product.features[feature]
        self.feature, self.slots = feature, _Slots(paths, self.mode)
        self._add(f"known = inside & (lane < {block.channels})")
        if self.mode != VALUE:
            for number, _ in paths:
                self._add(f"dw_{number} = {self._zeros()}")
                if self.mode == SECOND:
                    self._add(f"daw_{number} = {self._zeros()}")
        self._add("for way in range(ways):")
        self.depth += 1
        self._direction(paths)
        self.depth -= 1
        if self.mode != VALUE:
            for kind in ("dw", "daw") if self.mode == SECOND else ("dw",):
                for number, _ in paths:
                    place = f"{kind} + weight_row + {self.product.offsets[number]}"
                    self._add(f"tl.store({place}, {kind}_{number}, mask=known)")

    def _direction(self, paths: Sequence[tuple[int, Path]]) -> None:
        block = self.product.features[self.feature]
        self._add("centre = tl.where(way == 0, first, second)")
        self._add("neighbour = tl.where(way == 0, second, first)")
        self._add("sign = 1 - 2 * way")
        for line in self.slots.lines():
            self._add(line)
        self._add(f"row = neighbour * {block.size} + lane")
        for kind in ("x", "ax") if self.has_ax else ("x",):
            for i in range(block.components):
                place = f"{kind}{self.feature} + row + {i * block.channels}"
                self._add(f"{kind}_{i} = tl.load({place}, mask=known, other=0.0)")
        self.dx: dict[int, list[str]] = {}
        for number, path in paths:
            self._path(number, path)
        for i, terms in sorted(self.dx.items()):
            place = f"dx{self.feature} + row + {i * block.channels}"
            self._increase(place, " + ".join(terms))

    def _path(self, number: int, path: Path) -> None:
        message = self.product.messages[path.message]
        self._add(f"message = centre * {message.size} + {path.channel} + lane")
        for kind in ("w", "aw") if self.mode == SECOND else ("w",):
            place = f"{kind} + weight_row + {self.product.offsets[number]}"
            self._add(f"{kind}_ = tl.load({place}, mask=known, other=0.0)")
        if self.mode != VALUE:
            for k in _messages_of(path):
                place = f"g{path.message} + message + {k * message.channels}"
                self._add(f"g_{k} = tl.load({place}, mask=known, other=0.0)")
        {VALUE: self._value, GRADIENT: self._gradient, SECOND: self._second}[self.mode](
            number, path
        )

    def _value(self, number: int, path: Path) -> None:  # noqa: ARG002 - one signature for all
        self._scale("v", "w_", "x", path)
        self._add_messages("y", path, [("e", "v")])

    def _gradient(self, number: int, path: Path) -> None:
        pulls = self._pulls("e", "p", path)
        if self.forms_dx:
            for i in pulls:
                self._pull_back(number, i, [f"w_ * p_{i}"])
        self._add(f"dw_{number} += {_sum((1, f'x_{i} * p_{i}') for i in pulls)}")
        if self.forms_sums:
            self._scale("v", "w_", "x", path)
            self._add_sums(path, "v")

    def _second(self, number: int, path: Path) -> None:
        pulls, others = self._pulls("e", "p", path), self._pulls("ae", "q", path)
        for i in pulls:
            self._pull_back(number, i, [f"w_ * q_{i}", f"aw_ * p_{i}"])
        by_weight = [(1, f"x_{i} * q_{i}") for i in others]
        if self.has_ax:
            by_weight += [(1, f"ax_{i} * p_{i}") for i in pulls]
        self._add(f"dw_{number} += {_sum(by_weight)}")
        self._add(f"daw_{number} += {_sum((1, f'x_{i} * p_{i}') for i in pulls)}")
        self._scale("v", "w_", "x", path)
        for i in _features_of(path):
            mixed = f"aw_ * x_{i} + w_ * ax_{i}" if self.has_ax else f"aw_ * x_{i}"
            self._add(f"m_{i} = {mixed}")
        self._add_messages("dg", path, [("e", "m"), ("ae", "v")])
        if self.forms_sums:
            self._add_sums(path, "m")

    def _scale(self, result: str, weight: str, vectors: str, path: Path) -> None:
        for i in _features_of(path):
            self._add(f"{result}_{i} = {weight} * {vectors}_{i}")

    def _pulls(self, kind: str, result: str, path: Path) -> list[int]:
        """Write sum_k M[i, k] g[k] for the components i of the features that a path takes."""
        found: dict[int, list[tuple[float, str]]] = {}
        for (sign, i, k), terms in path.combinations:
            found.setdefault(i, []).append((sign, f"{self.slots.name(kind, terms)} * g_{k}"))
        for i, products in found.items():
            self._add(f"{result}_{i} = {_sum(products)}")
        return list(found)

    def _pull_back(self, number: int, i: int, terms: Sequence[str]) -> None:
        self._add(f"pull_{number}_{i} = {' + '.join(terms)}")
        self.dx.setdefault(i, []).append(f"pull_{number}_{i}")

    def _add_messages(self, name: str, path: Path, sources: Sequence[tuple[str, str]]) -> None:
        """Write the sums over i of M[i, k] v[i], added to each component k of the messages."""
        products: dict[int, list[tuple[float, str]]] = {}
        for kind, vectors in sources:
            for (sign, i, k), terms in path.combinations:
                factor = self.slots.name(kind, terms)
                products.setdefault(k, []).append((sign, f"{factor} * {vectors}_{i}"))
        channels = self.product.messages[path.message].channels
        for k, each in products.items():
            self._increase(f"{name}{path.message} + message + {k * channels}", _sum(each))

    def _increase(self, place: str, value: str) -> None:
        self._add(f'tl.atomic_add({place}, {value}, mask=known, sem="relaxed")')

    def _add_sums(self, path: Path, vectors: str) -> None:
        """Write the sums of C[i, j, k] v[i] g[k] over i and k, added to those of each harmonic."""
        found: dict[int, dict[int, list[tuple[float, str]]]] = {}
        for i, j, k, value in path.coupling:
            found.setdefault(j, {}).setdefault(k, []).append((value, f"{vectors}_{i}"))
        for j, by_message in found.items():
            products = [(1.0, f"({_sum(terms)}) * g_{k}") for k, terms in by_message.items()]
            total = f"sign * ({_sum(products)})" if is_odd(j) else _sum(products)
            self._add(f"de_{j} += {total}")


class _Slots:
    """The combinations of coefficients and harmonics of an edge that some paths need."""

    def __init__(self, paths: Iterable[tuple[int, Path]], mode: str) -> None:
        self._kinds = ("e", "ae") if mode == SECOND else ("e",)
        self._numbers: dict[tuple[tuple[int, float], ...], int] = {}
        for _, path in paths:
            for _, terms in path.combinations:
                self._numbers.setdefault(terms, len(self._numbers))

    def name(self, kind: str, terms: tuple[tuple[int, float], ...]) -> str:
        """Return the variable of a combination; `kind` is e or ae."""
        return f"c{kind}_{self._numbers[terms]}"

    def lines(self) -> Iterator[str]:
        """Yield the lines that form them, in the direction of the edge."""
        for kind in self._kinds:
            for terms, number in self._numbers.items():
                even = [(value, f"{kind}_{j}") for j, value in terms if not is_odd(j)]
                odd = [(value, f"{kind}_{j}") for j, value in terms if is_odd(j)]
                parts = [_sum(even)] if even else []
                parts += [f"sign * ({_sum(odd)})"] if odd else []
                yield f"c{kind}_{number} = {' + '.join(parts)}"


def _features_of(path: Path) -> list[int]:
    return sorted({i for i, _, _, _ in path.coupling})


def _messages_of(path: Path) -> list[int]:
    return sorted({k for _, _, k, _ in path.coupling})


def _sum(terms: Iterable[tuple[float, str]]) -> str:
    """Return the text of a sum of terms with factors."""
    text = ""
    for factor, term in terms:
        number = "" if abs(factor) == 1 else f"{abs(factor)!r} * "
        if text:
            text += f" {'-' if factor < 0 else '+'} {number}{term}"
        else:
            text = f"{'-' if factor < 0 else ''}{number}{term}"
    return text
