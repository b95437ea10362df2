"""Resolve names to versions, and pull them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.blobs import DamagedBlobError
from registry.cards import FILE_NAME, Card
from registry.content import damaged_files
from registry.errors import ExistsError, IntegrityError
from registry.files import is_intact, storage_errors
from registry.finding import Finder
from registry.huggingface.addresses import Address, is_address
from registry.origins import BUILTIN, Origin
from registry.trust import Seen
from registry.versions import LocalVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from registry.builtin import Builtin
    from registry.download import Progress
    from registry.huggingface.registry import HuggingFaceRegistry
    from registry.local import LocalStore
    from registry.manifest import FileEntry
    from registry.references import Reference
    from registry.registry import Registry
    from registry.versions import Version


class Catalogue:
    """Resolves the names that users write, and pulls what they refer to.

    Parameters
    ----------
    local
        The local store. It answers without network access whenever possible.
    registries
        Searched in this order.
    builtin
        Versions shipped with the package are local and found at once; the cards of published files
        are searched last.
    seen
        Digests that this machine has seen before; kept in the local store by default.
    """

    def __init__(
        self,
        local: LocalStore,
        registries: Sequence[Registry],
        builtin: Builtin,
        seen: Seen | None = None,
    ) -> None:
        self.local = local
        self.registries = tuple(registries)
        self.builtin = builtin
        self.seen = seen or Seen(local.root / "seen")
        self._addressed: dict[str, HuggingFaceRegistry] = {}
        self._finder = Finder(local, self.registries, builtin, self.seen, self.addressed)

    def addressed(self, address: str) -> HuggingFaceRegistry:
        """Return the registry at an address on the Hugging Face Hub, which is its name.

        Raises
        ------
        InvalidReferenceError
            If it is no such address.
        """
        if address not in self._addressed:
            from registry.huggingface.registry import HuggingFaceRegistry

            self._addressed[address] = HuggingFaceRegistry(
                address, Address.parse(address), self.local.files, offline=self.builtin.offline
            )
        return self._addressed[address]

    def resolve(
        self, reference: Reference, *, update: bool = False, accept: bool = False
    ) -> Version | Card:
        """Resolve a reference; fetch only indexes and one manifest.

        Parameters
        ----------
        reference
            The reference to resolve.
        update
            Query the registries even if the cache has an answer.
        accept
            Accept a version whose digest differs from the one that this machine has seen before.

        Returns
        -------
        The version, or its card if it has not been imported on this machine.

        Raises
        ------
        NotFoundError
            If there is no such version; the hint lists existing versions or similar names.
        OfflineError
            If it was not found and some registry could not be reached.
        SubstitutedError
            If its digest differs from the one that this machine has seen before.
        """
        with self.local.in_use():
            return self._finder.find(reference, update=update, accept=accept)

    def pull(
        self,
        reference: Reference,
        *,
        to: Path | None = None,
        update: bool = False,
        accept: bool = False,
        only: Callable[[str], bool] | None = None,
        progress: Progress | None = None,
    ) -> LocalVersion:
        """Pull a version, and return it with the plain directory of its files.

        Parameters
        ----------
        reference
            The version to pull.
        to
            A new or empty directory of the user's own, which shares no bytes with the cache.
        update
            Query the registries even if the cache has an answer.
        accept
            Accept a version whose digest differs from the one that this machine has seen before.
        only
            Selects files by path; all files by default.
        progress
            Called with the number of bytes as they arrive.

        Raises
        ------
        NotFoundError, OfflineError
            As for `resolve`, or if missing files cannot be fetched.
        IntegrityError
            If files are corrupted and cannot be fetched again.
        SubstitutedError
            As for `resolve`.
        StorageError
            If the disk is full or cannot be written.
        ExistsError
            If `to` contains something else.
        """
        with self.local.in_use():
            found = self._finder.find(reference, update=update, accept=accept)
            if isinstance(found, Card):
                found = self.builtin.install(found, self.local, progress)
            try:
                return self._check_out(found, reference.alias, to, only, progress)
            except DamagedBlobError:
                # Corrupted blobs have been removed, so this time they are fetched.
                return self._check_out(found, reference.alias, to, only, progress)

    def readme(self, found: Version | Card) -> str:
        """Return the card of a version that `resolve` found; empty if it has none."""
        if isinstance(found, Card):
            return found.text
        entry = next((e for e in found.manifest.files if e.path == FILE_NAME), None)
        if entry is None:
            return ""
        with self.local.in_use():
            self._fetch(found, [entry], self._source(found))
            blob = self.local.blobs.path(entry.sha256)
            if not is_intact(blob, entry):
                raise IntegrityError(
                    f"the card of {found.reference} is corrupted: {blob}", "Run `hub verify`."
                )
            return blob.read_text(encoding="utf-8", errors="replace")

    def _source(self, version: Version) -> Registry | None:
        """Return the registry from which the files of a version can be fetched, if any."""
        if version.origin == BUILTIN:
            is_imported = version.manifest.name in self.builtin.cards
            return None if is_imported else self.builtin.shipped
        if is_address(version.origin):
            return self.addressed(version.origin)
        return next((each for each in self.registries if each.name == version.origin), None)

    def _complete(
        self,
        version: Version,
        alias: str,
        only: Callable[[str], bool] | None,
        progress: Progress | None,
    ) -> Version:
        """Fetch the wanted blobs of a version from its origin, and return the version."""
        card = self._finder.card(version.reference) if version.origin == BUILTIN else None
        if card and not self.local.holds(version):
            return self.builtin.install(card, self.local, progress)
        registry = self._source(version)
        self._fetch(version, _wanted(version, only), registry, progress)
        if registry:
            if self.local.holds(version):
                self.local.mark_whole(version.digest)
            else:
                self.local.mark_partial(version.digest)
            # It was compared with what was seen before: different content was accepted.
            self.local.record(Origin.of(registry), version.data, alias, replace=True)
            if registry.name != BUILTIN:
                self.seen.note(version, registry.location)
        return version

    def _fetch(
        self,
        version: Version,
        entries: Sequence[FileEntry],
        registry: Registry | None,
        progress: Progress | None = None,
    ) -> None:
        """Fetch the missing blobs of a version from its registry (None if it has none)."""
        missing = [entry for entry in entries if not self.local.blobs.has(entry)]
        if missing and registry is None:
            names = ", ".join(entry.path for entry in missing[:10])
            raise IntegrityError(
                f"files of {version.reference} are missing on this machine ({names}), and no "
                "configured registry has them",
                "Add the registry that it came from (`hub registry add`), or publish it again.",
            )
        if registry and missing:
            registry.locate(version)
            registry.fetch(missing, self.local.blobs, progress)

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
        """Copy the files into the user's own directory."""
        with storage_errors(to):
            taken = to.exists() and any(to.iterdir())
        if not taken:
            self.local.blobs.check_out(files, to, link=False)
        elif damaged_files(to, files):
            raise ExistsError(
                f"{to} already contains something other than {version.reference}",
                "Give a new or empty directory.",
            )
        return to


def _wanted(version: Version, only: Callable[[str], bool] | None) -> tuple[FileEntry, ...]:
    files = version.manifest.files
    return files if only is None else tuple(entry for entry in files if only(entry.path))
