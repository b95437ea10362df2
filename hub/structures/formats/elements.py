"""Elements for formats that only number them, from a small file beside the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIX = ".elements"


def elements_beside(path: Path) -> list[str]:
    """Return the chemical symbols in ``FILE.elements``, in the order of types; none if missing.

    Raises
    ------
    DataError
        If it contains anything else.
    """
    from ase.data import atomic_numbers

    beside = path.with_name(path.name + _SUFFIX)
    if not beside.exists():
        return []
    symbols = beside.read_text(encoding="utf-8").replace(",", " ").split()
    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if unknown or not symbols:
        raise DataError(
            f"has a file {beside.name} without valid chemical symbols: {', '.join(unknown)}",
            "Write them in the order of the types, separated by spaces: C H O",
        )
    return symbols


def how_to_name_elements(path: Path) -> str:
    """Return the hint that says how to give the elements."""
    return (
        f"Write the chemical symbols, in the order of the types, to {path.name}{_SUFFIX} beside "
        "it: C H O"
    )
