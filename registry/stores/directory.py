"""A registry in a plain directory: on this disk, a mounted one, or behind ``file://``."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from registry.errors import IntegrityError, NotFoundError
from registry.files import (
    READ_ONLY,
    is_intact,
    locked,
    open_regular,
    replacing,
    storage_errors,
    sweep,
    write_atomically,
)
from registry.stores.base import Stream

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from registry.manifest import FileEntry


class DirectoryStore:
    """Read and write the files of a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # Parts lie on the same file system as what they become, so that a rename is atomic.
        self.parts = root / "parts"

    @property
    def location(self) -> str:
        """The directory's path."""
        return str(self.root)

    def path(self, path: str) -> Path:
        """Return where a file of the store lies on the disk."""
        return self.root / path

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the file at `path` at byte `start`."""
        target = self.path(path)
        with storage_errors(target):
            try:
                file = open_regular(target)
            except (FileNotFoundError, NotADirectoryError) as problem:
                raise NotFoundError(f"there is no file {target}") from problem
            size = file.seek(0, os.SEEK_END)
            file.seek(start)
            return Stream(file, start, size)

    def put_file(self, path: str, source: Path, entry: FileEntry) -> None:
        """Keep a read-only copy of `source`, verified against `entry`."""
        target = self.path(path)
        if is_intact(target, entry):
            return
        with replacing(target, self.parts, READ_ONLY) as temporary:
            shutil.copyfile(source, temporary)
            if not is_intact(temporary, entry):
                raise IntegrityError(
                    f"{source} changed while it was being published",
                    "Publish again when nothing writes to it.",
                )

    def put_bytes(self, path: str, data: bytes) -> None:
        """Keep `data`, whole or not at all."""
        write_atomically(self.path(path), data, self.parts)

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Keep other writers out meanwhile."""
        return locked(self.root / "locks" / f"{name}.lock")

    def sweep(self) -> None:
        """Remove what killed writers left."""
        sweep(self.parts)
