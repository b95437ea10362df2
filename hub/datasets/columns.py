"""Extras of structures as columns, whose type may be known only at the end of an import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from hub.datasets.layout import REPAIR, STRUCTURE_EXTRAS
from hub.datasets.shards import ArraySpec
from hub.errors import DataError
from registry.documents import fit
from registry.errors import IntegrityError

if TYPE_CHECKING:
    import numpy.typing as npt

    from hub.structures.arrays import StrArray

CATEGORIES = "categories"
RANGE = "range"


class ColumnFacts(Struct):
    """Our attributes of an extra; others are ignored."""

    categories: list[str] | None = None
    range: tuple[float, float] | None = None


def column_facts(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an extra; raises `MalformedError` if one of ours is invalid."""
    fit(attributes, ColumnFacts)
    return attributes


@dataclass
class Column:
    """The type and range of one extra, collected from all its parts.

    Text is stored as integers that index `categories`, in order of appearance, so that adding
    structures does not change existing rows.
    """

    name: str
    dtype: np.dtype[Any] | None = None
    row_shape: tuple[int, ...] = ()
    categories: dict[str, int] = field(default_factory=dict)
    has_gaps: bool = False
    low: float = np.inf
    high: float = -np.inf

    def note(self, values: npt.NDArray[Any] | None) -> None:
        """Include the next part; None if its structures do not have this extra."""
        if values is None:
            self.has_gaps = True
            return
        if self.dtype is None:
            self.row_shape = values.shape[1:]
        if values.shape[1:] != self.row_shape or values.dtype.kind not in "biufU":
            raise DataError(
                f"the extra {self.name!r} has different shapes ({self.row_shape} and "
                f"{values.shape[1:]}) or is neither a number nor text ({values.dtype})",
                "Remove it, or use the same shape for all structures.",
            )
        kinds = [values.dtype] if self.dtype is None else [self.dtype, values.dtype]
        self.dtype = kinds[0] if len(kinds) == 1 else _common(*kinds)
        if values.dtype.kind == "U":
            _, first = np.unique(values, return_index=True)
            for text in values[np.sort(first)].tolist():
                self.categories.setdefault(text, len(self.categories))
        elif values.dtype.kind in "iuf" and np.isfinite(values).any():
            finite = values[np.isfinite(values)]
            self.low = min(self.low, float(finite.min()))
            self.high = max(self.high, float(finite.max()))

    @property
    def is_text(self) -> bool:
        """Whether the extra is stored as indices into `categories`."""
        return self.dtype is not None and self.dtype.kind == "U"

    @property
    def spec(self) -> ArraySpec:
        """The specification of its array."""
        return ArraySpec(f"{STRUCTURE_EXTRAS}/{self.name}", self._stored_dtype(), self.row_shape)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of its array."""
        if self.is_text:
            return {CATEGORIES: list(self.categories)}
        return {RANGE: [self.low, self.high]} if self.low <= self.high else {}

    def encode(self, values: npt.NDArray[Any] | None, rows: int) -> npt.NDArray[Any]:
        """Return the rows in stored form, including absent ones."""
        spec = self.spec
        if self.is_text:
            texts = [""] * rows if values is None else values.astype(np.str_).tolist()
            codes = [self.categories.setdefault(text, len(self.categories)) for text in texts]
            return np.array(codes, spec.dtype)
        if values is None:
            return np.full((rows, *spec.row_shape), spec.fill, spec.dtype)
        return values.astype(spec.dtype)

    def _stored_dtype(self) -> np.dtype[Any]:
        dtype = self.dtype
        if dtype is None or dtype.kind == "U":
            return np.dtype(np.int32)
        if self.has_gaps or dtype.kind == "f":
            return np.dtype(np.float64)  # only floats have a value (NaN) for absent rows
        return np.dtype(np.bool_ if dtype.kind == "b" else np.int64)


def _common(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    """Return the common type of two; text is common to all."""
    if "U" in (one.kind, other.kind):
        return np.dtype(np.str_)
    return np.result_type(one, other)


def decode(values: npt.NDArray[Any], attributes: dict[str, Any]) -> npt.NDArray[Any] | StrArray:
    """Invert `Column.encode`."""
    categories = attributes.get(CATEGORIES)
    if categories is None:
        return values
    known = np.array(categories or [""], np.str_)
    if values.size and not 0 <= values.min() <= values.max() < len(known):
        raise IntegrityError("a text column refers to a category that does not exist", REPAIR)
    texts: StrArray = known[values]
    return texts
