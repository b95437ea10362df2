"""Is what is kept still right, how much room does it take, and what of it can go."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry.errors import IntegrityError, NotFoundError, RegistryError
from registry.files import STALE_AFTER, is_intact, storage_errors, sweep, tree_size
from registry.references import DIGEST_PREFIX, Reference, covers
from registry.registry import damaged_files
from registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.catalogue import Catalogue
    from registry.local import LocalStore


MANIFEST = "(manifest)"


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
        The paths of files that are missing or wrong, or `MANIFEST`.
    repaired
        Whether all of them are right again.
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
    """What a local store takes up: versions by number, the rest in bytes."""

    versions: int
    size: int
    parts: int


def verify(
    catalogue: Catalogue, reference: Reference | None = None, *, repair: bool = True
) -> list[Finding]:
    """Hash again what is on this machine, and repair it by pulling again.

    Parameters
    ----------
    catalogue
        Where to look, and where to pull from.
    reference
        What to verify: a name means all its versions. Everything by default.
    repair
        Fetch again what is damaged.

    Raises
    ------
    NotFoundError
        If nothing on this machine fits the reference.
    """
    kept = [(r, digest) for r, digest in _kept(catalogue.local) if _fits(r, digest, reference)]
    if reference and not kept:
        raise NotFoundError(
            f"there is no '{reference}' on this machine", "`hub list` shows what there is."
        )
    findings = [Finding(r, digest, _damage(catalogue.local, r, digest)) for r, digest in kept]
    if not repair:
        return findings
    return [_repair(catalogue, finding) for finding in findings]


def usage(local: LocalStore) -> Usage:
    """Measure a local store; what several names on the disk share counts once."""
    versions = sum(1 for _ in _kept(local))
    return Usage(versions, _occupied(local.root), tree_size(local.files.parts))


def prune(local: LocalStore, *, everything: bool = False) -> int:
    """Remove what no version needs, and return the bytes freed.

    Parameters
    ----------
    local
        The store.
    everything
        Remove also all versions that came from elsewhere, and the parts of unfinished pulls.
        Without it, unfinished things younger than a day are left to whoever works on them.
    """
    before = _occupied(local.root)
    if everything:
        local.forget_cached()
    age = 0.0 if everything else STALE_AFTER
    sweep(local.files.parts, age)
    versions = [_version(local, reference, digest) for reference, digest in _kept(local)]
    blobs = {entry.sha256 for version in versions for entry in version.manifest.files}
    manifests = {f"{version.digest}.json" for version in versions}
    marks = {version.digest for version in versions}
    directories = {local.directory(version) for version in versions}
    _keep_only(local.root.glob("blobs/*/*"), lambda path: path.name in blobs, age)
    _keep_only(local.root.glob("manifests/*"), lambda path: path.name in manifests, age)
    _keep_only(local.root.glob("partial/*"), lambda path: path.name in marks, age)
    _keep_only(local.root.glob("versions/*/*"), lambda path: path in directories, 0.0)
    return before - _occupied(local.root)


def _kept(local: LocalStore) -> Iterator[tuple[Reference, str]]:
    """Give every version on this machine, with its digest."""
    for origin, index in local.indexes():
        for name, entry in index.entries.items():
            for version, row in entry.versions.items():
                yield Reference(name, version, origin), row.digest


def _fits(kept: Reference, digest: str, asked: Reference | None) -> bool:
    if asked is None:
        return True
    if asked.name != kept.name or asked.registry not in ("", kept.registry):
        return False
    if asked.selector.startswith(DIGEST_PREFIX):
        return digest.startswith(asked.selector.removeprefix(DIGEST_PREFIX))
    return bool(asked.alias) or covers(asked.selector, kept.selector)


def _version(local: LocalStore, reference: Reference, digest: str) -> Version:
    return Version(local.own.manifest_bytes(digest), reference.registry)


def _damage(local: LocalStore, reference: Reference, digest: str) -> tuple[str, ...]:
    """Return the paths of what is wrong with a version, in its blobs and its plain directory."""
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
    """Drop what is damaged, and pull the version again from where it came."""
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
    """Return the bytes of all files below a directory, each file once however often linked."""
    found = [path.stat() for path in root.rglob("*") if path.is_file()]
    return sum({status.st_ino: status.st_size for status in found}.values())


def _keep_only(paths: Iterator[Path], needed: Callable[[Path], bool], age: float) -> None:
    """Remove the paths that are not needed, and older than `age` seconds."""
    for path in list(paths):
        with storage_errors(path), suppress(FileNotFoundError):
            if not needed(path) and time.time() - path.stat().st_mtime >= age:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
