"""The versions shipped with the package: a read-only registry inside it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import IntegrityError, NotFoundError, OfflineError, StorageError
from registry.origins import BUILTIN
from registry.registry import Registry
from registry.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry.blobs import Blobs
    from registry.download import Progress, Retries
    from registry.index import Entry
    from registry.manifest import FileEntry
    from registry.stores.base import WritableStore

FOLDER = Path(__file__).resolve().parent / "_shipped"


class ShippedRegistry(Registry):
    """The registry shipped with the package. If it is damaged, reinstalling repairs it.

    Parameters
    ----------
    folder
        Its location; inside the package by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(BUILTIN, DirectoryStore(folder or FOLDER))

    def names(self) -> set[str]:
        """Return all names; raises `IntegrityError`."""
        with _damage():
            return super().names()

    def entry(self, name: str, retries: Retries | None = None) -> Entry | None:
        """Return the entry of a name, or None; raises `IntegrityError`."""
        with _damage():
            return super().entry(name, retries)

    def entries(self, names: Iterable[str] | None = None) -> dict[str, Entry]:
        """Return the entries of these names, or of all; raises `IntegrityError`."""
        with _damage():
            return super().entries(names)

    def manifest_bytes(self, digest: str) -> bytes:
        """Read the manifest with this digest, and verify it; raises `IntegrityError`."""
        with _damage():
            return super().manifest_bytes(digest)

    def fetch(
        self, entries: Sequence[FileEntry], blobs: Blobs, progress: Progress | None = None
    ) -> None:
        """Copy the content of files into the blobs; raises `IntegrityError`, `StorageError`."""
        with _damage():
            super().fetch(entries, blobs, progress)

    def writable(self) -> WritableStore:
        """Refuse to be written."""
        raise StorageError(
            "the built-in registry is part of mlip-hub and read-only",
            "Publish to a registry of your own: give its name, or ./directory.",
        )


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, NotFoundError, OfflineError) as problem:
        raise IntegrityError(
            f"the installation of mlip-hub is damaged: {problem.message}",
            "Reinstall it: pip install --force-reinstall --no-deps mlip-hub",
        ) from problem
