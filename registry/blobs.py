"""Content-addressed files: each content is stored once, read-only, under its sha256."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import IntegrityError
from registry.files import (
    READ_ONLY,
    is_intact,
    locked,
    place,
    scratch_directory,
    settle,
    size_of,
    storage_errors,
)
from registry.outputs import require_real_way
from registry.removal import is_real_directory, remove
from registry.stores.base import blob_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from registry.manifest import FileEntry


# Device, inode, size and time of the last change of the bytes.
_Trace = tuple[int, int, int, int]


class DamagedBlobError(IntegrityError):
    """A local blob does not match its sha256. It has been removed."""


class Blobs:
    """The blobs of a local registry, and the partial downloads of those still being fetched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parts = root / "parts"
        self._adopted: dict[str, _Trace] = {}

    def path(self, sha256: str) -> Path:
        """Return the path of the content with this sha256, whether it exists or not."""
        return self.root / blob_path(sha256)

    def part(self, sha256: str) -> Path:
        """Return the path of the partial download of the content with this sha256."""
        return self.parts / f"{sha256}.part"

    def lock(self, sha256: str, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Prevent others from fetching the same content at the same time."""
        return locked(self.root / "locks" / f"{sha256}.lock", waiting)

    def has(self, entry: FileEntry) -> bool:
        """Whether the content is present, judged by its size; check-out verifies the hash."""
        return size_of(self.path(entry.sha256)) == entry.size

    def adopt_part(self, entry: FileEntry) -> None:
        """Turn a partial download that the caller has verified into a blob."""
        path = self.path(entry.sha256)
        settle(self.part(entry.sha256), path, READ_ONLY)
        self._adopted[entry.sha256] = _trace(path)

    def drop(self, sha256: str) -> None:
        """Remove a blob; raises `StorageError` if its folder is reached through a link."""
        path = self.path(sha256)
        require_real_way(path.parent, self.root)
        remove(path)

    def check_out(self, files: Iterable[FileEntry], target: Path, *, link: bool) -> None:
        """Make `target` a plain directory that contains `files`; verify each hash on the way.

        The hash of a blob that this object has just adopted was verified as its bytes arrived.

        Parameters
        ----------
        files
            The files and their paths in the directory.
        target
            The directory to make. With `link` an existing one is replaced, else it must be empty.
        link
            Whether files may share their bytes with the blobs, in which case they are read-only.

        Raises
        ------
        DamagedBlobError
            If blobs are corrupted; they are removed so that they are fetched again.
        """
        # A user's own directory may be on another file system: work next to it.
        with scratch_directory(self.parts if link else target.parent) as scratch:
            damaged = [entry for entry in files if not self._place(entry, scratch, link=link)]
            if damaged:
                names = ", ".join(sorted(entry.path for entry in damaged))
                raise DamagedBlobError(f"the stored content of {names} is corrupted")
            with storage_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                # A user's own directory was checked to be new or empty.
                if link and is_real_directory(target):
                    with scratch_directory(scratch.parent) as trash:
                        target.replace(trash)
                scratch.replace(target)

    def _place(self, entry: FileEntry, directory: Path, *, link: bool) -> bool:
        """Put one file into a directory; return False and remove its blob if that is corrupted."""
        placed, blob = directory / entry.path, self.path(entry.sha256)
        adopted = self._adopted.get(entry.sha256)
        is_untouched = adopted is not None and adopted == _trace(blob)
        shares_bytes = place(blob, placed, link=link)
        if (is_untouched and shares_bytes) or is_intact(placed, entry):
            return True
        self.drop(entry.sha256)
        return False


def _trace(path: Path) -> _Trace:
    """Return what of a file changes when it is replaced or written to; links do not change it."""
    with storage_errors(path):
        found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
