"""Verify, measure and prune the local store."""

from __future__ import annotations

import logging
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from registry.content import damaged_files
from registry.errors import IntegrityError, NotFoundError, RegistryError
from registry.files import STALE_AFTER, files_below, is_intact, storage_errors
from registry.origins import LOCAL
from registry.references import DIGEST_PREFIX, Reference, covers
from registry.removal import changed, entries, now, remove, sweep
from registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.catalogue import Catalogue
    from registry.local import LocalStore

MANIFEST = "(manifest)"

_TWO_DIGITS = re.compile(r"[0-9a-f]{2}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MANIFEST = re.compile(r"[0-9a-f]{64}\.json")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_VERSION_FOLDER = re.compile(r"\d+\.\d+\.\d+-[0-9a-f]{12}")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """The state of one version on this machine.

    Parameters
    ----------
    reference
        The version.
    digest
        The sha256 of its manifest.
    damaged
        The paths of files that are missing or corrupted, or `MANIFEST`.
    repaired
        Whether all of them are intact again.
    problem
        Why they could not be repaired.
    """

    reference: Reference
    digest: str
    damaged: tuple[str, ...] = ()
    repaired: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Usage:
    """The disk usage of a local store: number of versions, the rest in bytes."""

    versions: int
    size: int
    parts: int


def verify(
    catalogue: Catalogue, reference: Reference | None = None, *, repair: bool = True
) -> list[Finding]:
    """Verify the hashes of all files on this machine, and repair them by pulling again.

    Parameters
    ----------
    catalogue
        The catalogue to verify and to pull from.
    reference
        What to verify: a name means all its versions. Everything by default.
    repair
        Fetch corrupted files again.

    Raises
    ------
    NotFoundError
        If nothing on this machine matches the reference.
    """
    local = catalogue.local
    with local.in_use():
        kept = [(r, digest) for r, digest in _kept(local) if _fits(r, digest, reference)]
        if reference and not kept:
            raise NotFoundError(
                f"'{reference}' is not on this machine", "List the known names: hub list"
            )
        findings = [Finding(r, digest, _damage(local, r, digest)) for r, digest in kept]
    if not repair:
        return findings
    return [_repair(catalogue, finding) for finding in findings]


def usage(local: LocalStore) -> Usage:
    """Measure the disk usage of a local store; hard-linked files count once."""
    versions = sum(1 for _ in _kept(local))
    return Usage(versions, _occupied(local.root), _occupied(local.files.parts))


def prune(local: LocalStore, *, everything: bool = False) -> int:
    """Remove unneeded files and return the number of bytes freed; waits for running pulls.

    Parameters
    ----------
    local
        The store.
    everything
        Also remove all versions that came from other registries, and unfinished downloads.
        Without it, unfinished downloads younger than a day are kept, to be resumed.

    Raises
    ------
    StorageError
        If the directory was not made by mlip-hub.
    IntegrityError
        If a manifest of the user's own registry is corrupted, so that it is unknown which files
        are needed. Nothing is removed.
    """
    if not local.root.exists():
        return 0
    with local.alone():
        before = _occupied(local.root)
        needed = _needed(local, everything=everything)
        if everything:
            local.forget_cached()
        least_age = 0.0 if everything else STALE_AFTER
        sweep(local.root.resolve(), least_age)
        latest = inf if everything else now(local.root) - least_age
        _remove_unneeded(local, needed, latest)
        return before - _occupied(local.root)


@dataclass(frozen=True)
class _Needed:
    """The names of everything that must be kept."""

    blobs: set[str]
    digests: set[str]
    directories: set[Path]


def _needed(local: LocalStore, *, everything: bool) -> _Needed:
    """Return what is needed by the versions that are kept."""
    versions, digests = [], set()
    for index in local.indexes():
        if everything and index.key != LOCAL:
            continue
        for name, entry in index.entries().items():
            for number, row in entry.versions.items():
                digests.add(row.digest)
                try:
                    versions.append(index.version(name, entry, number))
                except IntegrityError as problem:
                    if index.key == LOCAL:
                        raise
                    # It can be pulled again from its registry.
                    logger.warning("%s", problem.message)
    return _Needed(
        {entry.sha256 for version in versions for entry in version.manifest.files},
        digests,
        {local.directory(version) for version in versions},
    )


def _remove_unneeded(local: LocalStore, needed: _Needed, latest: float) -> None:
    """Remove what has one of our names, is not behind a link or needed, and is this old (s)."""
    root = local.root
    for folder in entries(root / "blobs", _TWO_DIGITS):
        for blob in entries(folder, _SHA256):
            _remove(blob, latest, needed=blob.name in needed.blobs)
    for manifest in entries(root / "manifests", _MANIFEST):
        _remove(manifest, latest, needed=manifest.stem in needed.digests)
    for partial in entries(root / "partial", _SHA256):
        _remove(partial, latest, needed=partial.name in needed.digests)
    for folder in entries(root / "versions", _NAME):
        for directory in entries(folder, _VERSION_FOLDER):
            _remove(directory, inf, needed=directory in needed.directories)


def _remove(path: Path, latest: float, *, needed: bool) -> None:
    with storage_errors(path), suppress(FileNotFoundError):
        if not needed and changed(path) <= latest:
            remove(path)


def _kept(local: LocalStore) -> Iterator[tuple[Reference, str]]:
    """Yield every version on this machine with its digest."""
    for index in local.indexes():
        for name, entry in index.entries().items():
            for version, row in entry.versions.items():
                yield Reference(name, version, index.name), row.digest


def _fits(kept: Reference, digest: str, asked: Reference | None) -> bool:
    if asked is None:
        return True
    if asked.name != kept.name or asked.registry not in ("", kept.registry):
        return False
    if asked.selector.startswith(DIGEST_PREFIX):
        return digest.startswith(asked.selector.removeprefix(DIGEST_PREFIX))
    return bool(asked.alias) or covers(asked.selector, kept.selector)


def _version(local: LocalStore, reference: Reference, digest: str) -> Version:
    found = Version(local.own.manifest_bytes(digest), reference.registry)
    if found.reference != reference:
        raise IntegrityError(f"the index lists {found.reference} as {reference}")
    return found


def _damage(local: LocalStore, reference: Reference, digest: str) -> tuple[str, ...]:
    """Return the paths of a version's corrupted or missing blobs and files."""
    try:
        version = _version(local, reference, digest)
    except IntegrityError:
        return (MANIFEST,)
    files = version.manifest.files
    if local.is_partial(digest):
        files = tuple(entry for entry in files if local.blobs.has(entry))
    damaged = {f.path for f in files if not is_intact(local.blobs.path(f.sha256), f)}
    directory = local.directory(version)
    if directory.exists():
        damaged.update(damaged_files(directory, files))
    return tuple(sorted(damaged))


def _repair(catalogue: Catalogue, finding: Finding) -> Finding:
    """Remove what is corrupted, and pull the version again from its origin."""
    if not finding.damaged:
        return finding
    local = catalogue.local
    try:
        if MANIFEST not in finding.damaged:
            for entry in _version(local, finding.reference, finding.digest).manifest.files:
                if not is_intact(local.blobs.path(entry.sha256), entry):
                    local.blobs.drop(entry.sha256)
        only = finding.damaged.__contains__ if local.is_partial(finding.digest) else None
        catalogue.pull(finding.reference, only=only)
    except RegistryError as problem:
        return replace(finding, problem=problem.message)
    return replace(finding, repaired=True)


def _occupied(root: Path) -> int:
    """Return the size in bytes of all files below a directory; hard-linked files count once."""
    sizes = {}
    for path in files_below(root):
        with storage_errors(path), suppress(FileNotFoundError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                sizes[status.st_ino] = status.st_size
    return sum(sizes.values())
