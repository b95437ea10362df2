"""What every place that keeps a registry can do, and the one layout that all of them share.

A registry is a tree of files, whatever keeps it:

    registry.json                format and name
    index.json                   names, versions, digests, aliases
    manifests/<digest>.json      one a version
    blobs/<2 hex>/<sha256>       the content of files, each once
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from registry.manifest import FileEntry

MARKER = "registry.json"
INDEX = "index.json"


def manifest_path(digest: str) -> str:
    """Return where the manifest with this digest is kept."""
    return f"manifests/{digest}.json"


def blob_path(sha256: str) -> str:
    """Return where the content with this sha256 is kept."""
    return f"blobs/{sha256[:2]}/{sha256}"


class TransientError(Exception):
    """Something that may go better if tried again; never leaves this package.

    Parameters
    ----------
    reason
        What happened.
    wait
        Seconds that the server asks to be left alone.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Body(Protocol):
    """What bytes are read from: a file, or a response."""

    def read(self, count: int, /) -> bytes:
        """Return up to `count` bytes, and none at the end."""

    def close(self) -> None:
        """Let go of the file or connection."""


class Stream:
    """The bytes of one file, from some offset on.

    Parameters
    ----------
    body
        Where to read them.
    start
        The offset of the first byte. It is 0, whatever was asked for, where a store cannot skip.
    size
        The bytes of the whole file, where the store says.
    """

    def __init__(self, body: Body, start: int, size: int | None) -> None:
        self.body = body
        self.start = start
        self.size = size

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, and none at the end; raises `TransientError`."""
        return self.body.read(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.body.close()


class Store(Protocol):
    """A place that files are read from."""

    @property
    def location(self) -> str:
        """Where it is, in words that may be shown."""

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the file at `path`, at byte `start` if the store can skip.

        Raises
        ------
        NotFoundError
            If there is no such file.
        TransientError
            If it may go better when tried again.
        RegistryError
            If it may not.
        """


class WritableStore(Store, Protocol):
    """A place that versions can be published to."""

    def put_file(self, path: str, source: Path, entry: FileEntry) -> None:
        """Keep a copy of `source`, verified against `entry`, whole or not at all."""

    def put_bytes(self, path: str, data: bytes) -> None:
        """Keep `data`, whole or not at all."""

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Keep other writers out meanwhile."""

    def sweep(self) -> None:
        """Remove what killed writers left."""
