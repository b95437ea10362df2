"""One immutable version: its files with size and sha256, its kind, metadata, licence and parents.

A manifest is stored as canonical JSON, and the sha256 of those bytes is the version's digest.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from registry.documents import canonical_json, is_sha256, parse_document
from registry.errors import IntegrityError, InvalidReferenceError
from registry.references import DIGEST_PREFIX, check_name, check_version

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = 2
KINDS = ("model", "dataset")


@dataclass(frozen=True, order=True)
class FileEntry:
    """One file of a version: relative POSIX path, size in bytes, sha256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Parent:
    """A version that this one was made from, and how (``fine-tuned``, ``trained-on`` ...)."""

    name: str
    version: str
    digest: str
    relation: str


@dataclass(frozen=True)
class Manifest:
    """Everything that makes a version what it is. `metadata` is free, and must be JSON."""

    kind: str
    name: str
    version: str
    files: tuple[FileEntry, ...]
    metadata: dict[str, Any] = field(default_factory=dict)
    parents: tuple[Parent, ...] = ()
    licence: str = ""

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.files)

    def to_bytes(self) -> bytes:
        """Write canonical JSON: equal manifests give equal bytes.

        Raises
        ------
        IntegrityError
            If the manifest breaks a rule of the format, or its metadata cannot be JSON.
        """
        content = {
            "format": FORMAT,
            **asdict(self),
            "files": [asdict(f) for f in sorted(self.files)],
        }
        try:
            data = canonical_json(content)
        except (TypeError, ValueError) as problem:
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
        return _build(content)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidReferenceError) as problem:
        raise IntegrityError(
            f"malformed manifest: {type(problem).__name__}: {problem}"
        ) from problem


def _build(content: dict[str, Any]) -> Manifest:
    manifest = Manifest(
        kind=content["kind"],
        name=check_name(content["name"]),
        version=check_version(content["version"]),
        files=tuple(FileEntry(**entry) for entry in content["files"]),
        metadata=content["metadata"],
        parents=tuple(Parent(**parent) for parent in content["parents"]),
        licence=content["licence"],
    )
    if manifest.kind not in KINDS:
        raise ValueError(f"kind {manifest.kind!r} is none of {', '.join(KINDS)}")
    if not isinstance(manifest.metadata, dict) or not isinstance(manifest.licence, str):
        raise TypeError("metadata must be an object and licence a string")
    _check_files(manifest.files)
    for parent in manifest.parents:
        check_name(parent.name)
        check_version(parent.version)
        if not is_sha256(parent.digest) or not isinstance(parent.relation, str):
            raise ValueError(f"parent {parent.name} needs a sha256 digest and a relation")
    return manifest


def _check_files(files: tuple[FileEntry, ...]) -> None:
    if not files:
        raise ValueError("no files")
    for entry in files:
        check_path(entry.path)
        if type(entry.size) is not int or entry.size < 0:
            raise ValueError(f"{entry.path}: size {entry.size!r} is not a number of bytes")
        if not is_sha256(entry.sha256):
            raise ValueError(f"{entry.path}: {entry.sha256!r} is not a sha256")
    # Sorted by their parts, a path stands directly before the first of those inside it.
    parts = sorted(PurePosixPath(entry.path).parts for entry in files)
    for first, second in pairwise(parts):
        if second[: len(first)] == first:
            raise ValueError(f"{'/'.join(first)} is listed twice, or is both file and folder")


def check_path(path: str) -> None:
    """Raise ValueError unless `path` stays inside the directory that a version is put into."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or not path.isprintable():
        raise ValueError(f"{path!r} is not a plain relative path")


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


# One function per step: the key is the format that it reads, the next format is what it writes.
_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _upgrade_1}
