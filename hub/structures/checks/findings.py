"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
        Indices of the structures concerned; empty if the whole set is.
    advice
        What to do next.
    """

    severity: Severity
    code: str
    message: str
    structures: list[int]
    advice: str


def blocking(findings: Iterable[Finding], allowed: Collection[str] = ()) -> list[Finding]:
    """Return the errors that are not explicitly allowed."""
    return [each for each in findings if each.severity == "error" and each.code not in allowed]
