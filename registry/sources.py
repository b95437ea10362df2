"""Published files: their locations and checksums."""

from __future__ import annotations

import hashlib
import logging
from io import BytesIO
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote

from msgspec import Meta, Struct
from msgspec.structs import asdict

from registry.documents import MalformedError, is_sha256
from registry.files import CHUNK, open_regular
from registry.installed import InstalledFile
from registry.manifest import FileEntry, check_path

if TYPE_CHECKING:
    from pathlib import Path

Text = Annotated[str, Meta(min_length=1)]
Size = Annotated[int, Meta(ge=0, le=1 << 50)]

# A file that matches fewer digits of a sha256 can be made by brute force.
TRUSTED_DIGITS = 16

logger = logging.getLogger(__name__)

_Found = TypeVar("_Found", "Source", InstalledFile)


class Source(Struct, frozen=True):
    """The location and the checksum of a published file.

    Parameters
    ----------
    repository, commit, path
        The repository and commit in which it was published, and its path.
    url
        Its address.
    size
        In bytes, if known.
    sha256
        Its sha256 in hexadecimal, or the first twelve or more digits if no more are known.
    git_blob
        Its git blob SHA-1, if known.
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
        """Whether size and sha256 are known, so that the file can be stored as a blob."""
        return self.size is not None and is_sha256(self.sha256)

    @property
    def entry(self) -> FileEntry:
        """The file, with its size and sha256; only of an exact source."""
        if self.size is None:
            raise ValueError(f"the size of {self.path} is unknown")
        return FileEntry(self.path, self.size, self.sha256)

    @property
    def mirror_path(self) -> str:
        """Its path in a mirror: the repository's own name, then the path in it."""
        return f"{self.repository.rpartition('/')[2]}/{self.path}"

    def facts(self) -> dict[str, Any]:
        """Return its description for a manifest."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}

    def difference(self, file: Path, sha256: str) -> str:
        """Return how a file of this size and sha256 differs from the published one; else empty."""
        if not sha256.startswith(self.sha256):
            return f"of sha256 {sha256[: len(self.sha256)]}, not {self.sha256}"
        if self.git_blob and (found := git_blob_of(file)) != self.git_blob:
            return f"of git blob {found}, not {self.git_blob}"
        if self.sha256 and len(self.sha256) < TRUSTED_DIGITS and not self.git_blob:
            logger.warning(
                "%s is verified by only %d digits of its sha256, which a forged file could match; "
                "the sha256 of the downloaded file is %s",
                self.url,
                len(self.sha256),
                sha256,
            )
        return ""


def git_blob_of(content: Path | bytes) -> str:
    """Return the git blob SHA-1 of a file, or of its bytes."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    hashed = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with BytesIO(content) if isinstance(content, bytes) else open_regular(content) as file:
        while piece := file.read(CHUNK):
            hashed.update(piece)
    return hashed.hexdigest()


class _Pinned(Struct, forbid_unknown_fields=True):
    """A file of a place; the other fields belong to the place."""

    path: Text
    size: Size | None = None
    sha256: Annotated[str, Meta(pattern="^([0-9a-f]{12,64})?$")] = ""
    git_blob: Annotated[str, Meta(pattern="^([0-9a-f]{40})?$")] = ""


class _Place(Struct, forbid_unknown_fields=True):
    """An item of a card's ``sources``."""

    repository: Text
    commit: Text
    url: Text
    files: Annotated[list[_Pinned], Meta(min_length=1)]


class _Exact(Struct, forbid_unknown_fields=True):
    """A card's ``source``."""

    repository: Text
    commit: Text
    path: Text
    url: Text
    size: Size
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class _Installed(Struct, forbid_unknown_fields=True):
    """A card's ``installed``."""

    package: Annotated[str, Meta(pattern="^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
    path: Text
    size: Size
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    extra: Annotated[str, Meta(pattern="^[a-z0-9-]+$")]


class Published(Struct, kw_only=True):
    """The files of a card: one known exactly, places with files, or an installed one."""

    source: _Exact | None = None
    sources: Annotated[list[_Place], Meta(min_length=1)] | None = None
    installed: _Installed | None = None


def sources_of(published: Published) -> tuple[Source | InstalledFile, ...]:
    """Return a card's published files, in the order of the card.

    Raises
    ------
    MalformedError
        If there are none, or a path leads out of its repository.
    """
    if published.source is not None:
        return (_checked(Source(**asdict(published.source)), "source"),)
    if published.installed is not None:
        return (_checked(InstalledFile(**asdict(published.installed)), "installed"),)
    if published.sources is None:
        raise MalformedError("Object missing required field `source`, `sources` or `installed`")
    return tuple(
        _checked(
            Source(
                repository=place.repository,
                commit=place.commit,
                url=f"{place.url.rstrip('/')}/{quote(file.path)}",
                **asdict(file),
            ),
            f"sources[{outer}].files[{inner}]",
        )
        for outer, place in enumerate(published.sources)
        for inner, file in enumerate(place.files)
    )


def _checked(source: _Found, where: str) -> _Found:
    try:
        check_path(source.path)
    except ValueError as problem:
        raise MalformedError(f"'{where}.path': {problem}") from problem
    return source
