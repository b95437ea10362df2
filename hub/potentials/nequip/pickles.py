"""Read pickles without executing them.

Nothing named in a pickle is imported or called: names stay names, and objects stay descriptions
of how they would be made. This is a separate interpreter because ``pickle.Unpickler`` allocates
memory for any size that a corrupted file claims, and hashing a deeply nested tuple overflows its
stack.
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
    """The name of a class or function in a pickle."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Made:
    """The object that calling `maker` would return.

    Attributes
    ----------
    maker
        The class or function, nearly always a :class:`Name`.
    arguments
        A tuple in any valid pickle.
    state
        The argument of the object's ``__setstate__``.
    entries, items
        The entries of a mapping or the items of a list.
    """

    maker: Any
    arguments: Any
    state: Any = None
    entries: dict[Any, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class External:
    """A reference to data outside a pickle, such as the storage of a tensor."""

    reference: Any


def read_pickle(data: bytes) -> Any:
    """Return the content of a pickle of protocol 2 or 3.

    Returns
    -------
    Numbers, text, bytes, tuples, lists and dictionaries as they are; other objects as
    :class:`Name`, :class:`Made` or :class:`External`. The result may contain itself.

    Raises
    ------
    MalformedError
        If it is not a pickle, is too long, has another protocol, or has a tuple of tuples as a key.
    """
    reader = _Reader()
    try:
        for count, (step, argument, _) in enumerate(pickletools.genops(data)):
            reader.take(step.name if count < MOST_STEPS else "after so many", argument)
        return reader.pop()
    except MalformedError:
        raise
    except (ValueError, IndexError, KeyError) as problem:
        raise MalformedError(f"invalid pickle: {str(problem)[:80]}") from problem


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
    """The stack machine that executes a pickle."""

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
            raise MalformedError(f"opcode {step} is not allowed in pickles of protocol 2 and 3")

    def pop(self) -> Any:
        return self.pop_many(1)[0]

    def pop_many(self, count: int) -> list[Any]:
        """Take the last values, which must be above the last mark."""
        if len(self.stack) - count < (self.marks[-1] if self.marks else 0):
            raise MalformedError("invalid pickle: a value is missing")
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
            raise MalformedError("invalid pickle: it appends to something that is not a list")
        items += values

    def update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        entries = target.entries if isinstance(target, Made) else target
        if not isinstance(entries, dict) or len(values) % 2:
            raise MalformedError(
                "invalid pickle: it sets entries of something that is not a dictionary"
            )
        for key, value in zip(values[::2], values[1::2], strict=True):
            parts = key if isinstance(key, tuple) else (key,)
            if any(isinstance(part, tuple | list | dict) for part in parts):
                raise MalformedError(
                    "invalid pickle: a collection is used as a key of a dictionary"
                )
            entries[key] = value

    def build(self, state: Any) -> None:
        target = self.stack[-1]
        if not isinstance(target, Made):
            raise MalformedError(
                "invalid pickle: it sets the state of something that is not an object"
            )
        target.state = state
