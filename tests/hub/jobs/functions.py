"""Tasks for worker processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from registry.errors import NotFoundError


def double(number: int) -> int:
    return 2 * number


def die_once(flag: str) -> str:
    """Kill the process, unless one has died of it before."""
    if not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def die() -> None:
    print("something terrible", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise NotFoundError("there is no such thing", "Look elsewhere.")


def threads() -> int:
    import torch

    return torch.get_num_threads()


def read(path: str) -> str:
    return Path(path).read_text()
