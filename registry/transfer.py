"""Verified moves of bytes from a store to this disk: resumed, retried, in parallel."""

from __future__ import annotations

import hashlib
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Protocol

from registry.documents import LARGEST_DOCUMENT
from registry.errors import IntegrityError, OfflineError, StorageError
from registry.files import CHUNK, storage_errors
from registry.outputs import require_file
from registry.removal import remove
from registry.stores.base import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from registry.blobs import Blobs
    from registry.manifest import FileEntry
    from registry.stores.base import Store

PARALLEL = 4


class Progress(Protocol):
    """What is told of bytes as they arrive, from several threads but one at a time."""

    def __call__(self, done: int, total: int, /) -> None:
        """Take note that `done` of `total` bytes are here."""


@dataclass(frozen=True)
class Retries:
    """How often and how patiently to try again.

    Parameters
    ----------
    attempts
        Failures in a row after which to give up.
    progress
        New bytes between two failures, from which on the second is not in a row with the first.
    corrupt
        Wholly received but wrong files, after which to give up.
    first_wait
        Seconds before the first new attempt; each further wait is twice as long.
    """

    attempts: int = 5
    progress: int = 1 << 16
    corrupt: int = 2
    first_wait: float = 0.5

    def count(self, failures: int, gained: int) -> int:
        """Return the failures in a row with one more, before which `gained` bytes came."""
        return 1 if gained >= self.progress else failures + 1

    def pause(self, failures: int, asked: float) -> float:
        """Return the seconds to wait after this many failures; at least what a server asked."""
        # Scattered, so that clients that failed together do not come back together.
        scatter = random.uniform(0.5, 1.0)  # noqa: S311 - nothing here is secret
        return max(self.first_wait * 2.0 ** (failures - 1) * scatter, asked)


def read(store: Store, path: str, retries: Retries | None = None) -> bytes:
    """Read a small document whole.

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
                raise IntegrityError(f"{path} in {store.location} is too large for a document")
    if stream.size not in (None, len(data)):
        raise TransientError(f"it broke off after {len(data)} of {stream.size} bytes")
    return bytes(data)


def fetch(
    store: Store,
    files: Sequence[tuple[str, FileEntry]],
    blobs: Blobs,
    progress: Progress | None = None,
    retries: Retries | None = None,
) -> None:
    """Bring the content of files into the blobs, whatever of it is not there yet.

    Parameters
    ----------
    store
        Where to read.
    files
        The path in the store, and what must be found there.
    blobs
        Where to keep it.
    progress
        Told of the bytes as they arrive.
    retries
        How often to try again.

    Raises
    ------
    NotFoundError
        If the store has no such file.
    OfflineError
        If the store cannot be reached, or breaks off again and again.
    IntegrityError
        If the store holds other bytes than were promised.
    StorageError
        If the disk is full or cannot be written.
    """
    missing = {entry.sha256: (path, entry) for path, entry in files if not blobs.has(entry)}
    if not missing:
        return
    with storage_errors(blobs.parts):
        blobs.parts.mkdir(parents=True, exist_ok=True)
    _check_space(blobs, [entry for _, entry in missing.values()])
    total = sum(entry.size for _, entry in missing.values())
    batch = _Batch(store, blobs, retries or Retries(), total, progress)
    with _pool(batch.stop) as pool:
        downloads = [pool.submit(batch.fetch, path, entry) for path, entry in missing.values()]
        for download in as_completed(downloads):
            download.result()


@contextmanager
def _pool(stop: Event) -> Iterator[ThreadPoolExecutor]:
    """Give threads that all stop when the block fails, an interrupt by the user included."""
    pool = ThreadPoolExecutor(PARALLEL)
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _check_space(blobs: Blobs, entries: Sequence[FileEntry]) -> None:
    """Say before the start that the disk is too small, rather than at the end."""
    here = sum(size_of(blobs.part(entry.sha256)) for entry in entries)
    needed = sum(entry.size for entry in entries) - here
    free = shutil.disk_usage(blobs.parts).free
    if needed > free:
        raise StorageError(
            f"the disk of {blobs.root} has {free / 1e6:.1f} MB left, and {needed / 1e6:.1f} MB are "
            "needed",
            "Free some space (`hub cache prune`), or set HUB_CACHE to another disk.",
        )


class _StoppedError(Exception):
    """Another download of the same batch has failed."""


class _Batch:
    """The downloads of one call: where from, where to, how far, and the word to stop."""

    def __init__(
        self, store: Store, blobs: Blobs, retries: Retries, total: int, progress: Progress | None
    ) -> None:
        self.store = store
        self.blobs = blobs
        self.retries = retries
        self.total = total
        self.progress = progress
        self.stop = Event()
        self._lock = Lock()
        self._done: dict[str, int] = {}

    def fetch(self, path: str, entry: FileEntry) -> None:
        """Bring one content into the blobs, or wait until another process has done so."""
        with self.blobs.lock(entry.sha256, self._leave_if_stopped):
            if not self.blobs.has(entry):
                self._insist(path, entry)
                self.blobs.adopt_part(entry)
        self._note(entry, entry.size)

    def _insist(self, path: str, entry: FileEntry) -> None:
        """Receive a file, again and again from where it broke off, until it is whole and right."""
        part = self.blobs.part(entry.sha256)
        require_file(part)
        failures = corrupt = 0
        while True:
            wait, before = 0.0, size_of(part)
            try:
                return self._receive(path, entry, part)
            except TransientError as problem:
                failures = self.retries.count(failures, size_of(part) - before)
                wait = problem.wait
                if failures >= self.retries.attempts:
                    raise _unreachable(self.store, problem) from problem
            except IntegrityError:
                # What is here cannot be built upon: start again from nothing.
                remove(part)
                corrupt += 1
                if corrupt >= self.retries.corrupt:
                    raise
            self.stop.wait(self.retries.pause(failures + corrupt, wait))
            self._leave_if_stopped()

    def _receive(self, path: str, entry: FileEntry, part: Path) -> None:
        """Receive what a part lacks, hashing all of it; raise if it is cut short or wrong."""
        with storage_errors(part), part.open("a+b") as file:
            file.seek(0)
            hashed = hashlib.file_digest(file, "sha256")
            have = file.tell()
            if have < entry.size:
                with self.store.open(path, have) as stream:
                    if stream.size not in (None, entry.size):
                        raise _wrong(self.store, path, f"{stream.size} bytes long", entry)
                    if stream.start == 0 and have:
                        # The store cannot skip, and sends everything again.
                        file.truncate(0)
                        hashed, have = hashlib.sha256(), 0
                    elif stream.start != have:
                        raise _wrong(self.store, path, f"sent from byte {stream.start}", entry)
                    while have <= entry.size and (piece := stream.read(CHUNK)):
                        have += len(piece)
                        file.write(piece)
                        hashed.update(piece)
                        self._note(entry, have)
        if have > entry.size:
            raise _wrong(self.store, path, "longer than that", entry)
        if have < entry.size:
            raise TransientError(f"the connection broke off after {have} of {entry.size} bytes")
        if hashed.hexdigest() != entry.sha256:
            raise _wrong(self.store, path, f"of sha256 {hashed.hexdigest()[:12]}...", entry)

    def _note(self, entry: FileEntry, done: int) -> None:
        """Tell the progress that `done` bytes of a file are here."""
        self._leave_if_stopped()
        if self.progress is not None:
            with self._lock:
                self._done[entry.sha256] = min(done, entry.size)
                self.progress(sum(self._done.values()), self.total)

    def _leave_if_stopped(self) -> None:
        if self.stop.is_set():
            raise _StoppedError


def _wrong(store: Store, path: str, found: str, entry: FileEntry) -> IntegrityError:
    place = f"{store.location}/{path}" if path else store.location
    return IntegrityError(
        f"{place} is {found}; {entry.path} should be {entry.size} bytes of sha256 "
        f"{entry.sha256[:12]}...",
        "Nothing of it was kept. Somebody has changed the file, or a proxy rewrites it.",
    )


def _unreachable(store: Store, problem: TransientError) -> OfflineError:
    return OfflineError(
        f"cannot get anything from {store.location}: {problem}",
        "Check the connection and try again: what has arrived is kept, and continued from.",
    )


def size_of(path: Path) -> int:
    """Return the bytes of a file that may not be there yet."""
    with storage_errors(path):
        return path.stat().st_size if path.exists() else 0
