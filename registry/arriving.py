"""A file that arrives in pieces: hashed, and brought to the disk, while more of it is received."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from io import BufferedRandom

# Bytes. A file that is synchronized only at its end keeps its receiver waiting for the disk then.
_SYNC_EVERY = 32 << 20


class Arriving:
    """A partial file, its sha256, and how much of it there is.

    Parameters
    ----------
    file
        The file, open for reading and appending. What it contains is hashed first.
    """

    def __init__(self, file: BufferedRandom) -> None:
        file.seek(0)
        self.file = file
        self._hash = hashlib.file_digest(file, "sha256")
        self.size = file.tell()
        self._unsynced = 0
        # One thread each, so that neither waits for the other.
        self._hasher, self._syncer = _Background(), _Background()

    def restart(self) -> None:
        """Remove what the file contains."""
        self._hasher.wait()
        self.file.truncate(0)
        self._hash, self.size = hashlib.sha256(), 0

    def add(self, piece: bytes) -> None:
        """Append bytes to the file; raises `OSError` if these or earlier ones cannot be kept."""
        self.file.write(piece)
        self._hasher.start(lambda: self._hash.update(piece))
        self.size += len(piece)
        self._unsynced += len(piece)
        if self._unsynced >= _SYNC_EVERY and self._syncer.is_idle:
            self._syncer.start(lambda: os.fsync(self.file.fileno()))
            self._unsynced = 0

    def finish(self) -> str:
        """Return the sha256 of the whole file, in hexadecimal; raises `OSError` like `add`."""
        self._hasher.wait()
        self._syncer.wait()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Wait for what has been started, and end the threads."""
        self._hasher.close()
        self._syncer.close()


class _Background:
    """One call at a time, in a thread of its own."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._thread = ThreadPoolExecutor(1)
        self._call: Future[None] | None = None

    @property
    def is_idle(self) -> bool:
        return self._call is None or self._call.done()

    def start(self, call: Callable[[], None]) -> None:
        """Start a call when the last one has ended; raises what that raised."""
        self.wait()
        self._call = self._thread.submit(call)

    def wait(self) -> None:
        """Wait until the last call has ended; raises what it raised."""
        if self._call is not None:
            self._call.result()

    def close(self) -> None:
        self._thread.shutdown()
