"""Types of the values in documents that we read, with their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from ase.data import chemical_symbols
from msgspec import Meta

if TYPE_CHECKING:
    Element = str
else:
    Element = Literal[tuple(chemical_symbols[1:])]  # a chemical symbol

Elements = Annotated[tuple[Element, ...], Meta(min_length=1, max_length=118)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Convention = Literal["ase", "compression", "gpa", "vasp"]  # of stresses
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
