"""How often to save what is resumed after an interruption."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARE = 0.05  # of the time


class SavingPace:
    """Says when saving is due, so that it takes at most a twentieth of the time.

    Short steps on a slow disk would otherwise take less time than saving after each of them.
    """

    def __init__(self) -> None:
        self._ended, self._taken = time.monotonic(), 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the last state was saved, or since the start."""
        return time.monotonic() - self._ended

    @property
    def is_due(self) -> bool:
        """Whether saving takes little of the time that has passed; true if nothing was saved."""
        return self.elapsed >= self._taken / _SHARE

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Measure how long saving takes."""
        began = time.monotonic()
        yield
        self._ended = time.monotonic()
        self._taken = self._ended - began
