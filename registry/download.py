"""Downloads from a store: resumed, retried, limited in size and verified."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from registry.arriving import Arriving
from registry.documents import LARGEST_DOCUMENT
from registry.errors import IntegrityError, OfflineError
from registry.files import CHUNK, size_of, storage_errors
from registry.outputs import require_file
from registry.removal import remove
from registry.stores.base import TransientError

if TYPE_CHECKING:
    from registry.stores.base import Store

# Bytes; limit for a file whose size neither we nor the server know.
LARGEST_DOWNLOAD = 100 << 30


class Progress(Protocol):
    """Called as bytes arrive, from several threads but one at a time."""

    def __call__(self, done: int, total: int, /) -> None:
        """Note that `done` of `total` bytes have arrived."""


class Retries(Struct, frozen=True):
    """How often to retry, and how long to wait in between.

    Parameters
    ----------
    attempts
        Number of consecutive failures after which to give up.
    progress
        Number of new bytes after which the next failure no longer counts as consecutive.
    corrupt
        Number of completely received but wrong files after which to give up.
    first_wait
        Seconds before the first retry; each further wait is twice as long.
    """

    attempts: int = 5
    progress: int = 1 << 16
    corrupt: int = 2
    first_wait: float = 0.5

    def count(self, failures: int, gained: int) -> int:
        """Return the number of consecutive failures after one more that followed `gained` bytes."""
        return 1 if gained >= self.progress else failures + 1

    def pause(self, failures: int, asked: float) -> float:
        """Return the seconds to wait after this many failures, at least what the server asked."""
        import random

        # Random, so that clients that failed together do not retry together.
        scatter = random.uniform(0.5, 1.0)  # noqa: S311 - nothing here is secret
        return max(self.first_wait * 2.0 ** (failures - 1) * scatter, asked)


class Expected(Struct, frozen=True):
    """What a file must be.

    Parameters
    ----------
    description
        What it should be; completes the sentence "this file is longer; ".
    size
        In bytes; None if unknown.
    difference
        Takes the file (of this size) and its sha256, and returns how it differs from the expected
        one, to complete the sentence "this file is"; empty if it does not differ.
    """

    description: str
    size: int | None
    difference: Callable[[Path, str], str]


def receive(
    store: Store,
    path: str,
    part: Path,
    expected: Expected,
    *,
    arrived: Callable[[int, int | None], None],
    retries: Retries | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Receive a file, resuming after interruptions, until it is complete and verified.

    Parameters
    ----------
    store, path
        Where to read it.
    part
        Where to write it. An existing partial file is resumed.
    expected
        What it must be.
    arrived
        Called with the bytes received so far and the size, if known; may raise to give up.
    retries
        How often to retry.
    wait
        Waits for some seconds; may raise to give up.

    Raises
    ------
    IntegrityError
        If the store has a different file; nothing of it is kept.
    NotFoundError
        If there is no such file.
    OfflineError
        If the store cannot be reached, or the connection keeps breaking; partial data are kept.
    StorageError
        If the disk is full or cannot be written, or `part` is not a regular file.
    """
    require_file(part)
    retries = retries or Retries()
    failures = corrupt = 0
    while True:
        asked, before = 0.0, size_of(part) or 0
        try:
            return _receive_once(store, path, part, expected, arrived)
        except TransientError as problem:
            failures = retries.count(failures, (size_of(part) or 0) - before)
            asked = problem.wait
            if failures >= retries.attempts:
                raise _unreachable(store, problem) from problem
        except IntegrityError:
            # The partial file cannot be resumed: start from scratch.
            remove(part)
            corrupt += 1
            if corrupt >= retries.corrupt:
                raise
        wait(retries.pause(failures + corrupt, asked))


def _receive_once(
    store: Store,
    path: str,
    part: Path,
    expected: Expected,
    arrived: Callable[[int, int | None], None],
) -> None:
    """Receive the rest of a partial file, hashing all of it; raise if it is truncated or wrong."""
    size = expected.size
    with storage_errors(part), part.open("a+b") as file, closing(Arriving(file)) as arriving:
        if size is None or arriving.size < size:
            with store.open(path, arriving.size) as stream:
                if size is not None and stream.size not in (None, size):
                    raise _wrong(store, path, f"{stream.size} bytes long", expected)
                size = stream.size if size is None else size
                if stream.start == 0 and arriving.size:
                    # The store does not support ranges and sends everything again.
                    arriving.restart()
                elif stream.start != arriving.size:
                    raise _wrong(store, path, f"sent from byte {stream.start}", expected)
                largest = LARGEST_DOWNLOAD if size is None else size
                while arriving.size <= largest and (piece := stream.read(CHUNK)):
                    arriving.add(piece)
                    arrived(arriving.size, size)
        have, sha256 = arriving.size, arriving.finish()
    largest = LARGEST_DOWNLOAD if size is None else size
    if have > largest:
        raise _wrong(store, path, f"longer than {largest:,} bytes", expected)
    if size is not None and have < size:
        raise TransientError(f"the connection was lost after {have} of {size} bytes")
    if difference := expected.difference(part, sha256):
        raise _wrong(store, path, difference, expected)


def read(store: Store, path: str, retries: Retries | None = None) -> bytes:
    """Read a small document completely.

    Raises
    ------
    NotFoundError
        If the store has no such file.
    OfflineError
        If the store cannot be reached.
    IntegrityError
        If the file is too large for a document.
    """
    retries = retries or Retries(attempts=3)
    failures = 0
    while True:
        try:
            return _read_once(store, path)
        except TransientError as problem:
            failures += 1
            if failures >= retries.attempts:
                raise _unreachable(store, problem) from problem
            time.sleep(retries.pause(failures, problem.wait))


def _read_once(store: Store, path: str) -> bytes:
    with store.open(path) as stream:
        data = bytearray()
        while piece := stream.read(CHUNK):
            data += piece
            if len(data) > LARGEST_DOCUMENT:
                raise IntegrityError(f"{path} in {store.location} is too large")
    if stream.size not in (None, len(data)):
        raise TransientError(f"the connection was lost after {len(data)} of {stream.size} bytes")
    return bytes(data)


def _wrong(store: Store, path: str, found: str, expected: Expected) -> IntegrityError:
    place = f"{store.location}/{path}" if path else store.location
    return IntegrityError(
        f"{place} is {found}; {expected.description}",
        "It was discarded. Either the file has been changed, or a proxy modifies it.",
    )


def _unreachable(store: Store, problem: TransientError) -> OfflineError:
    return OfflineError(
        f"cannot download from {store.location}: {problem}",
        "Check the connection and try again: the download is resumed where it stopped.",
    )
