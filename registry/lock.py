"""Locks: shared by the users of a store, exclusive for clean-up; released by the system."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.files import locked, storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # On Windows every lock is exclusive, which is slower but as safe.
    fcntl = None  # type: ignore[assignment]


@contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Hold a shared lock: nothing is cleaned up in the meantime.

    On a read-only disk, where the lock can be neither created nor read, nothing can be cleaned up.
    """
    if fcntl is None:
        with locked(path):
            yield
        return
    descriptor = _open(path)
    if descriptor is None:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock; `waiting` is called once if others hold it."""
    if fcntl is None:
        with locked(path):
            yield
        return
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int | None:
    """Open a lock file; create it if possible."""
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags | os.O_NOFOLLOW, 0o666)
        except OSError:
            continue
    return None
