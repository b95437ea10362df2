"""Something happens at the n-th time that a process touches the disk: a kill, an error, a pause.

Python tells an audit hook of every file that is opened, renamed or removed, so nothing of the code
under test is replaced.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
_READS = {"os.scandir", "os.listdir"}
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_armed: list[_Plan] = []
_is_hooked: list[bool] = []


class _Plan:
    """What is to happen, and when."""

    def __init__(
        self, root: Path, number: int, happens: Callable[[], None], *, reads: bool, once: bool
    ) -> None:
        self.root = str(root)
        self.number = number
        self.happens = happens
        self.reads = reads
        self.once = once
        self.count = 0
        self._lock = Lock()

    def notice(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._concerns(event, arguments):
            return
        with self._lock:
            self.count += 1
            is_time = self.count == self.number or (not self.once and self.count > self.number > 0)
        if is_time:
            self.happens()

    def _concerns(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            is_write = bool((arguments[2] or 0) & _FOR_WRITING)
        elif event in _WRITES or event in _READS:
            is_write = event in _WRITES
        else:
            return False
        path = arguments[0]
        if not isinstance(path, str) or not (is_write or self.reads):
            return False
        # Paths that are not absolute are relative to a folder that is being removed.
        return path.startswith(self.root) or not path.startswith("/")


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _armed:
        _armed[0].notice(event, arguments)


@contextmanager
def disturbed(
    root: Path,
    number: int,
    happens: Callable[[], None],
    *,
    reads: bool = False,
    once: bool = True,
) -> Iterator[_Plan]:
    """Let something happen at the n-th touch of what is below a folder.

    Parameters
    ----------
    root
        The folder.
    number
        Which touch, from 1; 0 for none, which only counts them.
    happens
        Kills, raises or waits.
    reads
        Whether reading a file or a folder counts, too.
    once
        Not again at every touch after it.
    """
    if not _is_hooked:
        sys.addaudithook(_hook)
        _is_hooked.append(True)
    plan = _Plan(root, number, happens, reads=reads, once=once)
    _armed.append(plan)
    try:
        yield plan
    finally:
        _armed.remove(plan)


def touches(root: Path, action: Callable[[], object], *, reads: bool = False) -> int:
    """Return how often an action touches the disk, done in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0
        try:
            with disturbed(root, 0, lambda: None, reads=reads) as plan:
                action()
            count = plan.count
        finally:
            os.write(writing, str(count).encode())
            os._exit(0)
    os.close(writing)
    text = os.read(reading, 20)
    os.close(reading)
    os.waitpid(child, 0)
    return int(text or 0)


def killed(root: Path, number: int, action: Callable[[], object], longest: float) -> bool:
    """Do an action in a process that dies at its n-th write; whether it ended in time."""

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, longest)
            with disturbed(root, number, die):
                action()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM)
