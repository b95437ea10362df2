"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks wrong, with a set of structures.

    Attributes
    ----------
    severity
        An ``error`` stops training, a ``warning`` does not.
    code
        A short stable name, such as ``duplicates``.
    message
        What is wrong.
    structures
        Indices of the structures concerned; empty if it is the set as a whole.
    advice
        What to do next.
    """

    severity: Severity
    code: str
    message: str
    structures: list[int]
    advice: str


# What stops training, unless it is allowed by its code.
ERROR_CODES = frozenset(
    {
        "absurd-energies",
        "cell",
        "contradicting-duplicates",
        "energies-per-atom",
        "forces-opposite",
        "impossible-distances",
        "labels-shifted",
        "missing-energy",
        "missing-forces",
        "mixed-references",
        "mixed-units",
        "positions",
        "units",
        "unknown-elements",
        "zero-forces",
    }
)


def require_error_codes(codes: Iterable[str]) -> None:
    """Refuse to allow what is no error.

    Raises
    ------
    DataError
        If a code is none of `ERROR_CODES`.
    """
    unknown = [code for code in codes if code not in ERROR_CODES]
    if unknown:
        raise DataError(
            f"no finding that stops training is called {', '.join(unknown)}",
            f"What can be allowed: {', '.join(sorted(ERROR_CODES))}.",
        )


def blocking(findings: Iterable[Finding], allowed: Collection[str] = ()) -> list[Finding]:
    """Return the errors that nobody has allowed."""
    return [each for each in findings if each.severity == "error" and each.code not in allowed]
