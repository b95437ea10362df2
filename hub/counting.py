"""How a function that does several things one after the other tells how far each has come."""

from __future__ import annotations

from collections.abc import Callable

# Called with how much is done, and how much there is; None while that is not known.
Progress = Callable[[int, int | None], None]
# Called with the name of a task; returns what to call during it, if anything.
Counting = Callable[[str], Progress | None]


def not_counting(task: str) -> None:
    """Tell nobody."""
