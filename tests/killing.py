"""For processes that are to die by SIGKILL in the middle of things."""

from __future__ import annotations

import os
import signal
from itertools import count
from typing import TYPE_CHECKING

from registry import blobs, files

if TYPE_CHECKING:
    from pathlib import Path


def die_before_move(number: int) -> None:
    """Let this process die before the n-th file is moved to its place; never if `number` is 0."""
    really_settle, moves = files.settle, count(1)

    def settle(temporary: Path, target: Path, mode: int) -> None:
        if next(moves) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        really_settle(temporary, target, mode)

    files.settle = blobs.settle = settle
