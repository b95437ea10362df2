"""Published files that are not known by size and sha256, so that they cannot be blobs at once.

Each is received into a file of its own name, resumed where it broke off, and compared with all that
is known of it. It stays until the import that needs it is done.
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from registry.errors import IntegrityError, OfflineError
from registry.files import CHUNK, storage_errors
from registry.outputs import require_file
from registry.removal import claim, discard
from registry.stores.base import TransientError
from registry.transfer import Retries, size_of

_OURS = re.compile(r"[0-9a-f]{16}-.+")

if TYPE_CHECKING:
    from pathlib import Path

    from registry.sources import Source
    from registry.stores.base import Store
    from registry.transfer import Progress

# Bytes, of a file whose size neither the card nor the server knows.
LARGEST_DOWNLOAD = 100 << 30


def download(
    source: Source, store: Store, path: str, folder: Path, progress: Progress | None = None
) -> Path:
    """Return a published file, received into `folder` unless it is there already, and checked.

    Parameters
    ----------
    source
        The published file.
    store, path
        Where to read it.
    folder
        Where to put it.
    progress
        Told of the bytes as they arrive.

    Raises
    ------
    IntegrityError
        If the file that can be had is another; nothing of it is kept.
    NotFoundError
        If there is no such file.
    OfflineError
        If the place cannot be reached, or breaks off again and again.
    StorageError
        If the disk is full or cannot be written.
    """
    # The key tells files of one name apart, whatever place they are had from.
    key = hashlib.sha256(repr(sorted(source.facts().items())).encode()).hexdigest()[:16]
    whole = folder / f"{key}-{PurePosixPath(source.path).name}"
    part = whole.with_name(f"{whole.name}.part")
    claim(folder, _OURS)
    require_file(whole)
    require_file(part)
    if not whole.exists():
        _insist(store, path, part, source.size, progress)
    with storage_errors(whole):
        received = whole if whole.exists() else part
        try:
            source.check(received)
        except Exception:
            discard(received, folder)
            raise
        received.replace(whole)
    return whole


def _insist(
    store: Store, path: str, part: Path, size: int | None, progress: Progress | None
) -> None:
    """Receive a file, again and again from where it broke off, until it is whole."""
    retries, failures = Retries(), 0
    while True:
        before = size_of(part)
        try:
            return _receive(store, path, part, size, progress)
        except TransientError as problem:
            failures = retries.count(failures, size_of(part) - before)
            if failures >= retries.attempts:
                raise OfflineError(
                    f"cannot get anything from {store.location}: {problem}",
                    "Check the connection and try again: what has arrived is kept.",
                ) from problem
            time.sleep(retries.pause(failures, problem.wait))


def _receive(
    store: Store, path: str, part: Path, size: int | None, progress: Progress | None
) -> None:
    """Receive what a part lacks; raise if it is cut short, or goes on and on."""
    with storage_errors(part), part.open("ab") as file, store.open(path, file.tell()) as stream:
        if stream.start != file.tell():
            file.truncate(0)  # The store cannot skip, and sends everything again.
        have = file.seek(0, 2)
        if stream.start != have:
            raise TransientError(f"it sends from byte {stream.start}, not {have}")
        largest = size or stream.size or LARGEST_DOWNLOAD
        while have <= largest and (piece := stream.read(CHUNK)):
            file.write(piece)
            have += len(piece)
            if progress is not None:
                progress(have, max(have, stream.size or 0))
    if have > largest:
        with storage_errors(part):
            part.unlink()
        raise IntegrityError(
            f"the published file is longer than {largest:,} bytes in {store.location}",
            "Nothing of it was kept. Somebody has changed the file, or a proxy rewrites it.",
        )
    if stream.size is not None and have < stream.size:
        raise TransientError(f"the connection broke off after {have} of {stream.size} bytes")
