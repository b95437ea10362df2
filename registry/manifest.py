"""Manifest of an immutable version: files with size and sha256, kind, metadata, licence, parents.

A manifest is stored as canonical JSON, and the sha256 of those bytes is the version's digest.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec

from registry.documents import MalformedError, canonical_json, fit, parse_document
from registry.errors import IntegrityError, InvalidReferenceError
from registry.references import DIGEST_PREFIX, check_name, check_version, is_reserved_name

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = 2
MOST_FILES = 100_000
MOST_PARTS = 32
LONGEST_PART = 255  # bytes

Kind = Literal["model", "dataset"]
KINDS = get_args(Kind)
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**62)]

_NOT_ON_WINDOWS = set('<>:"|?*')


class FileEntry(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One file of a version: relative POSIX path, size in bytes, sha256 in hexadecimal."""

    path: str
    size: Size
    sha256: Sha256


class Parent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version that this one was made from, and how (``fine-tuned``, ``trained-on`` ...)."""

    name: str
    version: str
    digest: Sha256
    relation: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a version. `metadata` is free-form, but must be JSON."""

    kind: Kind
    name: str
    version: str
    files: Annotated[tuple[FileEntry, ...], msgspec.Meta(min_length=1, max_length=MOST_FILES)]
    metadata: dict[str, Any] = {}
    parents: Annotated[tuple[Parent, ...], msgspec.Meta(max_length=1000)] = ()
    licence: str = ""

    @property
    def size(self) -> int:
        """The total size of all files in bytes."""
        return sum(entry.size for entry in self.files)

    @property
    def description(self) -> str:
        """A one-line description, if there is one."""
        return str(self.metadata.get("description", ""))

    def to_bytes(self) -> bytes:
        """Write canonical JSON: equal manifests give equal bytes.

        Raises
        ------
        IntegrityError
            If the manifest violates the format, or its metadata cannot be written as JSON.
        """
        content = {**msgspec.structs.asdict(self), "format": FORMAT}
        content["files"] = [msgspec.structs.asdict(entry) for entry in sorted(self.files)]
        content["parents"] = [msgspec.structs.asdict(parent) for parent in self.parents]
        try:
            data = canonical_json(content)
        except (TypeError, ValueError, RecursionError) as problem:
            raise IntegrityError(
                f"the metadata of {self.name}@{self.version} cannot be written as JSON: {problem}"
            ) from problem
        parse_manifest(data)
        return data


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest of this format or any older one.

    Raises
    ------
    IntegrityError
        If the bytes are not a well-formed manifest.
    IncompatibleError
        If a newer release wrote it.
    """
    content = parse_document(data, "manifest", FORMAT)
    try:
        for upgrade in (_UPGRADES[step] for step in range(content["format"], FORMAT)):
            content = upgrade(content)
        content.pop("format")
        manifest = fit(content, Manifest)
        _check(manifest)
    except MalformedError as problem:
        raise IntegrityError(f"malformed manifest: {problem}") from problem
    except (KeyError, TypeError, ValueError, AttributeError, InvalidReferenceError) as problem:
        raise IntegrityError(
            f"malformed manifest: {type(problem).__name__}: {problem}"
        ) from problem
    return manifest


def _check(manifest: Manifest) -> None:
    """Check what the types cannot express; raises ValueError or InvalidReferenceError."""
    named: list[Manifest | Parent] = [manifest, *manifest.parents]
    for each in named:
        check_name(each.name)
        check_version(each.version)
    for entry in manifest.files:
        check_path(entry.path)
        _check_portable(entry.path)
    # Sorted by parts, a path directly precedes the first of the paths inside it.
    parts = sorted(PurePosixPath(_folded(entry.path)).parts for entry in manifest.files)
    for first, second in pairwise(parts):
        if second[: len(first)] == first:
            raise ValueError(
                f"{'/'.join(first)} is listed twice, or is both a file and a folder, "
                "if upper and lower case are not distinguished"
            )


def check_path(path: str) -> None:
    """Raise ValueError unless `path` stays inside the directory into which it is put."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or not path.isprintable():
        raise ValueError(f"{path[:300]!r} is not a plain relative path")
    if len(parts) > MOST_PARTS or any(len(part.encode()) > LONGEST_PART for part in parts):
        raise ValueError(
            f"{path[:60]!r}... has more than {MOST_PARTS} parts, or a part longer than "
            f"{LONGEST_PART} bytes"
        )


def _check_portable(path: str) -> None:
    """Raise ValueError if `path` is not a valid file name on some operating system."""
    parts = path.split("/")
    is_odd = any(is_reserved_name(part) or part[-1] in ". " for part in parts)
    if is_odd or not _NOT_ON_WINDOWS.isdisjoint(path):
        raise ValueError(f"{path!r} is not a valid path on Windows")


def _folded(path: str) -> str:
    """Normalise a path such that paths which some file system treats as equal become equal."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _upgrade_1(content: dict[str, Any]) -> dict[str, Any]:
    """Format 1 kept files as a mapping from path, and parents as ``name@version@sha256:...``."""
    files = [{"path": path, **entry} for path, entry in content["files"].items()]
    parents = []
    for text in content["parents"]:
        name, version, digest = text.split("@")
        digest = digest.removeprefix(DIGEST_PREFIX)
        # Format 1 did not say how a version was made from its parent.
        parents.append({"name": name, "version": version, "digest": digest, "relation": ""})
    return {**content, "files": files, "parents": parents}


# One function per step: it reads the format given by the key and writes the next one.
_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _upgrade_1}
