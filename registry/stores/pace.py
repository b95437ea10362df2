"""Abandon responses that arrive too slowly to wait for."""

from __future__ import annotations

from registry.stores.base import TransientError

SLOWEST = 1000.0
WINDOW = 20.0


class Pace:
    """The speed at which a response arrives.

    Parameters
    ----------
    slowest
        Bytes per second; a slower response is abandoned.
    window
        Seconds of waiting over which the speed is averaged.
    """

    def __init__(self, slowest: float = SLOWEST, window: float = WINDOW) -> None:
        self.slowest = slowest
        self.window = window
        self._waited = 0.0
        self._came = 0

    def note(self, seconds: float, count: int) -> None:
        """Note that `count` bytes came after some seconds; raises `TransientError` if too slow."""
        self._waited += seconds
        self._came += count
        if count and self._waited >= self.window:
            if self._came < self.slowest * self._waited:
                raise TransientError(f"slower than {self.slowest:g} bytes per second")
            self._waited, self._came = 0.0, 0
