"""Copy versions from one registry to another, with all that they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from typing import TYPE_CHECKING

from registry.blobs import Blobs
from registry.errors import NotFoundError, OfflineError, SettingsError
from registry.files import scratch_directory
from registry.origins import LOCAL
from registry.publishing import target
from registry.references import Reference
from registry.stores.base import blob_path
from registry.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry.catalogue import Catalogue
    from registry.download import Progress
    from registry.index import Entry
    from registry.manifest import FileEntry, Parent
    from registry.registry import Registry
    from registry.versions import Version

_WILDCARDS = "*?["


@dataclass(frozen=True)
class Copied:
    """One version that is in both registries now.

    Attributes
    ----------
    name, version, digest
        Which version.
    sent
        Bytes that had to be sent.
    was_there
        Whether the target listed it before.
    """

    name: str
    version: str
    digest: str
    sent: int
    was_there: bool


@dataclass(frozen=True)
class Copies:
    """What came of copying.

    Attributes
    ----------
    source, target
        Names of the registries.
    versions
        Parents stand before what was made from them.
    missing
        Parents that the source does not have, as ``name@version``, each with the versions that
        were made from it.
    """

    source: str
    target: str
    versions: tuple[Copied, ...]
    missing: dict[str, tuple[str, ...]]


def copy_versions(
    catalogue: Catalogue,
    names: Iterable[str],
    source: str,
    to: str,
    progress: Progress | None = None,
) -> Copies:
    """Copy versions and all their parents from one registry to another.

    Manifests are copied byte by byte, so that digests stay the same. A version is listed after its
    parents, and when all its files are there: whoever kills this leaves nothing half done, and a
    second call sends only what is missing.

    Parameters
    ----------
    catalogue
        Knows the registries.
    names
        ``name`` for its newest version, ``name@1.2.0``, ``name@1``, ``name@*`` for all versions;
        the name may be a pattern such as ``c-*``.
    source, to
        Name of a registry, its directory or address, or ``local`` for this machine's own.
    progress
        Called with the bytes sent so far and in total.

    Raises
    ------
    NotFoundError
        If there is no such registry, name or version.
    ExistsError
        If the target has other content under one of the versions; nothing is copied then.
    SubstitutedError
        If this machine has seen other content under one of the versions.
    IntegrityError
        If a manifest or file of the source is damaged; the version is not listed then.
    OfflineError
        If a registry cannot be reached.
    SettingsError
        If both are the same registry.
    StorageError
        If the target cannot be written.
    """
    one, other = target(catalogue, source), target(catalogue, to)
    if one.location == other.location:
        raise SettingsError(
            f"{source} and {to} are the same registry, at {one.location}",
            "Name two different registries.",
        )
    other.writable()
    with catalogue.local.in_use():
        family = _Family(one)
        for text in names:
            for version in _chosen(one, text):
                family.add(version)
        return _Copy(catalogue, one, other, progress).run(family)


def _chosen(source: Registry, text: str) -> Iterator[Version]:
    """Return the versions that a name, a reference or a pattern means."""
    name, _, selector = text.partition("@")
    known = source.names()
    if any(c in name for c in _WILDCARDS):
        found = sorted(each for each in known if fnmatch(each, name))
    else:
        Reference.parse(name if selector == "*" else text)
        found = [name] if name in known else []
    if not found:
        from difflib import get_close_matches

        near = get_close_matches(name, known)
        raise NotFoundError(
            f"{source.name} ({source.location}) has no '{name}'",
            f"Did you mean {' or '.join(near)}?" if near else "",
        )
    entries = source.entries(found)
    numbers = {each: _numbers(entry, selector) for each, entry in entries.items()}
    if not any(numbers.values()):
        raise NotFoundError(
            f"{source.name} ({source.location}) has no '{text}'",
            "; ".join(f"It has {each}@{', '.join(entries[each].versions)}" for each in entries),
        )
    for each, chosen in numbers.items():
        for number in chosen:
            yield source.version(each, entries[each], number)


def _numbers(entry: Entry, selector: str) -> list[str]:
    if selector == "*":
        return list(entry.versions)
    number = entry.select(selector)
    return [number] if number else []


class _Family:
    """Versions of a registry with all that they were made from, parents first."""

    def __init__(self, source: Registry) -> None:
        self.source = source
        self.versions: dict[str, Version] = {}
        self.missing: dict[str, tuple[str, ...]] = {}

    def add(self, version: Version) -> None:
        """Add a version after its parents, and those after theirs."""
        waiting = [(version, self._parents(version))]
        while waiting:
            child, parents = waiting[-1]
            parent = next(parents, None)
            if parent is None:
                self.versions.setdefault(child.digest, child)
                waiting.pop()
            elif parent.digest not in self.versions:
                waiting.append((parent, self._parents(parent)))

    def _parents(self, version: Version) -> Iterator[Version]:
        """Return the parents that the source has, and note the others."""
        for parent in version.manifest.parents:
            found = self._find(parent)
            if found is not None:
                yield found
                continue
            key, child = f"{parent.name}@{parent.version}", _label(version)
            self.missing[key] = tuple(dict.fromkeys((*self.missing.get(key, ()), child)))

    def _find(self, parent: Parent) -> Version | None:
        """Return a parent, if the source has just that content."""
        entry = self.source.entry(parent.name)
        row = entry.versions.get(parent.version) if entry else None
        if entry is None or row is None or row.digest != parent.digest:
            return None
        return self.source.version(parent.name, entry, parent.version)


class _Copy:
    """One copy: where from, where to, and how far."""

    def __init__(
        self,
        catalogue: Catalogue,
        source: Registry,
        target: Registry,
        progress: Progress | None,
    ) -> None:
        self.catalogue = catalogue
        self.source = source
        self.target = target
        self.store = target.writable()
        self._progress = progress
        self._sent = self._total = 0

    def run(self, family: _Family) -> Copies:
        """Copy all of it, if nothing stands against it."""
        versions = family.versions.values()
        were_there = {each.digest for each in versions if self._is_there(each)}
        lacking = {f.sha256: f for each in versions for f in self._lacking(each.manifest.files)}
        self._total = sum(entry.size for entry in lacking.values())
        copied = tuple(self._copy(each, were_there) for each in versions)
        return Copies(self.source.name, self.target.name, copied, family.missing)

    def _is_there(self, version: Version) -> bool:
        """Whether the target lists a version; raises if it lists other content under it."""
        for registry in (self.source, self.target):
            if registry.name != LOCAL:
                self.catalogue.seen.require_same(version, registry.location)
        manifest = version.manifest
        try:
            entry = self.target.entry(manifest.name)
        except OfflineError:
            return False  # A directory becomes a registry when something is first published to it.
        row = entry.versions.get(manifest.version) if entry else None
        if row and row.digest != version.digest:
            raise self.target.existing(manifest.name, manifest.version)
        return row is not None

    def _copy(self, version: Version, were_there: set[str]) -> Copied:
        before = self._sent
        self.target.add(version.data, self._put)
        if self.target.name != LOCAL:
            self.catalogue.seen.note(version, self.target.location)
        manifest, sent = version.manifest, self._sent - before
        was_there = version.digest in were_there
        return Copied(manifest.name, manifest.version, version.digest, sent, was_there)

    def _lacking(self, files: Iterable[FileEntry]) -> list[FileEntry]:
        """Return the files whose content the target does not have, each content once."""
        contents = {entry.sha256: entry for entry in files}
        return [e for e in contents.values() if not self.store.holds(blob_path(e.sha256), e)]

    def _put(self, files: Sequence[FileEntry], _: Progress | None = None) -> bool:
        """Bring contents that the target lacks, verified on the way; they are counted here."""
        lacking = self._lacking(files)
        if not lacking:
            return False
        if isinstance(self.store, DirectoryStore):
            # Straight to their place: what is broken off is continued there.
            self.source.fetch(lacking, Blobs(self.store.root), self._reporter())
            self._sent += sum(entry.size for entry in lacking)
            return True
        with scratch_directory(self.catalogue.local.files.parts) as scratch:
            blobs = Blobs(scratch)
            for entry in lacking:
                self.source.fetch([entry], blobs, self._reporter())
                path = blob_path(entry.sha256)
                self.store.put_file(path, blobs.path(entry.sha256), entry)
                blobs.drop(entry.sha256)
                self._sent += entry.size
        return True

    def _reporter(self) -> Progress | None:
        """Return what counts the bytes of one fetch on top of those sent before."""
        return self._progress and partial(_report, self._progress, self._sent, self._total)


def _report(progress: Progress, before: int, in_all: int, done: int, _: int) -> None:
    progress(min(before + done, in_all), in_all)


def _label(version: Version) -> str:
    return f"{version.manifest.name}@{version.manifest.version}"
