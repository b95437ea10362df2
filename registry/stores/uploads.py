"""How files are sent to an object store, and recognized when they are there."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from registry.errors import IntegrityError
from registry.files import open_regular, storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.manifest import FileEntry

SINGLE = 32 << 20  # bytes that are sent by one request; a killed one leaves nothing at all
_PART = 8 << 20
_MOST_PARTS = 9000  # Amazon allows 10,000


def part_size(size: int) -> int:
    """Return the size of the parts in which a file of this size is sent, all in bytes."""
    return max(_PART, -(-size // _MOST_PARTS))


def verified_pieces(source: Path, entry: FileEntry) -> Iterator[bytes]:
    """Yield the bytes of a file.

    Raises
    ------
    IntegrityError
        At the end, if they are not those that `entry` says.
    """
    found, size = hashlib.sha256(), 0
    with open_regular(source) as file:
        while piece := file.read(_PART):
            found.update(piece)
            size += len(piece)
            yield piece
    if (size, found.hexdigest()) != (entry.size, entry.sha256):
        raise IntegrityError(
            f"{source} changed while it was being published",
            "Publish again when no other process writes to it.",
        )


def counted(pieces: Iterator[bytes], sent: Callable[[int], None]) -> Iterator[bytes]:
    """Yield pieces, and tell how many bytes they have been when the next one is asked for."""
    size = 0
    for piece in pieces:
        yield piece
        size += len(piece)
        sent(size)


def md5(data: bytes) -> bytes:
    """Return a checksum that stores use, too; nothing depends on it being hard to forge."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def tag_of(source: Path, size: int) -> str:
    """Return the tag that S3 gives to a file when it is sent by us; other stores do not."""
    if size <= SINGLE:
        with storage_errors(source), open_regular(source) as file:
            return md5(file.read()).hex()
    parts = []
    with storage_errors(source), open_regular(source) as file:
        while piece := file.read(part_size(size)):
            parts.append(md5(piece))
    return f"{md5(b''.join(parts)).hex()}-{len(parts)}"
