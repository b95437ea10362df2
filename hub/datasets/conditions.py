"""Conditions on the columns of a dataset: ``density >= 2.0 and 10 <= time``.

The language is a subset of Python with names of columns, numbers, text, comparisons (also chained,
and ``in`` a list), ``and``, ``or`` and ``not``; it has no calls and no attributes.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hub.datasets.columns import CATEGORIES, RANGE
from hub.datasets.names import unreserved
from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from hub.structures.arrays import BoolArray, IntArray

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: np.isin,
    ast.NotIn: lambda values, given: ~np.isin(values, given),
}
N_ATOMS = "n_atoms"
_LONGEST = 4000  # characters; the parser may run out of stack for longer ones
_SHOWN = 8
_SHOWN_TEXT = 200


class HasColumns(Protocol):
    """The subject of a condition: a dataset, or structures to be written to one."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def pointers(self) -> IntArray:
        """(S + 1,); structure i owns atoms ``pointers[i]:pointers[i + 1]``."""

    @property
    def structure_extras(self) -> Mapping[str, Mapping[str, Any]]:
        """The attributes of every column, by name."""

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return (S, ...) the values of a column."""

    def __len__(self) -> int: ...


def evaluate(condition: str, dataset: HasColumns) -> BoolArray:
    """Return (S,) which structures satisfy a condition. Comparisons with absent values are false.

    Raises
    ------
    DataError
        If the condition is invalid, or names an unknown column.
    """
    tree = _parse(condition)
    return _Evaluation(condition, dataset).truth(tree)


def columns_of(condition: str) -> set[str]:
    """Return the names that occur in a condition."""
    return {node.id for node in ast.walk(_parse(condition)) if isinstance(node, ast.Name)}


def describe_columns(dataset: HasColumns) -> str:
    """Write the columns of a dataset with their ranges, for messages."""
    shown = [N_ATOMS]
    for name, attributes in dataset.structure_extras.items():
        if RANGE in attributes:
            low, high = attributes[RANGE]
            shown.append(f"{name} ({low:g} to {high:g})")
        elif CATEGORIES in attributes:
            texts = [repr(text) for text in attributes[CATEGORIES]]
            more = ", ..." if len(texts) > _SHOWN else ""
            shown.append(f"{name} ({', '.join(texts[:_SHOWN])}{more})")
        else:
            shown.append(name)
    return ", ".join(shown)


def _parse(condition: str) -> ast.expr:
    if len(condition) > _LONGEST:
        raise DataError(
            f"the condition {condition[:_SHOWN_TEXT]!r}... is too long ({len(condition)} "
            f"characters, maximum {_LONGEST})",
            "Compare a column with a list (`in [...]`) or a range, or select in several steps.",
        )
    try:
        return ast.parse(condition.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise DataError(
            f"invalid condition {condition[:_SHOWN_TEXT]!r}: {problem}",
            "Example of a condition: density >= 2.0 and time >= 10",
        ) from problem


class _Evaluation:
    """One condition on one dataset."""

    def __init__(self, condition: str, dataset: HasColumns) -> None:
        self.condition = condition
        self.dataset = dataset

    def truth(self, node: ast.expr) -> BoolArray:
        """Return (S,) where an expression is true."""
        if isinstance(node, ast.BoolOp):
            combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return np.asarray(combine.reduce([self.truth(value) for value in node.values]))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.truth(node.operand)
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            steps = zip(node.ops, operands[:-1], operands[1:], strict=True)
            return np.asarray(np.logical_and.reduce([self._compare(*step) for step in steps]))
        if isinstance(node, ast.Name):
            values = self._value(node)
            if values.dtype == np.bool_:
                return np.asarray(values)
        raise self._wrong(node)

    def _compare(self, comparison: ast.cmpop, left: ast.expr, right: ast.expr) -> BoolArray:
        is_membership = isinstance(comparison, ast.In | ast.NotIn)
        if type(comparison) not in _COMPARISONS or is_membership != isinstance(
            right, ast.List | ast.Tuple | ast.Set
        ):
            raise self._wrong(right)
        values, given = self._value(left), self._value(right)
        if (values.dtype.kind == "U") != (given.dtype.kind == "U"):
            raise DataError(
                f"{self.condition!r} compares text with a number: "
                f"{ast.unparse(left)} and {ast.unparse(right)}",
                f"The columns are {describe_columns(self.dataset)}. Put text in quotes.",
            )
        truth = np.asarray(_COMPARISONS[type(comparison)](values, given))
        if values.dtype.kind == "f":
            truth &= ~np.isnan(values)
        if given.dtype.kind == "f" and not is_membership:
            truth &= ~np.isnan(given)
        return np.broadcast_to(truth, (len(self.dataset),))

    def _value(self, node: ast.expr) -> Any:
        """Return a column, or the given constant or constants."""
        if isinstance(node, ast.Name):
            return self._column(node.id)
        try:
            value = ast.literal_eval(node)
        except ValueError as problem:
            raise self._wrong(node) from problem
        array = np.asarray(list(value) if isinstance(value, set | tuple) else value)
        if array.dtype.kind not in "biufU" or array.ndim > 1:
            raise self._wrong(node)
        return array

    def _column(self, name: str) -> Any:
        if name == N_ATOMS:
            return np.diff(self.dataset.pointers)
        known = self.dataset.structure_extras
        # The condition may use the name of the column before it was renamed.
        called = name if name in known else unreserved(name, per_atom=False)
        if called not in known:
            raise DataError(
                f"{self.dataset.name} has no column {name!r}",
                f"The columns are {describe_columns(self.dataset)}.",
            )
        values = self.dataset.column(called)
        if values.ndim > 1:
            raise DataError(f"the column {name!r} has more than one number per structure")
        return values

    def _wrong(self, node: ast.expr) -> DataError:
        return DataError(
            f"unsupported expression {ast.unparse(node)!r} in the condition {self.condition!r}",
            "A condition compares columns with numbers or text, combined by and, or, not, e.g. "
            "density >= 2.0 and config_type in ['liquid', 'amorphous']",
        )
