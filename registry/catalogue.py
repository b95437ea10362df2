"""Everything that can be named: this machine first, then registries in order, then the cards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.blobs import DamagedBlobError
from registry.cards import FILE_NAME, Card
from registry.errors import ExistsError, IntegrityError, NotFoundError
from registry.files import is_intact, storage_errors
from registry.local import BUILTIN, BUILTIN_ORIGIN, LOCAL, LocalStore, Origin
from registry.references import Reference, check_name, check_version, covers
from registry.registry import Registry, damaged_files, describe_directory
from registry.search import Search
from registry.stores import open_store
from registry.stores.base import blob_path
from registry.transfer import fetch
from registry.versions import LocalVersion, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.builtin import Builtin
    from registry.index import Index
    from registry.manifest import FileEntry, Parent
    from registry.transfer import Progress


class Catalogue:
    """What a person means by a name, and how to get it.

    Parameters
    ----------
    local
        What is on this machine. It answers without any network, whenever it can.
    registries
        Asked in this order.
    builtin
        The built-in cards, asked last.
    """

    def __init__(self, local: LocalStore, registries: Sequence[Registry], builtin: Builtin) -> None:
        self.local = local
        self.registries = tuple(registries)
        self.builtin = builtin

    def resolve(self, reference: Reference, *, update: bool = False) -> Version | Card:
        """Find what a reference means, fetching no more than indexes and a manifest.

        Parameters
        ----------
        reference
            What to find.
        update
            Ask the registries even if the cache has an answer.

        Returns
        -------
        The version, or the card of one that has not been imported on this machine.

        Raises
        ------
        NotFoundError
            If there is no such version; the hint has the versions there are, or near names.
        OfflineError
            If it was not found, and not every registry could be asked.
        """
        search = Search(reference)
        card = self._card(reference)
        kept = self._find_kept(search, card, update=update)
        if kept:
            return kept
        for registry in self._asked(reference):
            digest = search.ask(registry)
            if digest:
                return Version(registry.manifest_bytes(digest), registry.name)
        if card:
            return self.builtin.installed(card, self.local) or card
        if reference.registry in ("", BUILTIN) and reference.name in self.builtin.cards:
            search.note(BUILTIN, [self.builtin.cards[reference.name].version])
        raise search.failure(self.builtin.cards)

    def pull(
        self,
        reference: Reference,
        *,
        to: Path | None = None,
        update: bool = False,
        only: Callable[[str], bool] | None = None,
        progress: Progress | None = None,
    ) -> LocalVersion:
        """Get a version, and return it with the plain directory that its files are in.

        Parameters
        ----------
        reference
            What to get.
        to
            A directory of the user's own, new or empty, that shares no bytes with the cache.
        update
            Ask the registries even if the cache has an answer.
        only
            Says of a file's path whether it is wanted; all are by default.
        progress
            Told of the bytes as they arrive.

        Raises
        ------
        NotFoundError, OfflineError
            As for `resolve`, or if files are missing here and cannot be fetched.
        IntegrityError
            If bytes are not what they should be, and no right ones can be had.
        StorageError
            If the disk is full or cannot be written.
        ExistsError
            If `to` holds something else.
        """
        found = self.resolve(reference, update=update)
        if isinstance(found, Card):
            found = self.builtin.install(found, self.local, progress)
        try:
            return self._check_out(found, reference.alias, to, only, progress)
        except DamagedBlobError:
            # What was damaged has been dropped, so that this time it is fetched.
            return self._check_out(found, reference.alias, to, only, progress)

    def publish(
        self,
        directory: Path,
        name: str,
        version: str,
        *,
        kind: str,
        metadata: dict[str, Any],
        parents: Sequence[Parent] = (),
        licence: str = "",
        to: str = LOCAL,
    ) -> LocalVersion:
        """Make the files of a directory a version, for good, and pull it back.

        Parameters
        ----------
        directory
            All files in it become part of the version.
        name, version
            What it is called.
        kind
            ``model`` or ``dataset``.
        metadata
            Anything that is JSON; ``description`` is shown in lists.
        parents
            The versions that it was made from.
        licence
            Under which others may use it.
        to
            The name of a registry, or a directory; this machine's own registry by default.

        Raises
        ------
        ExistsError
            If the version is there already, or a built-in card has the name.
        InvalidReferenceError
            If name or version are not written as they must be.
        StorageError
            If the registry cannot be written.
        """
        registry = self.check_free(name, version, to)
        manifest = describe_directory(
            directory,
            name,
            version,
            kind=kind,
            metadata=metadata,
            parents=parents,
            licence=licence,
        )
        digest = registry.publish(directory, manifest)
        published = Version(registry.manifest_bytes(digest), registry.name)
        if registry is not self.local.own:
            self._fetch(published, published.manifest.files, registry)
            self.local.record(Origin.of(registry), published.data)
        return LocalVersion(published.data, published.origin, self.local.check_out(published))

    def check_free(self, name: str, version: str, to: str = LOCAL) -> Registry:
        """Return the registry that a version can be published to; raises as `publish` does."""
        check_name(name)
        check_version(version)
        if name in self.builtin.cards:
            raise ExistsError(f"{name} is a built-in name", "Publish under another name.")
        registry = self._target(to)
        registry.refuse_existing(name, version)
        return registry

    def readme(self, found: Version | Card) -> str:
        """Return the card of what `resolve` found; empty if it has none."""
        if isinstance(found, Card):
            return found.text
        entry = next((e for e in found.manifest.files if e.path == FILE_NAME), None)
        if entry is None:
            return ""
        self._fetch(found, [entry], self._registry(found.origin))
        blob = self.local.blobs.path(entry.sha256)
        if not is_intact(blob, entry):
            raise IntegrityError(f"the card of {found.reference} is damaged", "Run `hub verify`.")
        return blob.read_text(encoding="utf-8", errors="replace")

    def _card(self, reference: Reference) -> Card | None:
        """Return the built-in card that a reference means."""
        card = self.builtin.cards.get(reference.name)
        if card is None or reference.registry not in ("", BUILTIN):
            return None
        return card if reference.alias or covers(reference.selector, card.version) else None

    def _find_kept(self, search: Search, card: Card | None, *, update: bool) -> Version | None:
        """Return what a reference means, if it is on this machine and the manifest is whole."""
        for origin, index in self._kept(search.reference, update=update):
            digest = search.look_in(origin, index)
            if digest:
                try:
                    return Version(self.local.own.manifest_bytes(digest), origin)
                except IntegrityError:
                    if origin == LOCAL:
                        raise
                    # What came from elsewhere can be had again there.
        return self.builtin.installed(card, self.local) if card and not update else None

    def _kept(self, reference: Reference, *, update: bool) -> Iterator[tuple[str, Index]]:
        """Give the indexes on this machine that may answer, in order."""
        if reference.registry in ("", LOCAL):
            yield LOCAL, self.local.own_index()
        if update:
            return
        configured = [Origin.of(registry).key for registry in self.registries]
        names = {registry.name for registry in self.registries}
        # A registry that was removed still answers from the cache, but one that was pointed
        # elsewhere does not answer with what its old place held.
        removed = [
            key
            for key in sorted(self.local.origin_keys(), key=lambda key: key == BUILTIN_ORIGIN.key)
            if Origin.name_of(key) not in names
        ]
        for key in configured + removed:
            if reference.registry in ("", Origin.name_of(key)):
                yield Origin.name_of(key), self.local.cached_index(key)

    def _asked(self, reference: Reference) -> list[Registry]:
        """Return the registries that may have what a reference means, in order."""
        return [each for each in self.registries if reference.registry in ("", each.name)]

    def _registry(self, name: str) -> Registry | None:
        return next((each for each in self.registries if each.name == name), None)

    def _complete(
        self,
        version: Version,
        alias: str,
        only: Callable[[str], bool] | None,
        progress: Progress | None,
    ) -> Version:
        """Return the version once the blobs that are wanted are here, from where it came."""
        card = self._card(version.reference) if version.origin == BUILTIN else None
        if card and not self.local.holds(version):
            return self.builtin.install(card, self.local, progress)
        registry = self._registry(version.origin)
        self._fetch(version, _wanted(version, only), registry, progress)
        if registry:
            if self.local.holds(version):
                self.local.mark_whole(version.digest)
            else:
                self.local.mark_partial(version.digest)
            self.local.record(Origin.of(registry), version.data, alias)
        return version

    def _fetch(
        self,
        version: Version,
        entries: Sequence[FileEntry],
        registry: Registry | None,
        progress: Progress | None = None,
    ) -> None:
        """Bring missing blobs of a version from its registry; None if there is none to ask."""
        missing = [entry for entry in entries if not self.local.blobs.has(entry)]
        if missing and registry is None:
            names = ", ".join(entry.path for entry in missing)
            raise IntegrityError(
                f"{version.reference} lacks {names} on this machine, and no other place has it",
                "Add the registry that it came from (`hub registry add`), or publish it again.",
            )
        if registry:
            files = [(blob_path(entry.sha256), entry) for entry in missing]
            fetch(registry.store, files, self.local.blobs, progress)

    def _check_out(
        self,
        version: Version,
        alias: str,
        to: Path | None,
        only: Callable[[str], bool] | None,
        progress: Progress | None,
    ) -> LocalVersion:
        version = self._complete(version, alias, only, progress)
        files = _wanted(version, only)
        path = self._copy_out(version, to, files) if to else self.local.check_out(version, files)
        return LocalVersion(version.data, version.origin, path)

    def _copy_out(self, version: Version, to: Path, files: Sequence[FileEntry]) -> Path:
        """Give the user files of their own."""
        with storage_errors(to):
            taken = to.exists() and any(to.iterdir())
        if not taken:
            self.local.blobs.check_out(files, to, link=False)
        elif damaged_files(to, files):
            raise ExistsError(
                f"{to} holds something other than {version.reference}",
                "Name a directory that is new or empty.",
            )
        return to

    def _target(self, to: str) -> Registry:
        """Return the registry to publish to."""
        known = {registry.name: registry for registry in (*self.registries, self.local.own)}
        if to in known:
            return known[to]
        if not re.search(r"[/\\~]|^\.", to):
            raise NotFoundError(
                f"there is no registry '{to}'; there are {', '.join(known)}",
                "Add it (`hub registry add`), or give a directory as ./directory.",
            )
        store = open_store(to)
        same = next((each for each in known.values() if each.location == store.location), None)
        name = re.sub(r"[^a-z0-9]+", "-", Path(store.location).name.lower()).strip("-")
        return same or Registry(name or "directory", store)


def _wanted(version: Version, only: Callable[[str], bool] | None) -> tuple[FileEntry, ...]:
    files = version.manifest.files
    return files if only is None else tuple(entry for entry in files if only(entry.path))
