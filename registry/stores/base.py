"""What every place that keeps a registry can do, and the one layout that all of them share.

A registry is a tree of files, whatever keeps it:

    registry.json                format and name
    index.json                   the list of names
    index/<name>.json            a page a name: its versions, digests, aliases
    manifests/<digest>.json      one a version
    blobs/<2 hex>/<sha256>       the content of files, each once

Where ``registry.json`` says format 1, all names with their versions stand in ``index.json``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from registry.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from registry.manifest import FileEntry

MARKER = "registry.json"
INDEX = "index"


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


@runtime_checkable
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


@runtime_checkable
class WritableStore(Store, Protocol):
    """A place that versions can be published to."""

    def put_file(self, path: str, source: Path, entry: FileEntry) -> bool:
        """Keep a copy of `source`, verified against `entry`, whole or not at all.

        Returns whether it had to be written: what is there already is left, as if just written.
        """

    def put_bytes(self, path: str, data: bytes) -> bool:
        """Keep `data`, whole or not at all; returns as `put_file` does."""

    def swap(self, path: str, data: bytes, expected: bytes | None) -> bool:
        """Put `data` in the place of `expected` (None: of nothing), if just that is there.

        Of several that do so at once one succeeds. Returns whether it was this one.
        """

    def holds(self, path: str, entry: FileEntry) -> bool:
        """Whether there is a file at `path` of the size that `entry` says."""

    def list(self, prefix: str) -> list[str]:
        """Return the paths of the files below the folder `prefix`."""

    def claim(self) -> None:
        """Make the place ours, if it is new, empty or a registry: we may clean up in it."""

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Keep other writers out meanwhile, where the place can."""

    def sweep(self) -> None:
        """Remove what killed writers left."""


class LateStore:
    """A store that is made when its first file is asked for.

    So a registry that is not needed costs nothing, and harms nothing when it cannot be opened.

    Parameters
    ----------
    location
        Where it is, in words that may be shown.
    make
        Makes the store.
    """

    def __init__(self, location: str, make: Callable[[], Store]) -> None:
        self._location = location
        self._make = make

    @property
    def location(self) -> str:
        """Where it is."""
        return self._location

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the file at `path`, at byte `start` if the store can skip."""
        return self.made.open(path, start)

    @cached_property
    def made(self) -> Store:
        """The store itself; raises what making it raises."""
        return self._make()


def as_writable(store: Store) -> WritableStore | None:
    """Return `store` as one to publish to; None if it can only be read."""
    made = store.made if isinstance(store, LateStore) else store
    return made if isinstance(made, WritableStore) else None


def writable(store: Store) -> WritableStore:
    """Return `store` as one to publish to.

    Raises
    ------
    StorageError
        If it can only be read.
    """
    found = as_writable(store)
    if found is None:
        raise StorageError(
            f"{store.location} can be read only",
            "Publish to the directory that it is served from.",
        )
    return found
