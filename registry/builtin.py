"""The built-in registry: versions shipped with the package, and cards of published files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.cards import FILE_NAME, Card
from registry.content import describe_directory, put_content
from registry.errors import (
    IncompatibleError,
    IntegrityError,
    NotFoundError,
    OfflineError,
    RegistryError,
)
from registry.files import is_intact, scratch_directory, write_atomically
from registry.installed import InstalledFile
from registry.origins import BUILTIN, BUILTIN_ORIGIN
from registry.removal import discard, is_marked
from registry.shipped import ShippedRegistry
from registry.stores import open_store
from registry.transfer import download, fetch
from registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.download import Progress
    from registry.local import LocalStore
    from registry.sources import Source
    from registry.stores.base import Store

# Reads published files, writes the files of a version into an empty directory, returns metadata.
Importer = Callable[[Card, "Sequence[Path]", Path], dict[str, Any]]

logger = logging.getLogger(__name__)


class Builtin:
    """Versions that ship with the package, and others made locally from published files.

    Parameters
    ----------
    cards
        The cards of the published files, by name.
    importer_named
        Finds the importer that turns source files into a version, by the name used in cards; None
        if there is no importer of that name.
    mirror
        A location that may have the source files by repository name and path; tried first.
    offline
        Refuse to use the network.
    shipped
        The versions that ship with the package.
    """

    def __init__(
        self,
        cards: Mapping[str, Card],
        importer_named: Callable[[str], Importer | None],
        mirror: str = "",
        *,
        offline: bool = False,
        shipped: ShippedRegistry | None = None,
    ) -> None:
        self.cards = cards
        self.importer_named = importer_named
        self.mirror = mirror
        self.offline = offline
        self.shipped = shipped or ShippedRegistry()

    def names(self) -> set[str]:
        """Return all built-in names."""
        return {*self.cards, *self.shipped.names()}

    def install(self, card: Card, local: LocalStore, progress: Progress | None = None) -> Version:
        """Bring the version that a card describes into the local store, unless it is there.

        Raises
        ------
        IntegrityError
            If the source file does not match the card.
        OfflineError
            If no location of the source file can be reached.
        IncompatibleError
            If this release has no importer for it, or a required Python package is missing.
        """
        importer = self.importer_named(card.importer)
        if importer is None:
            raise IncompatibleError(
                f"{card.name} needs the importer {card.importer!r}, which is not in this release",
                "Update mlip-hub, or install the package that provides it.",
            )
        with local.files.locked(f"import-{card.name}"):
            # Another process may have imported it in the meantime.
            version = self.installed(card, local)
            if version is None or not local.holds(version):
                version = self._install(card, importer, local, progress)
        return version

    def _install(
        self, card: Card, importer: Importer, local: LocalStore, progress: Progress | None
    ) -> Version:
        """Fetch and import the files of a card. Files that cannot be blobs are kept until then."""
        downloads = local.files.parts / f"sources-of-{card.name}"
        files = [self._fetch(card, source, local, downloads, progress) for source in card.sources]
        version = _import(card, importer, files, local)
        if is_marked(downloads):
            discard(downloads, downloads)
        return version

    def installed(self, card: Card, local: LocalStore) -> Version | None:
        """Return the version imported from a card, if its manifest is present and intact."""
        index = local.index(BUILTIN_ORIGIN.key)
        entry = index.entry(card.name)
        if entry is None or card.version not in entry.versions:
            return None
        try:
            return index.version(card.name, entry, card.version)
        except IntegrityError:
            return None

    def _fetch(
        self,
        card: Card,
        source: Source | InstalledFile,
        local: LocalStore,
        downloads: Path,
        progress: Progress | None,
    ) -> Path:
        """Return a verified published file: a blob if its size and sha256 are known exactly."""
        if isinstance(source, InstalledFile):
            return source.find(card.name)
        blob = local.blobs.path(source.sha256) if source.is_exact else None
        if blob is not None:
            if is_intact(blob, source.entry):
                return blob
            local.blobs.drop(source.sha256)
        failures: list[RegistryError] = []
        for store, path in self._places(source):
            try:
                if blob is None:
                    return download(source, store, path, downloads, progress)
                fetch(store, [(path, source.entry)], local.blobs, progress)
            except (IntegrityError, OfflineError, NotFoundError) as problem:
                failures.append(problem)
                if not isinstance(problem, NotFoundError):
                    logger.warning("%s: %s", card.name, problem.message)
            else:
                return blob
        raise _most_telling(card, failures)

    def _places(self, source: Source) -> list[tuple[Store, str]]:
        """Return the locations to try for a published file: the mirror first, then its own URL."""
        upstream = (open_store(source.url, offline=self.offline), "")
        if not self.mirror:
            return [upstream]
        return [(open_store(self.mirror, offline=self.offline), source.mirror_path), upstream]


def _most_telling(card: Card, failures: list[RegistryError]) -> RegistryError:
    """Return one error for all locations that failed: a wrong file first, a missing one last."""
    kinds = (IntegrityError, OfflineError, NotFoundError)
    failure = min(failures, key=lambda each: kinds.index(type(each)))
    reasons = "; ".join(each.message for each in failures)
    return type(failure)(f"cannot get the published file of {card.name}: {reasons}", failure.hint)


def source_facts(card: Card) -> dict[str, Any]:
    """Return the manifest entry that describes the published file or files."""
    facts = [source.facts() for source in card.sources]
    return {"sources": facts} if "sources" in card.front_matter else {"source": facts[0]}


def _import(card: Card, importer: Importer, files: Sequence[Path], local: LocalStore) -> Version:
    """Run the importer and store its result."""
    with scratch_directory(local.files.parts) as workdir:
        imported = importer(card, files, workdir)
        write_atomically(workdir / FILE_NAME, card.text.encode())
        metadata = {"description": card.description, **source_facts(card), **imported}
        manifest = describe_directory(
            workdir,
            card.name,
            card.version,
            kind=card.kind,
            metadata=metadata,
            licence=card.licence,
        )
        put_content(local.files, workdir, manifest)
    data = manifest.to_bytes()
    local.record(BUILTIN_ORIGIN, data, replace=True)
    return Version(data, BUILTIN)
