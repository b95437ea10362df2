"""Write functions in LLVM's intermediate language: vectors of numbers, loads, stores and loops."""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Sums may be reordered and fused with products; infinities and NaN are kept.
_FAST = "reassoc nsz arcp contract"


@dataclass(frozen=True)
class Value:
    """A number, vector or pointer that an instruction yields."""

    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Span:
    """Consecutive vectors of equal width that cover a part of a row."""

    start: int
    count: int
    width: int


def spans(size: int, lanes: int) -> list[Span]:
    """Cover `size` numbers by vectors of `lanes`, and the rest by narrower ones."""
    found, start, width = [], 0, lanes
    while start < size:
        count = (size - start) // width
        if count:
            found.append(Span(start, count, width))
            start += count * width
        width //= 2
    return found


@dataclass
class Loop:
    """A loop that is being written: its index, and the values that its turns hand on."""

    index: Value
    values: Sequence[Value]
    following: Sequence[Value]


class Function:
    """The text of one function.

    Parameters
    ----------
    name
        Its name in the module.
    scalar
        The type of its numbers: ``float`` or ``double``.
    pointers, integers
        The names of its parameters.
    is_internal
        Whether only other functions of the module call it. The data of pointers must not overlap
        otherwise.
    """

    def __init__(
        self,
        name: str,
        scalar: str,
        integers: Sequence[str],
        pointers: Sequence[str],
        *,
        is_internal: bool = False,
    ) -> None:
        self.scalar, self.bytes = scalar, {"float": 4, "double": 8}[scalar]
        parameters = [f"i64 %{each}" for each in integers]
        apart = "" if is_internal else " noalias"
        parameters += [f"ptr{apart} %{each}" for each in pointers]
        linkage = "internal " if is_internal else ""
        self._head = f"define {linkage}void @{name}({', '.join(parameters)}) nounwind {{\nentry:\n"
        self._lines: list[str] = []
        self._count = 0
        self._block = "entry"

    def text(self) -> str:
        """Return the finished function."""
        return self._head + "\n".join(f"  {line}" for line in [*self._lines, "ret void"]) + "\n}\n"

    def parameter(self, name: str) -> Value:
        """Return a pointer of the parameters."""
        return Value(f"%{name}", "ptr")

    def integer(self, value: int | str) -> Value:
        """Return a constant, or an integer of the parameters."""
        return Value(f"%{value}" if isinstance(value, str) else str(value), "i64")

    def vector(self, width: int) -> str:
        """Return the type of `width` numbers."""
        return self.scalar if width == 1 else f"<{width} x {self.scalar}>"

    def constant(self, value: float, width: int = 1) -> Value:
        """Return a number, or a vector of equal ones."""
        if self.scalar == "float":
            value = struct.unpack("f", struct.pack("f", value))[0]
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        text = f"0x{bits:016X}"
        if width > 1:
            text = (
                f"<{', '.join([f'{self.scalar} {text}'] * width)}>" if value else "zeroinitializer"
            )
        return Value(text, self.vector(width))

    def emit(self, kind: str, text: str) -> Value:
        """Add an instruction."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"{name} = {text}")
        return Value(name, kind)

    # Integers and pointers

    def add_integers(self, one: Value, other: Value) -> Value:
        """Return a sum."""
        return self.emit("i64", f"add nsw {one}, {other.name}")

    def subtract_integers(self, one: Value, other: Value) -> Value:
        """Return a difference."""
        return self.emit("i64", f"sub nsw {one}, {other.name}")

    def equal(self, one: Value, other: Value) -> Value:
        """Say whether two integers are equal."""
        return self.emit("i1", f"icmp eq {one}, {other.name}")

    def choose(self, condition: Value, one: Value, other: Value) -> Value:
        """Return the first value if the condition holds, else the other."""
        return self.emit(one.kind, f"select {condition}, {one}, {other}")

    def times(self, one: Value, factor: int) -> Value:
        """Return a multiple."""
        return self.emit("i64", f"mul nsw {one}, {factor}")

    def minimum(self, one: Value, other: Value) -> Value:
        """Return the smaller of two integers."""
        return self.choose(self.emit("i1", f"icmp slt {one}, {other.name}"), one, other)

    def shift(self, pointer: Value, numbers: Value | int) -> Value:
        """Return a pointer moved by a count of numbers."""
        count = self.integer(numbers) if isinstance(numbers, int) else numbers
        if count.name == "0":
            return pointer
        return self.emit("ptr", f"getelementptr inbounds {self.scalar}, {pointer}, {count}")

    def load_integer(self, pointer: Value, place: Value) -> Value:
        """Load an integer."""
        found = self.emit("ptr", f"getelementptr inbounds i64, {pointer}, {place}")
        return self.emit("i64", f"load i64, {found}, align 8")

    # Numbers

    def load(self, pointer: Value, width: int = 1) -> Value:
        """Load a number or a vector."""
        kind = self.vector(width)
        return self.emit(kind, f"load {kind}, {pointer}, align {self.bytes}")

    def store(self, value: Value, pointer: Value) -> None:
        """Store a number or a vector."""
        self._lines.append(f"store {value}, {pointer}, align {self.bytes}")

    def increase(self, pointer: Value, value: Value, width: int) -> None:
        """Add to what is stored."""
        self.store(self.add(self.load(pointer, width), value), pointer)

    def splat(self, number: Value, width: int) -> Value:
        """Return a vector of equal numbers."""
        if width == 1:
            return number
        kind = self.vector(width)
        one = self.emit(kind, f"insertelement {kind} poison, {number}, i64 0")
        mask = f"<{width} x i32> zeroinitializer"
        return self.emit(kind, f"shufflevector {one}, {kind} poison, {mask}")

    def add(self, one: Value, other: Value) -> Value:
        """Return a sum."""
        return self.emit(one.kind, f"fadd {_FAST} {one}, {other.name}")

    def subtract(self, one: Value, other: Value) -> Value:
        """Return a difference."""
        return self.emit(one.kind, f"fsub {_FAST} {one}, {other.name}")

    def multiply(self, one: Value, other: Value) -> Value:
        """Return a product."""
        return self.emit(one.kind, f"fmul {_FAST} {one}, {other.name}")

    def negative(self, one: Value) -> Value:
        """Return the negative."""
        return self.emit(one.kind, f"fneg {_FAST} {one}")

    def dot(self, terms: Sequence[tuple[int, Value, Value]]) -> Value:
        """Return the sum of products, each with a sign."""
        total: Value | None = None
        for sign, one, other in sorted(terms, key=lambda term: -term[0]):
            product = self.multiply(one, other)
            if total is None:
                total = product if sign > 0 else self.negative(product)
            else:
                total = self.add(total, product) if sign > 0 else self.subtract(total, product)
        if total is None:
            raise ValueError("a sum of no terms")
        return total

    def sum_of_lanes(self, vector: Value, width: int) -> Value:
        """Return the sum of the numbers of a vector."""
        if width == 1:
            return vector
        zero = self.constant(0.0)
        call = f"@llvm.vector.reduce.fadd.v{width}f{8 * self.bytes}({zero}, {vector})"
        return self.emit(self.scalar, f"call {_FAST} {self.scalar} {call}")

    # Control

    def call(self, name: str, arguments: Sequence[Value]) -> None:
        """Call a function of the module."""
        self._lines.append(f"call void @{name}({', '.join(str(each) for each in arguments)})")

    @contextmanager
    def loop(
        self, start: Value, stop: Value, step: int = 1, carried: Sequence[Value] = ()
    ) -> Iterator[Loop]:
        """Repeat what is written inside, for each integer from `start` below `stop`.

        Values given as `carried` are handed from each turn to the next: those inside, and after
        the last turn, are `Loop.values`, and the next turn's are assigned to `Loop.following`.
        """
        self._count += 1
        mark, before = self._count, self._block
        head, body, end = f"head{mark}", f"body{mark}", f"end{mark}"
        values = [Value(f"%c{mark}.{n}", each.kind) for n, each in enumerate(carried)]
        loop = Loop(Value(f"%i{mark}", "i64"), values, values)
        self._lines.append(f"br label %{head}")
        place = len(self._lines)
        self._block = body
        yield loop
        after = self.add_integers(loop.index, self.integer(step))
        self._lines.append(f"br label %{head}")
        opening = [f"{head}:"]
        for value, first, later in zip(
            [loop.index, *values], [start, *carried], [after, *loop.following], strict=True
        ):
            come_from = f"[{first.name}, %{before}], [{later.name}, %{self._block}]"
            opening.append(f"{value.name} = phi {value.kind} {come_from}")
        opening.append(f"%t{mark} = icmp slt {loop.index}, {stop.name}")
        opening.append(f"br i1 %t{mark}, label %{body}, label %{end}")
        opening.append(f"{body}:")
        self._lines[place:place] = opening
        self._lines.append(f"{end}:")
        self._block = end
