"""Zip archives that come from outside, as torch writes them: nothing is unpacked to disk."""

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

LARGEST_DIRECTORY = 16 << 20  # bytes of the table of entries; packages have some 50,000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack without limit
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
    ValueError, OverflowError,
)  # fmt: skip


class Archive:
    """An open archive, all of whose entries lie in one folder.

    Parameters
    ----------
    archive
        The open zip file.
    known
        The end of one entry's name, below the folder.

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
            raise MalformedError(f"it holds {len(folders) or 'no'} {known}, where one belongs")
        self._folder = folders[0]

    def size(self, name: str) -> int:
        """Return the bytes of an entry, unpacked.

        Raises
        ------
        MalformedError
            If it is missing, or packed in an unusual way.
        """
        return self._entry(name).file_size

    def read(self, name: str, largest: int) -> bytes:
        """Return the content of an entry.

        Raises
        ------
        MalformedError
            If it is missing, damaged or has more bytes than `largest`.
        """
        entry = self._entry(name)
        if entry.file_size > largest:
            raise MalformedError(f"{name} has {entry.file_size:,} bytes, more than {largest:,}")
        with _sound(), self._archive.open(entry) as file:
            content = file.read()  # never more than the size that was looked at
        if len(content) != entry.file_size:
            raise MalformedError(f"{name} ends early")
        return content

    def _entry(self, name: str) -> zipfile.ZipInfo:
        try:
            entry = self._archive.getinfo(self._folder + name)
        except KeyError:
            raise MalformedError(f"it holds no {name}") from None
        if entry.compress_type not in _METHODS:
            raise MalformedError(f"{name} is packed in a way that torch does not know")
        return entry


@contextmanager
def open_archive(path: Path, known: str) -> Iterator[Archive]:
    """Open a zip archive that has an entry of the name `known` in some folder.

    Raises
    ------
    MalformedError
        If it is no zip archive, has too many entries, or not one of that name.
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
    """A file that gives no more at once than `largest` bytes, if that is set.

    The table of a zip archive is read whole, and has entries of a few bytes that take hundreds.
    """

    largest: int | None = LARGEST_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        if self.largest is not None and (size or 0) > self.largest:
            raise MalformedError("it has more entries than any package")
        return super().read(size)


@contextmanager
def _sound() -> Iterator[None]:
    """Turn what is raised for damaged archives into `MalformedError`."""
    try:
        yield
    except MalformedError:
        raise
    except _DAMAGE as problem:
        raise MalformedError(f"no sound zip archive: {problem}") from problem
