"""The indexes in a local store: that of the user's own registry, and one for each origin.

If one is damaged, its remains are moved aside and it is rebuilt from the manifests.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, TypeVar

from registry.errors import IntegrityError, OfflineError, StorageError
from registry.mending import entry_of, readable_manifests, set_aside, survey, write_entries
from registry.origins import LOCAL, Origin
from registry.pages import Pages
from registry.registry import FORMAT, INDEX_LOCK, Registry
from registry.removal import entries, is_real_directory, is_real_file
from registry.stores.base import INDEX, MARKER
from registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.download import Retries
    from registry.index import Entry
    from registry.manifest import Manifest
    from registry.stores.directory import DirectoryStore

ORIGINS = "origins"

_ORIGIN = re.compile(r"[a-z0-9][A-Za-z0-9._%-]*-[0-9a-f]{8}")
_ORIGIN_LIST = re.compile(_ORIGIN.pattern + r"\.json")

Found = TypeVar("Found")

logger = logging.getLogger(__name__)


class OwnRegistry(Registry):
    """The user's own registry: only this machine writes it, so it upgrades itself."""

    def begin(self) -> None:
        """Make it a registry of the current format, whatever is left of an old one."""
        store = self.writable()
        try:
            step = self.format()
        except (OfflineError, IntegrityError):
            store.claim()
            self.pages.add_names(set())
            self.write_marker(store)
            return
        if step < FORMAT:
            # Older releases that cannot read it then ask for an update.
            with store.locked(INDEX_LOCK):
                self.pages.upgrade()
                self.write_marker(store)

    def _holds_content(self) -> bool:
        """Whether there is an index: manifests and blobs may belong to other registries."""
        return not self.pages.is_empty()


def keys(files: DirectoryStore) -> list[str]:
    """Return the keys of the user's own index and of the indexes of all origins."""
    folder = files.path(ORIGINS)
    lists = {path.stem for path in entries(folder, _ORIGIN_LIST)}
    return [LOCAL, *sorted(lists | {path.name for path in entries(folder, _ORIGIN)})]


class LocalIndex:
    """One of the indexes in a local store; read like the index of a registry.

    Parameters
    ----------
    own
        The user's own registry in that store.
    files
        The store.
    key
        `LOCAL`, or the key of an origin.
    """

    def __init__(self, own: OwnRegistry, files: DirectoryStore, key: str) -> None:
        self.own = own
        self.files = files
        self.key = key
        self.name = Origin.name_of(key)

    @property
    def pages(self) -> Pages:
        """The index itself. Once begun, a missing list of names means damage."""
        prefix = INDEX if self.key == LOCAL else f"{ORIGINS}/{self.key}"
        is_begun = is_real_directory(self.files.path(prefix)) or self._has_marker()
        return Pages(self.files, prefix, required=is_begun)

    def names(self) -> set[str]:
        """Return the names that have versions."""
        return self._mended(self.pages.names)

    def entry(self, name: str, retries: Retries | None = None) -> Entry | None:  # noqa: ARG002
        """Return the entry of a name; reading from disk is not retried."""
        return self._mended(lambda: self.pages.entry(name))

    def entries(self) -> dict[str, Entry]:
        """Return all entries, including those that a killed process had not yet listed."""
        pages = self.pages
        return self._mended(lambda: pages.entries(pages.names() | pages.paged()))

    def version(self, name: str, entry: Entry, number: str) -> Version:
        """Return a version that the index lists; raises like `Registry.version`."""
        found = Version(self.own.manifest_bytes(entry.versions[number].digest), self.name)
        if not found.is_called(name, number, entry.kind):
            raise IntegrityError(
                f"the index of {self.name} in {self.files.location} lists {found.manifest.name}@"
                f"{found.manifest.version} as {name}@{number}",
                "Run `hub verify`.",
            )
        return found

    def _mended(self, look: Callable[[], Found]) -> Found:
        """Read the index; if it is damaged, repair it first.

        It also looks damaged while another process is writing it, which a repair then notices.
        """
        for pause in (0.05, 0.2, 0.5, None):
            try:
                if self._has_marker():
                    self.own.format()
                return look()
            except IntegrityError as damage:
                try:
                    self._mend()
                    break
                except StorageError as problem:
                    if pause is None:
                        raise IntegrityError(
                            f"{damage.message}, and it cannot be repaired: {problem.message}",
                            "Run `hub verify` on a machine that can write to it.",
                        ) from damage
                    time.sleep(pause)
        return look()

    def _mend(self) -> None:
        pages = self.pages
        with self.files.locked(f"mend-{self.key}"):
            if self.key == LOCAL:
                self._mend_marker()
            else:
                # The user's own versions must not be attributed to another registry.
                LocalIndex(self.own, self.files, LOCAL).names()
            found, unclaimed = survey(pages, self.files), self._unclaimed()
            if found.is_whole:
                return  # Another process has repaired it in the meantime.
            lost = found.lost if found.knows_all_names else found.lost | set(unclaimed)
            restored = {
                name: entry_of(unclaimed[name])
                for name in sorted(lost - set(found.entries))
                if name in unclaimed
            }
            for path in found.damaged:
                place = set_aside(self.files, path)
                logger.warning(
                    "%s was corrupted and has been moved to %s", self.files.path(path), place
                )
            write_entries(pages, self.files, found, {**found.entries, **restored})
        logger.warning(
            "the index of %s in %s was rebuilt from the manifests: %s",
            self.name,
            self.files.location,
            ", ".join(f"{n}@{v}" for n, entry in restored.items() for v in entry.versions)
            or "no versions were missing",
        )

    def _has_marker(self) -> bool:
        return self.key == LOCAL and is_real_file(self.files.path(MARKER))

    def _mend_marker(self) -> None:
        if self._has_marker():
            try:
                self.own.format()
            except IntegrityError:
                place = set_aside(self.files, MARKER)
                logger.warning(
                    "%s was corrupted and has been moved to %s", self.files.path(MARKER), place
                )
                self.own.write_marker(self.files)

    def claimed_by_others(self) -> set[str]:
        """Return the digests listed in the other indexes, as far as these can be read."""
        others = [LocalIndex(self.own, self.files, key) for key in keys(self.files)]
        return {
            row.digest
            for other in others
            if other.key != self.key
            for entry in survey(other.pages, self.files).entries.values()
            for row in entry.versions.values()
        }

    def _unclaimed(self) -> dict[str, list[tuple[str, Manifest]]]:
        """Return the manifests, by name, that no other index lists."""
        claimed = self.claimed_by_others()
        found: dict[str, list[tuple[str, Manifest]]] = {}
        for digest, manifest in readable_manifests(self.files).items():
            if digest not in claimed:
                found.setdefault(manifest.name, []).append((digest, manifest))
        return found
