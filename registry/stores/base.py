"""The interface of stores, and the layout of a registry in them.

A registry is a tree of files, whatever the store:

    registry.json                format and name
    index.json                   the list of names
    index/<name>.json            one page per name: its versions, digests, aliases
    manifests/<digest>.json      one per version
    blobs/<2 hex>/<sha256>       the content of files, each stored once

If ``registry.json`` says format 1, all names with their versions are in ``index.json``.
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
    """Return the path of the manifest with this digest."""
    return f"manifests/{digest}.json"


def blob_path(sha256: str) -> str:
    """Return the path of the content with this sha256."""
    return f"blobs/{sha256[:2]}/{sha256}"


class TransientError(Exception):
    """A failure that may not recur on a retry; never leaves this package.

    Parameters
    ----------
    reason
        What happened.
    wait
        Seconds that the server asks to wait.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Body(Protocol):
    """A source of bytes: a file or a response."""

    def read(self, count: int, /) -> bytes:
        """Return up to `count` bytes, and none at the end."""

    def close(self) -> None:
        """Close the file or connection."""


class Stream:
    """The bytes of one file from some offset on.

    Parameters
    ----------
    body
        Where to read them.
    start
        The offset of the first byte. It is 0, whatever was requested, if a store cannot skip.
    size
        The size of the whole file in bytes, if the store gives it.
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
    """A place from which files are read."""

    @property
    def location(self) -> str:
        """Its location, without secrets."""

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the file at `path`, at byte `start` if the store can skip.

        Raises
        ------
        NotFoundError
            If there is no such file.
        TransientError
            If a retry may succeed.
        RegistryError
            If it cannot.
        """


@runtime_checkable
class WritableStore(Store, Protocol):
    """A place to which versions can be published."""

    def put_file(
        self,
        path: str,
        source: Path,
        entry: FileEntry,
        sent: Callable[[int], None] | None = None,
    ) -> bool:
        """Store a copy of `source`, verified against `entry`, atomically.

        A store that takes long calls `sent` with the number of bytes that it has. Returns whether
        it had to be written: an existing copy is kept, as if just written.
        """

    def put_bytes(self, path: str, data: bytes) -> bool:
        """Store `data` atomically; returns like `put_file`."""

    def swap(self, path: str, data: bytes, expected: bytes | None) -> bool:
        """Replace `expected` (None: no file) by `data`, if exactly that is there.

        Of several concurrent callers one succeeds. Returns whether it was this one.
        """

    def holds(self, path: str, entry: FileEntry) -> bool:
        """Whether there is a file at `path` of the size that `entry` says."""

    def list(self, prefix: str) -> list[str]:
        """Return the paths of the files below the folder `prefix`."""

    def claim(self) -> None:
        """Mark the place as ours, so that we may clean up, if it is new, empty or a registry."""

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Exclude other writers in the meantime, if the place supports it."""

    def sweep(self) -> None:
        """Remove the leftovers of killed writers."""


@runtime_checkable
class RepairableStore(WritableStore, Protocol):
    """A writable store whose damaged documents can be moved out of the way."""

    def peek(self, path: str) -> bytes | None:
        """Return the bytes of the file at `path`, without following links; None if none is there.

        Raises
        ------
        RegistryError
            If it cannot be read.
        """

    def remove(self, path: str) -> None:
        """Remove the file at `path`, if there is one."""


class LateStore:
    """A store that is made when its first file is requested.

    A registry that is not needed thus costs nothing, and does no harm if it cannot be opened.

    Parameters
    ----------
    location
        Its location, without secrets.
    make
        Makes the store.
    """

    def __init__(self, location: str, make: Callable[[], Store]) -> None:
        self._location = location
        self._make = make

    @property
    def location(self) -> str:
        """Its location."""
        return self._location

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the file at `path`, at byte `start` if the store can skip."""
        return self.made.open(path, start)

    @cached_property
    def made(self) -> Store:
        """The store itself; raises whatever making it raises."""
        return self._make()


def as_writable(store: Store) -> WritableStore | None:
    """Return `store` as a writable store; None if it is read-only."""
    made = store.made if isinstance(store, LateStore) else store
    return made if isinstance(made, WritableStore) else None


def writable(store: Store) -> WritableStore:
    """Return `store` as a writable store.

    Raises
    ------
    StorageError
        If it is read-only.
    """
    found = as_writable(store)
    if found is None:
        raise StorageError(
            f"{store.location} is read-only",
            "Publish to the directory from which it is served.",
        )
    return found
