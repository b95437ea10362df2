"""Pickles read without executing them.

Nothing that a pickle names is imported, nothing that it calls is called: names stay names, and
objects stay descriptions of how they would be made. This is an interpreter of its own, for
``pickle.Unpickler`` reserves memory for sizes that a damaged file merely claims, and the hash of a
deeply nested tuple overflows its stack.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.documents import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_STEPS = 1_000_000  # NequIP's largest models have some 100,000


@dataclass(frozen=True)
class Name:
    """A class or function, as a pickle names it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Made:
    """What calling `maker` would give.

    Attributes
    ----------
    maker
        The class or function, nearly always a :class:`Name`.
    arguments
        A tuple in any sound pickle.
    state
        What the object's ``__setstate__`` would be given.
    entries, items
        What would be put into a mapping or list.
    """

    maker: Any
    arguments: Any
    state: Any = None
    entries: dict[Any, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class External:
    """What a pickle refers to and does not hold, such as the numbers of a tensor."""

    reference: Any


def read_pickle(data: bytes) -> Any:
    """Return what a pickle of protocol 2 or 3 describes.

    Returns
    -------
    Numbers, texts, bytes, tuples, lists and dictionaries as they are; else what stands for it:
    :class:`Name`, :class:`Made`, :class:`External`. It may contain itself.

    Raises
    ------
    MalformedError
        If it is no pickle, too long, of another protocol, or uses a tuple of tuples as a key.
    """
    reader = _Reader()
    try:
        for count, (step, argument, _) in enumerate(pickletools.genops(data)):
            reader.take(step.name if count < MOST_STEPS else "after so many", argument)
        return reader.pop()
    except MalformedError:
        raise
    except (ValueError, IndexError, KeyError) as problem:
        raise MalformedError(f"no sound pickle: {str(problem)[:80]}") from problem


_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "BINUNICODE", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict
}  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Reader:
    """The stack machine that a pickle is a program of."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.others: dict[str, Callable[[Any], object]] = {
            "PROTO": lambda _: None,
            "STOP": lambda _: None,
            "MARK": lambda _: self.marks.append(len(self.stack)),
            "TUPLE": lambda _: self.stack.append(tuple(self.pop_to_mark())),
            "POP": lambda _: self.pop(),
            "POP_MARK": lambda _: self.pop_to_mark(),
            "BINPUT": self.keep,
            "LONG_BINPUT": self.keep,
            "BINGET": lambda place: self.stack.append(self.memo[place]),
            "LONG_BINGET": lambda place: self.stack.append(self.memo[place]),
            "APPEND": lambda _: self.extend([self.pop()]),
            "APPENDS": lambda _: self.extend(self.pop_to_mark()),
            "SETITEM": lambda _: self.update(self.pop_many(2)),
            "SETITEMS": lambda _: self.update(self.pop_to_mark()),
            "GLOBAL": self.name,
            "BINPERSID": lambda _: self.stack.append(External(self.pop())),
            "REDUCE": lambda _: self.stack.append(Made(*self.pop_many(2))),
            "NEWOBJ": lambda _: self.stack.append(Made(*self.pop_many(2))),
            "BUILD": lambda _: self.build(self.pop()),
        }

    def take(self, step: str, argument: Any) -> None:
        """Execute one step."""
        if step in _LITERALS:
            self.stack.append(argument)
        elif step in _CONSTANTS:
            self.stack.append(_CONSTANTS[step])
        elif step in _EMPTY:
            self.stack.append(_EMPTY[step]())
        elif step in _TUPLES:
            self.stack.append(tuple(self.pop_many(_TUPLES[step])))
        elif step in self.others:
            self.others[step](argument)
        else:
            raise MalformedError(f"pickles of protocol 2 and 3 have no step {step}")

    def pop(self) -> Any:
        return self.pop_many(1)[0]

    def pop_many(self, count: int) -> list[Any]:
        """Take the last values, which have to be above the last mark."""
        if len(self.stack) - count < (self.marks[-1] if self.marks else 0):
            raise MalformedError("no sound pickle: a value is missing")
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def pop_to_mark(self) -> list[Any]:
        place = self.marks.pop()
        values = self.stack[place:]
        del self.stack[place:]
        return values

    def keep(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(Name(module, name))

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        items = target.items if isinstance(target, Made) else target
        if not isinstance(items, list):
            raise MalformedError("no sound pickle: it appends to what is no list")
        items += values

    def update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        entries = target.entries if isinstance(target, Made) else target
        if not isinstance(entries, dict) or len(values) % 2:
            raise MalformedError("no sound pickle: it sets entries of what is no dictionary")
        for key, value in zip(values[::2], values[1::2], strict=True):
            parts = key if isinstance(key, tuple) else (key,)
            if any(isinstance(part, tuple | list | dict) for part in parts):
                raise MalformedError("no sound pickle: a collection is the key of a dictionary")
            entries[key] = value

    def build(self, state: Any) -> None:
        target = self.stack[-1]
        if not isinstance(target, Made):
            raise MalformedError("no sound pickle: it gives a state to what is no object")
        target.state = state
