"""Repair a registry: rebuild its index, delete nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from registry.errors import IntegrityError, NotFoundError, OfflineError, StorageError
from registry.index import with_version
from registry.mending import entry_of, readable_manifests, set_aside, survey, write_entries
from registry.references import LATEST
from registry.registry import INDEX_LOCK
from registry.stores.base import INDEX, MARKER, RepairableStore, as_writable, blob_path

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from registry.index import Entry, Row
    from registry.local import LocalStore
    from registry.manifest import Manifest
    from registry.mending import Survey
    from registry.registry import Registry


@dataclass
class Repair:
    """The result of a repair; versions as ``name@version``.

    Attributes
    ----------
    restored
        Versions that the index lists again.
    unlisted
        Intact versions that an intact index does not list: their publishing was killed.
    incomplete
        Versions whose manifest or some of whose files are lost. Publishing the same content again
        restores them.
    withdrawn
        Rows that were removed because they listed the manifest of another version.
    set_aside
        The places of copies of the documents that were replaced.
    aliases_lost
        Names whose aliases are lost except ``latest``, which refers to the newest version again.
    """

    restored: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    aliases_lost: list[str] = field(default_factory=list)


def repair(
    registry: Registry, named: Collection[str] = (), *, local: LocalStore | None = None
) -> Repair:
    """Repair the index and the marker of a registry, and upgrade them to the current format.

    Parameters
    ----------
    registry
        The registry, in a directory or an object store.
    named
        Unlisted versions, as ``name@version``, to add to the index.
    local
        The local store, if the registry is the user's own: it also has manifests of others.

    Raises
    ------
    StorageError
        If it can only be read, or somebody publishes to it at the same time.
    NotFoundError
        If there is no registry, or a named version is not among the unlisted ones.
    IncompatibleError
        If a newer release made it.
    """
    store = as_writable(registry.store)
    if not isinstance(store, RepairableStore):
        raise StorageError(
            f"{registry.location} cannot be repaired remotely",
            "Repair the directory from which it is served: hub registry repair ./directory",
        )
    if not any(store.list(folder) for folder in (INDEX, "manifests", "blobs")):
        raise NotFoundError(
            f"no registry found at {registry.location}",
            "Check the address, and whether the disk is mounted.",
        )
    foreign = set() if local is None else local.index().claimed_by_others()
    with store.locked(INDEX_LOCK):
        return _Mender(registry, store, foreign).mend(set(named))


class _Mender:
    """One repair: the state found, and the result."""

    def __init__(self, registry: Registry, store: RepairableStore, foreign: set[str]) -> None:
        self.registry = registry
        self.store = store
        self.has_good_marker = self._reads_marker()
        self.found: Survey = survey(registry.pages, store)
        self.manifests = {
            digest: manifest
            for digest, manifest in readable_manifests(store).items()
            if digest not in foreign
        }
        self.done = Repair()

    def mend(self, named: set[str]) -> Repair:
        """Do the repair; changes become visible to others at the very end."""
        entries = self._true_entries()
        for name, versions in self._unlisted(entries).items():
            whole = self._whole(versions)
            if name in self.found.lost or not (self.found.knows_all_names or name in entries):
                chosen = whole
                self.done.aliases_lost.append(name)
            else:
                chosen = [each for each in whole if _label(each[1]) in named]
            self.done.unlisted += [_label(each[1]) for each in whole if each not in chosen]
            if chosen:
                entries[name] = self._joined(entries.get(name), chosen)
                self.done.restored += [_label(manifest) for _, manifest in chosen]
        self._require_found(named)
        self._write(entries)
        return self.done

    def _reads_marker(self) -> bool:
        try:
            self.registry.format()
        except (IntegrityError, OfflineError):
            return False
        return True

    def _true_entries(self) -> dict[str, Entry]:
        """Return the readable entries, without rows that list another version."""
        true = {}
        for name, entry in self.found.entries.items():
            rows = {n: row for n, row in entry.versions.items() if self._is_true(name, n, row)}
            aliases = {alias: n for alias, n in entry.aliases.items() if n in rows}
            if rows:
                true[name] = msgspec.structs.replace(entry, versions=rows, aliases=aliases)
            self.done.withdrawn += [f"{name}@{n}" for n in entry.versions if n not in rows]
        return true

    def _is_true(self, name: str, number: str, row: Row) -> bool:
        manifest = self.manifests.get(row.digest)
        if manifest is None:
            # The row is kept, so that the loss is visible.
            self.done.incomplete.append(f"{name}@{number}")
            return True
        if (manifest.name, manifest.version) != (name, number):
            return False
        if not self._is_whole(manifest):
            self.done.incomplete.append(f"{name}@{number}")
        return True

    def _unlisted(self, entries: Mapping[str, Entry]) -> dict[str, list[tuple[str, Manifest]]]:
        """Return the versions, by name, that the readable part of the index does not list."""
        listed = {row.digest for entry in entries.values() for row in entry.versions.values()}
        found: dict[str, list[tuple[str, Manifest]]] = {}
        for digest, manifest in self.manifests.items():
            if digest not in listed:
                found.setdefault(manifest.name, []).append((digest, manifest))
        return found

    def _joined(self, entry: Entry | None, versions: list[tuple[str, Manifest]]) -> Entry:
        """Return an entry with more versions; ``latest`` refers to the newest of all."""
        if entry is None:
            return entry_of(versions)
        for digest, manifest in versions:
            row = entry.versions.get(manifest.version)
            # A row whose manifest is lost is replaced by an intact version that was named.
            is_lost = row is not None and row.digest not in self.manifests
            entry = with_version(entry, manifest, digest, replace=is_lost)
        return entry.with_aliases({LATEST: entry.newest})

    def _is_there(self, path: str) -> bool:
        return self.store.peek(path) is not None

    def _whole(self, versions: list[tuple[str, Manifest]]) -> list[tuple[str, Manifest]]:
        """Return the versions that have all their files."""
        whole = [each for each in versions if self._is_whole(each[1])]
        self.done.incomplete += [_label(each[1]) for each in versions if each not in whole]
        return whole

    def _is_whole(self, manifest: Manifest) -> bool:
        return all(self.store.holds(blob_path(file.sha256), file) for file in manifest.files)

    def _require_found(self, named: set[str]) -> None:
        missing = sorted(named - set(self.done.restored))
        if missing:
            raise NotFoundError(
                f"{self.registry.location} has no intact unlisted version {', '.join(missing)}",
                f"Unlisted versions: {', '.join(self.done.unlisted) or 'none'}.",
            )

    def _write(self, entries: dict[str, Entry]) -> None:
        """Move replaced documents aside; write the pages first and the marker last."""
        pages, damaged = self.registry.pages, self.found.damaged
        self.store.claim()
        self.done.set_aside += [set_aside(self.store, path) for path in damaged]
        if pages.list_path not in damaged and self._is_there(pages.list_path):
            self.done.set_aside.append(set_aside(self.store, pages.list_path, keep=True))
        write_entries(pages, self.store, self.found, entries)
        if not self.has_good_marker and self._is_there(MARKER):
            self.done.set_aside.append(set_aside(self.store, MARKER))
        self.registry.write_marker(self.store)


def _label(manifest: Manifest) -> str:
    return f"{manifest.name}@{manifest.version}"
