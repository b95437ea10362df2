"""Read untrusted zip archives written by torch, without unpacking them to disk."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.documents import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_DIRECTORY = 16 << 20  # bytes of the central directory; packages have some 50,000 entries
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may unpack without limit
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
    ValueError, OverflowError,
)  # fmt: skip


class Archive:
    """An open archive with all entries in one folder.

    Parameters
    ----------
    archive
        The open zip file.
    known
        The name of one entry, relative to the folder.

    Raises
    ------
    MalformedError
        If there is no such entry, or several.
    """

    def __init__(self, archive: zipfile.ZipFile, known: str) -> None:
        self._archive = archive
        folders = [
            name.removesuffix(known) for name in archive.namelist() if name.endswith(f"/{known}")
        ]
        if len(folders) != 1:
            raise MalformedError(f"expected one {known} in the archive, found {len(folders)}")
        self._folder = folders[0]

    def size(self, name: str) -> int:
        """Return the uncompressed size of an entry in bytes.

        Raises
        ------
        MalformedError
            If it is missing, or compressed with an unsupported method.
        """
        return self._entry(name).file_size

    def read(self, name: str, largest: int) -> bytes:
        """Return the content of an entry.

        Raises
        ------
        MalformedError
            If it is missing, corrupted or larger than `largest` bytes.
        """
        entry = self._entry(name)
        if entry.file_size > largest:
            raise MalformedError(
                f"{name} is too large ({entry.file_size:,} bytes, maximum {largest:,})"
            )
        with _sound(), self._archive.open(entry) as file:
            content = file.read(entry.file_size)  # reading without a limit may unpack to more
        if len(content) != entry.file_size:
            raise MalformedError(f"{name} ends unexpectedly")
        return content

    def _entry(self, name: str) -> zipfile.ZipInfo:
        try:
            entry = self._archive.getinfo(self._folder + name)
        except KeyError:
            raise MalformedError(f"{name} is missing") from None
        if entry.compress_type not in _METHODS:
            raise MalformedError(f"{name} is compressed with an unsupported method")
        return entry


@contextmanager
def open_archive(path: Path, known: str) -> Iterator[Archive]:
    """Open a zip archive that has an entry named `known` in some folder.

    Raises
    ------
    MalformedError
        If it is not a zip archive, has too many entries, or not exactly one of that name.
    OSError
        If it cannot be read.
    """
    with path.open("rb", buffering=0) as raw, _Bounded(raw) as file:
        with _sound():
            archive = zipfile.ZipFile(file)
        file.largest = None
        with archive:
            yield Archive(archive, known)


class _Bounded(io.BufferedReader):
    """A file that refuses to read more than `largest` bytes at once, if that is set.

    The central directory of a zip archive is read completely, and an entry of a few bytes in it
    takes hundreds of bytes in memory.
    """

    largest: int | None = LARGEST_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        if self.largest is not None and (size or 0) > self.largest:
            raise MalformedError("it has too many entries for a package")
        return super().read(size)


@contextmanager
def _sound() -> Iterator[None]:
    """Turn errors raised for corrupted archives into `MalformedError`."""
    try:
        yield
    except MalformedError:
        raise
    except _DAMAGE as problem:
        raise MalformedError(f"invalid zip archive: {problem}") from problem
