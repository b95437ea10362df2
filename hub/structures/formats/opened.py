"""A file on disk, compressed or not, with its first bytes to recognise its format."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_HEAD = 65_536  # bytes to recognise a format by
_SUFFIXES = {".gz", ".bz2", ".xz", ".zip"}


@dataclass(frozen=True)
class Opened:
    """A file of structures.

    Attributes
    ----------
    path
        Path of the file on disk.
    """

    path: Path

    @cached_property
    def name(self) -> str:
        """The file name without the extension of its compression; in a zip, the member's."""
        if self._member:
            return PurePosixPath(self._member).name
        path = Path(self.path.name)
        return path.stem if self.is_packed and path.suffix.lower() in _SUFFIXES else path.name

    @cached_property
    def is_packed(self) -> bool:
        """Whether the file is compressed."""
        return self._unpacker is not None

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB, uncompressed."""
        with self.stream() as stream:
            return stream.read(_HEAD)

    @cached_property
    def text(self) -> str:
        """The head as text; invalid bytes are replaced."""
        return self.head.decode("utf-8", errors="replace")

    @contextmanager
    def stream(self) -> Iterator[IO[bytes]]:
        """Open the uncompressed bytes."""
        unpack = self._unpacker
        with self.path.open("rb") if unpack is None else unpack(self.path) as stream:
            yield stream

    @contextmanager
    def text_stream(self) -> Iterator[IO[str]]:
        """Open the uncompressed text."""
        with self.stream() as stream, TextIOWrapper(stream, encoding="utf-8") as text:
            yield text

    @contextmanager
    def plain(self) -> Iterator[Path]:
        """Give an uncompressed file: the file itself, or a temporary copy."""
        if not self.is_packed:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="mlip-hub-") as folder:
            copy = Path(folder) / self.name
            with self.stream() as packed, copy.open("wb") as stream:
                shutil.copyfileobj(packed, stream)
            yield copy

    @cached_property
    def _magic(self) -> bytes:
        with self.path.open("rb") as stream:
            return stream.read(8)

    @cached_property
    def _unpacker(self) -> Callable[[Path], AbstractContextManager[IO[bytes]]] | None:
        if self._magic.startswith(b"\x1f\x8b"):
            return lambda path: cast("IO[bytes]", gzip.open(path, "rb"))
        if self._magic.startswith(b"BZh"):
            return lambda path: bz2.open(path, "rb")
        if self._magic.startswith(b"\xfd7zXZ\0"):
            return lambda path: lzma.open(path, "rb")
        return self._open_member if self._member else None

    @cached_property
    def _member(self) -> str:
        """The one file inside a zip archive; empty if it is not a zip archive, or is NumPy's."""
        if not self._magic.startswith(b"PK\x03\x04"):
            return ""
        with zipfile.ZipFile(self.path) as archive:
            names = [
                name
                for name in archive.namelist()
                if not name.endswith("/") and not name.startswith("__MACOSX/")
            ]
        if names and all(name.endswith(".npy") for name in names):
            return ""
        if len(names) != 1:
            raise DataError(
                f"is a zip archive of {len(names)} files: {', '.join(names[:5])}",
                "Unpack it, and name the structure files in it.",
            )
        return names[0]

    @contextmanager
    def _open_member(self, path: Path) -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(path) as archive, archive.open(self._member) as stream:
            yield stream
