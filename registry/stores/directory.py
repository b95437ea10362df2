"""A registry in a plain directory: on this disk, a mounted one, or behind ``file://``."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from registry.documents import digest_of, parse_document
from registry.errors import IncompatibleError, IntegrityError, NotFoundError
from registry.files import (
    READ_ONLY,
    STALE_AFTER,
    files_below,
    is_intact,
    open_regular,
    replacing,
    size_of,
    storage_errors,
    write_atomically,
)
from registry.lock import alone
from registry.outputs import require_file, require_real_way
from registry.removal import MARKER_NAME, is_real_directory, is_real_file, mark, sweep
from registry.stores.base import INDEX, MARKER, Stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from registry.manifest import FileEntry

# The names that the folder of a registry or a cache may contain at its top level.
_LAYOUT = {
    MARKER,
    MARKER_NAME,
    INDEX,
    f"{INDEX}.json",
    *(
        "manifests",
        "blobs",
        "parts",
        "locks",
        "origins",
        "versions",
        "partial",
        "seen",
        "set-aside",
    ),
}


class DirectoryStore:
    """Read and write the files of a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # On the same file system as the final files, so that a rename is atomic.
        self.parts = root / "parts"

    @property
    def location(self) -> str:
        """The directory's path."""
        return str(self.root)

    def path(self, path: str) -> Path:
        """Return the path on disk of a file in the store."""
        return self.root / path

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the file at `path` at byte `start`."""
        target = self.path(path)
        with storage_errors(target):
            try:
                file = open_regular(target)
            except (FileNotFoundError, NotADirectoryError) as problem:
                raise NotFoundError(f"{target} not found") from problem
            size = file.seek(0, os.SEEK_END)
            file.seek(start)
            return Stream(file, start, size)

    def put_file(
        self,
        path: str,
        source: Path,
        entry: FileEntry,
        sent: Callable[[int], None] | None = None,  # noqa: ARG002 - a copy takes no time
    ) -> bool:
        """Store a read-only copy of `source`, verified against `entry`."""
        from shutil import copyfile  # slow to import

        target = self.path(path)
        if is_intact(target, entry) and _refresh(target):
            return False
        with replacing(target, self.parts, READ_ONLY) as temporary:
            copyfile(source, temporary)
            if not is_intact(temporary, entry):
                raise IntegrityError(
                    f"{source} changed while it was being published",
                    "Publish again when no other process writes to it.",
                )
        return True

    def put_bytes(self, path: str, data: bytes) -> bool:
        """Store `data` atomically."""
        target = self.path(path)
        if self._bytes(target) == data and _refresh(target):
            return False
        write_atomically(target, data, self.parts)
        return True

    def swap(self, path: str, data: bytes, expected: bytes | None) -> bool:
        """Replace `expected` by `data`, if exactly that is there.

        A directory has no such operation: a separate lock excludes other swaps of the same file.
        """
        target = self.path(path)
        require_file(target)
        require_real_way(target.parent, self.root)
        with self.locked(f"swap-{digest_of(path.encode())[:16]}"):
            if self._bytes(target) != expected:
                return False
            write_atomically(target, data, self.parts)
            return True

    def holds(self, path: str, entry: FileEntry) -> bool:
        """Whether there is a file at `path` of the size that `entry` says."""
        target = self.path(path)
        return is_real_file(target) and size_of(target) == entry.size

    def list(self, prefix: str) -> list[str]:
        """Return the paths of the files below `prefix`; links are not followed."""
        folder = self.path(prefix)
        if not is_real_directory(folder):
            return []
        return sorted(path.relative_to(self.root).as_posix() for path in files_below(folder))

    def claim(self) -> None:
        """Write our marker if the directory is new, empty, a registry or a cache."""
        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            if os.access(self.root, os.W_OK) and self._is_ours():
                mark(self.root)

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Exclude other writers in the meantime."""
        return alone(self.root / "locks" / f"{name}.lock", lambda: None)

    def sweep(self) -> None:
        """Remove the leftovers of killed writers."""
        # The root may be a link that its owner chose; links inside it are refused.
        sweep(self.root.resolve(), STALE_AFTER)

    def peek(self, path: str) -> bytes | None:
        """Return the bytes of the file at `path`; None if it is not a regular file."""
        return self._bytes(self.path(path))

    def remove(self, path: str) -> None:
        """Remove the file at `path`; raises `StorageError` if it is reached through a link."""
        target = self.path(path)
        require_file(target)
        require_real_way(target.parent, self.root)
        with storage_errors(target):
            target.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        """Whether the directory is empty, or laid out as a registry or a cache."""
        marker = self._bytes(self.root / MARKER)
        if marker is None:
            return all(path.name in _LAYOUT for path in self.root.iterdir())
        try:
            parse_document(marker, MARKER, 2)
        except (IntegrityError, IncompatibleError):
            return False
        return True

    def _bytes(self, target: Path) -> bytes | None:
        with storage_errors(target), suppress(FileNotFoundError):
            if is_real_file(target):
                return target.read_bytes()
        return None


def _refresh(target: Path) -> bool:
    """Refresh the time stamp of a file in use, so that it is not cleaned up as a leftover.

    Returns False if it has just been cleaned up.
    """
    with storage_errors(target):
        try:
            os.utime(target)
        except FileNotFoundError:
            return False
        except PermissionError:
            pass  # It belongs to another user.
    return True
