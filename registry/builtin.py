"""The built-in registry: published files, fetched by their cards and imported once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.cards import FILE_NAME, Card
from registry.errors import (
    IncompatibleError,
    IntegrityError,
    NotFoundError,
    OfflineError,
    RegistryError,
)
from registry.files import is_intact, scratch_directory, write_atomically
from registry.local import BUILTIN, BUILTIN_ORIGIN
from registry.registry import describe_directory, put_content
from registry.stores import open_store
from registry.transfer import fetch
from registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.local import LocalStore
    from registry.stores.base import Store
    from registry.transfer import Progress

# Reads a published file, writes a version's files into an empty directory, returns metadata.
Importer = Callable[[Card, Path, Path], dict[str, Any]]

logger = logging.getLogger(__name__)


class Builtin:
    """Versions that are made on this machine from published files.

    Parameters
    ----------
    cards
        What there is, by name.
    importers
        What turns a source file into a version, by the name that cards use.
    mirror
        A place that may hold the source files by repository name and path; asked first.
    offline
        Refuse to use the network.
    """

    def __init__(
        self,
        cards: Mapping[str, Card],
        importers: Mapping[str, Importer],
        mirror: str = "",
        *,
        offline: bool = False,
    ) -> None:
        self.cards = cards
        self.importers = importers
        self.mirror = mirror
        self.offline = offline

    def install(self, card: Card, local: LocalStore, progress: Progress | None = None) -> Version:
        """Bring the version that a card describes into the local store, if it is not there.

        Raises
        ------
        IntegrityError
            If the source file that can be had is not the one that the card describes.
        OfflineError
            If no place that has the source file can be reached.
        IncompatibleError
            If this release has no importer for it.
        """
        importer = self.importers.get(card.importer)
        if importer is None:
            raise IncompatibleError(
                f"{card.name} needs the importer {card.importer!r}, which is not in this release",
                "Update mlip-hub.",
            )
        with local.files.locked(f"import-{card.name}"):
            # Another process may have imported it while we waited.
            version = self.installed(card, local)
            if version is None or not local.holds(version):
                source = self._fetch_source(card, local, progress)
                version = _import(card, importer, source, local)
        return version

    def installed(self, card: Card, local: LocalStore) -> Version | None:
        """Return the version that was imported from a card, if its manifest is here and whole."""
        entry = local.cached_index(BUILTIN_ORIGIN.key).entries.get(card.name)
        row = entry and entry.versions.get(card.version)
        if not row:
            return None
        try:
            return Version(local.own.manifest_bytes(row.digest), BUILTIN)
        except IntegrityError:
            return None

    def _fetch_source(self, card: Card, local: LocalStore, progress: Progress | None) -> Path:
        """Return the published file, kept as a blob and verified."""
        entry = card.source.entry
        blob = local.blobs.path(entry.sha256)
        if is_intact(blob, entry):
            return blob
        local.blobs.drop(entry.sha256)
        failures: list[RegistryError] = []
        for store, path in self._places(card):
            try:
                fetch(store, [(path, entry)], local.blobs, progress)
            except (IntegrityError, OfflineError, NotFoundError) as problem:
                failures.append(problem)
                if not isinstance(problem, NotFoundError):
                    logger.warning("%s: %s", card.name, problem.message)
            else:
                return blob
        raise _most_telling(card, failures)

    def _places(self, card: Card) -> list[tuple[Store, str]]:
        """Return where the published file may be: the mirror first, then its own address."""
        upstream = (open_store(card.source.url, offline=self.offline), "")
        if not self.mirror:
            return [upstream]
        return [(open_store(self.mirror, offline=self.offline), card.source.mirror_path), upstream]


def _most_telling(card: Card, failures: list[RegistryError]) -> RegistryError:
    """Return one error for all the places that failed: a wrong file says most, a lack least."""
    kinds = (IntegrityError, OfflineError, NotFoundError)
    failure = min(failures, key=lambda each: kinds.index(type(each)))
    reasons = "; ".join(each.message for each in failures)
    return type(failure)(f"cannot get the published file of {card.name}: {reasons}", failure.hint)


def _import(card: Card, importer: Importer, source: Path, local: LocalStore) -> Version:
    """Run the importer, and keep what it makes."""
    with scratch_directory(local.files.parts) as workdir:
        imported = importer(card, source, workdir)
        write_atomically(workdir / FILE_NAME, card.text.encode())
        metadata = {"description": card.description, "source": asdict(card.source), **imported}
        manifest = describe_directory(
            workdir,
            card.name,
            card.version,
            kind=card.kind,
            metadata=metadata,
            licence=card.licence,
        )
        digest = put_content(local.files, workdir, manifest)
    data = local.own.manifest_bytes(digest)
    local.record(BUILTIN_ORIGIN, data, replace=True)
    return Version(data, BUILTIN)
