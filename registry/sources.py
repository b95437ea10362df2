"""Published files: where they are, and by what they are known."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from registry.documents import is_sha256
from registry.errors import IntegrityError, RegistryError
from registry.files import CHUNK, open_regular, sha256_of, storage_errors
from registry.manifest import FileEntry, check_path

if TYPE_CHECKING:
    from pathlib import Path

_SHA256_BEGINNING = re.compile("[0-9a-f]{12,64}")
_GIT_BLOB = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Source:
    """Where a published file is, and what it must be.

    Parameters
    ----------
    repository, commit, path
        Where it was published, and in which state.
    url
        Its address.
    size
        In bytes, where it is known.
    sha256
        Its sha256 in hexadecimal, or the first twelve or more digits where no more are known.
    git_blob
        The SHA-1 that git knows the file by, where that is what is known.
    """

    repository: str
    commit: str
    path: str
    url: str
    size: int | None = None
    sha256: str = ""
    git_blob: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether size and sha256 are known, so that the file can be kept as a blob."""
        return self.size is not None and is_sha256(self.sha256)

    @property
    def entry(self) -> FileEntry:
        """The file, with its size and sha256; only of an exact source."""
        if self.size is None:
            raise ValueError(f"the size of {self.path} is not known")
        return FileEntry(self.path, self.size, self.sha256)

    @property
    def mirror_path(self) -> str:
        """Where a mirror holds the file: the repository's own name, then the path in it."""
        return f"{self.repository.rpartition('/')[2]}/{self.path}"

    def facts(self) -> dict[str, Any]:
        """Return what is known of it, for a manifest."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}

    def check(self, file: Path) -> None:
        """Compare a file with all that is known of the published one.

        Raises
        ------
        IntegrityError
            If it is another.
        """
        with storage_errors(file):
            size = file.stat().st_size
            found = [("bytes", str(size), str(self.size or size))]
            if self.sha256:
                found.append(("sha256", sha256_of(file)[: len(self.sha256)], self.sha256))
            if self.git_blob:
                found.append(("git blob", git_blob_of(file), self.git_blob))
        for what, here, wanted in found:
            if here != wanted:
                raise IntegrityError(
                    f"{self.url} is not the published {self.path}: {what} {here}, not {wanted}",
                    "Nothing of it was kept. Somebody has changed the file, or a proxy rewrites "
                    "it.",
                )


def git_blob_of(path: Path) -> str:
    """Return the SHA-1 that git knows a file's content by."""
    hashed = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open_regular(path) as file:
        while piece := file.read(CHUNK):
            hashed.update(piece)
    return hashed.hexdigest()


def parse_source(content: Any) -> Source:
    """Read a card's ``source``: one file that is known exactly.

    Raises
    ------
    FieldError
        If a field is missing or wrong.
    """
    fields = _mapping(content, "source")
    source = Source(
        **{key: _text(fields, key, "source") for key in ("repository", "commit", "path", "url")},
        size=_size(fields, "source"),
        sha256=_text(fields, "sha256", "source"),
    )
    if source.size is None:
        raise FieldError("source.size", "a number of bytes")
    if not is_sha256(source.sha256):
        raise FieldError("source.sha256", "64 hexadecimal digits")
    return _with_good_path(source, "source")


def parse_sources(content: Any) -> tuple[Source, ...]:
    """Read a card's ``sources``: places, each with its files, in the order of the card.

    Raises
    ------
    FieldError
        If a field is missing or wrong.
    """
    if not isinstance(content, list) or not content:
        raise FieldError("sources", "a list of places with files")
    return tuple(
        _file_of(_mapping(place, f"sources[{n}]"), _mapping(file, where), f"sources[{n}]", where)
        for n, place in enumerate(content)
        for file, where in _files(place, f"sources[{n}]")
    )


class FieldError(RegistryError):
    """A card's field is not what it must be.

    Parameters
    ----------
    name
        Of the field.
    wanted
        What it must be.
    """

    def __init__(self, name: str, wanted: str) -> None:
        super().__init__(f"the front matter's {name!r} must be {wanted}")
        self.name = name
        self.wanted = wanted


def _files(place: Any, where: str) -> list[tuple[Any, str]]:
    files = _mapping(place, where).get("files")
    if not isinstance(files, list) or not files:
        raise FieldError(f"{where}.files", "a list of files")
    return [(file, f"{where}.files[{n}]") for n, file in enumerate(files)]


def _file_of(place: dict[str, Any], file: dict[str, Any], outer: str, where: str) -> Source:
    path = _text(file, "path", where)
    source = Source(
        repository=_text(place, "repository", outer),
        commit=_text(place, "commit", outer),
        path=path,
        url=f"{_text(place, 'url', outer).rstrip('/')}/{quote(path)}",
        size=_size(file, where),
        sha256=_pin(file, "sha256", _SHA256_BEGINNING, "12 to 64 hexadecimal digits", where),
        git_blob=_pin(file, "git_blob", _GIT_BLOB, "40 hexadecimal digits", where),
    )
    return _with_good_path(source, where)


def _with_good_path(source: Source, where: str) -> Source:
    try:
        check_path(source.path)
    except ValueError as problem:
        raise FieldError(f"{where}.path", "a path inside the repository") from problem
    return source


def _mapping(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise FieldError(where, "a mapping")
    return content


def _text(fields: dict[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise FieldError(f"{where}.{name}", "some text (in quotes, if it looks like a number)")
    return value


def _size(fields: dict[str, Any], where: str) -> int | None:
    size = fields.get("size")
    if size is not None and type(size) is not int:
        raise FieldError(f"{where}.size", "a number of bytes")
    return size


def _pin(
    fields: dict[str, Any], name: str, pattern: re.Pattern[str], wanted: str, where: str
) -> str:
    value = fields.get(name, "")
    if value and not (isinstance(value, str) and pattern.fullmatch(value)):
        raise FieldError(f"{where}.{name}", wanted)
    return str(value)
