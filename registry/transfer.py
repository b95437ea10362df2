"""Fetch files from a store: many blobs at once, or a published file of unknown sha256."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import PurePosixPath
from threading import Event, Lock
from typing import TYPE_CHECKING

from registry.download import Expected, receive
from registry.errors import StorageError
from registry.files import sha256_of, size_of, storage_errors
from registry.outputs import require_file
from registry.removal import claim, discard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from registry.blobs import Blobs
    from registry.download import Progress, Retries
    from registry.manifest import FileEntry
    from registry.sources import Source
    from registry.stores.base import Store

PARALLEL = 4

# Writes the content of a file to a path, verified, and reports the bytes that it has so far.
Receive = Callable[["FileEntry", "Path", Callable[[int], None]], None]

_KEYED = re.compile(r"[0-9a-f]{16}-.+")


def fetch(
    store: Store,
    files: Sequence[tuple[str, FileEntry]],
    blobs: Blobs,
    progress: Progress | None = None,
    retries: Retries | None = None,
) -> None:
    """Fetch the content of files that are not among the blobs yet.

    Parameters
    ----------
    store
        The store to read from.
    files
        Pairs of the path in the store and the expected file.
    blobs
        Where to store the content.
    progress
        Called with the number of bytes as they arrive.
    retries
        How often to retry.

    Raises
    ------
    NotFoundError
        If the store has no such file.
    OfflineError
        If the store cannot be reached, or the connection keeps breaking.
    IntegrityError
        If the files in the store are not the expected ones.
    StorageError
        If the disk is full or cannot be written.
    """
    paths = {entry.sha256: path for path, entry in files}
    stop = Event()

    def wait(seconds: float) -> None:
        stop.wait(seconds)
        _leave_if(stop)

    def receive_one(entry: FileEntry, part: Path, arrived: Callable[[int], None]) -> None:
        receive(
            store,
            paths[entry.sha256],
            part,
            _expected(entry),
            arrived=lambda have, _: arrived(have),
            retries=retries,
            wait=wait,
        )

    fetch_by(receive_one, [entry for _, entry in files], blobs, progress, stop)


def fetch_by(
    receive_one: Receive,
    entries: Iterable[FileEntry],
    blobs: Blobs,
    progress: Progress | None = None,
    stop: Event | None = None,
) -> None:
    """Fetch the content of files that are not among the blobs yet, by any transfer.

    Parameters
    ----------
    receive_one
        Writes the content of a file to a path, and verifies it.
    entries
        The expected files.
    blobs
        Where to store the content.
    progress
        Called with the number of bytes as they arrive.
    stop
        Set when the call fails, so that the other downloads stop.
    """
    missing = {entry.sha256: entry for entry in entries if not blobs.has(entry)}
    if not missing:
        return
    with storage_errors(blobs.parts):
        blobs.parts.mkdir(parents=True, exist_ok=True)
    _check_space(blobs, list(missing.values()))
    from concurrent.futures import as_completed

    total = sum(entry.size for entry in missing.values())
    batch = _Batch(receive_one, blobs, total, progress, stop or Event())
    with _pool(batch.stop) as pool:
        downloads = [pool.submit(batch.fetch, entry) for entry in missing.values()]
        for download in as_completed(downloads):
            download.result()


@contextmanager
def _pool(stop: Event) -> Iterator[ThreadPoolExecutor]:
    """Yield threads that all stop when the block fails or the user interrupts it."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(PARALLEL)
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _check_space(blobs: Blobs, entries: Sequence[FileEntry]) -> None:
    """Raise before the start, rather than at the end, if there is too little disk space."""
    from shutil import disk_usage  # slow to import

    here = sum(size_of(blobs.part(entry.sha256)) or 0 for entry in entries)
    needed = sum(entry.size for entry in entries) - here
    free = disk_usage(blobs.parts).free
    if needed > free:
        raise StorageError(
            f"not enough disk space for {blobs.root}: {needed / 1e6:.1f} MB needed, "
            f"{free / 1e6:.1f} MB available",
            "Free some space (`hub cache prune`), or set HUB_CACHE to another disk.",
        )


class _StoppedError(Exception):
    """Another download of the same batch has failed."""


class _Batch:
    """The downloads of one call: transfer, destination, progress and the signal to stop."""

    def __init__(
        self,
        receive_one: Receive,
        blobs: Blobs,
        total: int,
        progress: Progress | None,
        stop: Event,
    ) -> None:
        self.receive_one = receive_one
        self.blobs = blobs
        self.total = total
        self.progress = progress
        self.stop = stop
        self._lock = Lock()
        self._done: dict[str, int] = {}

    def fetch(self, entry: FileEntry) -> None:
        """Fetch one blob, or wait until another process has done so."""
        with self.blobs.lock(entry.sha256, lambda: _leave_if(self.stop)):
            if not self.blobs.has(entry):
                part = self.blobs.part(entry.sha256)
                self.receive_one(entry, part, lambda have: self._note(entry, have))
                self.blobs.adopt_part(entry)
        self._note(entry, entry.size)

    def _note(self, entry: FileEntry, done: int) -> None:
        """Report that `done` bytes of a file have arrived."""
        _leave_if(self.stop)
        if self.progress is not None:
            with self._lock:
                self._done[entry.sha256] = min(done, entry.size)
                self.progress(sum(self._done.values()), self.total)


def _leave_if(stop: Event) -> None:
    if stop.is_set():
        raise _StoppedError


def _expected(entry: FileEntry) -> Expected:
    return Expected(
        f"{entry.path} should be {entry.size} bytes with sha256 {entry.sha256[:12]}...",
        entry.size,
        lambda _, sha256: "" if sha256 == entry.sha256 else f"of sha256 {sha256[:12]}...",
    )


def download(
    source: Source, store: Store, path: str, folder: Path, progress: Progress | None = None
) -> Path:
    """Return a published file that cannot be a blob because its size or sha256 is unknown.

    It is downloaded into `folder` under a unique name, unless it is already there, and stays
    there until the import that needs it is done.

    Parameters
    ----------
    source
        The published file.
    store, path
        Where to read it.
    folder
        Where to put it.
    progress
        Called with the number of bytes as they arrive.

    Raises
    ------
    IntegrityError, NotFoundError, OfflineError, StorageError
        Like `receive`.
    """
    # The key distinguishes files of the same name, wherever they are downloaded from.
    key = hashlib.sha256(repr(sorted(source.facts().items())).encode()).hexdigest()[:16]
    whole = folder / f"{key}-{PurePosixPath(source.path).name}"
    part = whole.with_name(f"{whole.name}.part")
    claim(folder, _KEYED)
    require_file(whole)
    if whole.exists():
        if not source.difference(whole, sha256_of(whole)):
            return whole
        discard(whole, folder)

    def arrived(have: int, size: int | None) -> None:
        if progress is not None:
            progress(have, max(have, size or 0))

    expected = Expected(f"that is not the published {source.path}", source.size, source.difference)
    receive(store, path, part, expected, arrived=arrived)
    with storage_errors(whole):
        part.replace(whole)
    return whole
