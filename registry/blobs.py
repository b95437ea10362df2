"""Content-addressed files: each content is kept once, read-only, under its own sha256."""

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


class DamagedBlobError(IntegrityError):
    """A blob on this disk is not what its name says. It has been dropped."""


class Blobs:
    """The blobs of a registry on this disk, with the parts of those that are still on their way."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parts = root / "parts"

    def path(self, sha256: str) -> Path:
        """Return where the content with this sha256 is, or would be."""
        return self.root / blob_path(sha256)

    def part(self, sha256: str) -> Path:
        """Return where the content with this sha256 gathers until it is whole."""
        return self.parts / f"{sha256}.part"

    def lock(self, sha256: str, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Keep others from fetching the same content meanwhile."""
        return locked(self.root / "locks" / f"{sha256}.lock", waiting)

    def has(self, entry: FileEntry) -> bool:
        """Whether the content is here, by its size; it is hashed when it is checked out."""
        path = self.path(entry.sha256)
        with storage_errors(path):
            return path.is_file() and path.stat().st_size == entry.size

    def adopt_part(self, entry: FileEntry) -> None:
        """Make a part, which the caller has verified, a blob."""
        settle(self.part(entry.sha256), self.path(entry.sha256), READ_ONLY)

    def drop(self, sha256: str) -> None:
        """Remove a blob; raises `StorageError` if it lies behind a link."""
        path = self.path(sha256)
        require_real_way(path.parent, self.root)
        remove(path)

    def check_out(self, files: Iterable[FileEntry], target: Path, *, link: bool) -> None:
        """Make `target` a plain directory that holds `files`, hashed again on the way.

        Parameters
        ----------
        files
            Which files, under which names.
        target
            The directory to make. With `link` one that stands there is replaced, else it is empty.
        link
            Whether files may share their bytes with the blobs; they are read-only then.

        Raises
        ------
        DamagedBlobError
            If blobs are not what they should be; they are dropped, to be fetched again.
        """
        # A user's own directory may lie on another file system than ours: work beside it.
        with scratch_directory(self.parts if link else target.parent) as scratch:
            damaged = [entry for entry in files if not self._place(entry, scratch, link=link)]
            if damaged:
                names = ", ".join(sorted(entry.path for entry in damaged))
                raise DamagedBlobError(f"the kept content of {names} is damaged")
            with storage_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                # Of a user's own directory it is known that it is new or empty.
                if link and is_real_directory(target):
                    with scratch_directory(scratch.parent) as trash:
                        target.replace(trash)
                scratch.replace(target)

    def _place(self, entry: FileEntry, directory: Path, *, link: bool) -> bool:
        """Put one file into a directory; drop its blob, and say so, if that is damaged."""
        placed = directory / entry.path
        place(self.path(entry.sha256), placed, link=link)
        if is_intact(placed, entry):
            return True
        self.drop(entry.sha256)
        return False
