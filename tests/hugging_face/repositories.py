"""What a Hugging Face Hub keeps: repositories of commits, branches and tags, and large files."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

TOKENS = {"hf_writer": "write", "hf_reader": "read", "hf_stranger": "stranger"}
# The server alone decides which files are kept as LFS objects.
LARGE = (".safetensors", ".parquet", ".bin", ".arrow")


class Refusal(Exception):
    """An answer other than the one asked for."""

    def __init__(
        self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


@dataclass(frozen=True)
class Kept:
    """One file of a commit; `sha256` of LFS objects only."""

    data: bytes = field(repr=False)
    is_large: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def blob(self) -> str:
        """The id of the git blob: of the content, or of the pointer that stands for it."""
        data = self.data
        if self.is_large:
            data = (
                f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\n".encode()
            )
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_large else self.blob

    def entry(self, path: str) -> dict[str, Any]:
        """Return it as a tree lists it."""
        found = {"type": "file", "oid": self.blob, "size": len(self.data), "path": path}
        if self.is_large:
            found["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": 130}
        return found


@dataclass(frozen=True)
class Commit:
    oid: str
    files: dict[str, Kept]


@dataclass
class Repository:
    private: bool = False
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add({".gitattributes": Kept(b"*.bin filter=lfs diff=lfs merge=lfs -text\n")})

    def add(self, files: dict[str, Kept]) -> Commit:
        """Add a commit to the main branch."""
        text = f"{time.time_ns()} {sorted((path, each.blob) for path, each in files.items())}"
        commit = Commit(hashlib.sha1(text.encode()).hexdigest(), files)
        self.commits[commit.oid] = commit
        self.branches["main"] = commit.oid
        return commit

    @property
    def head(self) -> Commit:
        return self.commits[self.branches["main"]]

    def commit(self, revision: str) -> Commit:
        known = {**self.branches, **self.tags}
        oid = known.get(revision, revision)
        if oid not in self.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def info(self, name: str, commit: Commit) -> dict[str, Any]:
        return {
            "id": name,
            "sha": commit.oid,
            "private": self.private,
            "gated": self.gated and "manual",
            "library_name": "other",
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        }

    def refs(self) -> dict[str, Any]:
        def listed(known: dict[str, str], kind: str) -> list[dict[str, str]]:
            return [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid}
                for name, oid in known.items()
            ]

        return {
            "branches": listed(self.branches, "heads"),
            "tags": listed(self.tags, "tags"),
            "converts": [],
        }


def tree(commit: Commit, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    """Return the entries of a folder of a commit, folders included."""
    prefix = f"{folder.rstrip('/')}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for path, kept in commit.files.items():
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            inner = prefix + "/".join(parts[:depth])
            oid = hashlib.sha1(inner.encode()).hexdigest()
            found[inner] = {"type": "directory", "oid": oid, "size": 0, "path": inner}
        if recursive or len(parts) == 1:
            found[path] = kept.entry(path)
    if folder and not found:
        raise Refusal(404, f"{folder} does not exist", "EntryNotFound")
    return [found[path] for path in sorted(found)]
