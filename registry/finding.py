"""Resolve references: this machine first, then the registries in order, then the cards."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from registry.download import Retries
from registry.errors import IntegrityError, RegistryError
from registry.huggingface.addresses import is_address
from registry.origins import BUILTIN, BUILTIN_ORIGIN, LOCAL, Origin
from registry.references import covers
from registry.search import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from registry.builtin import Builtin
    from registry.cards import Card
    from registry.huggingface.registry import HuggingFaceRegistry
    from registry.index import Entry
    from registry.local import LocalStore
    from registry.references import Reference
    from registry.registry import Registry
    from registry.search import Place
    from registry.trust import Seen
    from registry.versions import Version

# Do not wait long for an answer that is only used in a warning.
ONCE = Retries(attempts=1)

logger = logging.getLogger(__name__)


class Finder:
    """Resolve references; fetch only indexes and one manifest.

    A built-in name refers to the built-in version; a registry's own version of it is written
    ``registry/name``.

    Parameters
    ----------
    local, registries, builtin, seen
        As for `Catalogue`.
    addressed
        Opens an address on the Hugging Face Hub.
    """

    def __init__(
        self,
        local: LocalStore,
        registries: Sequence[Registry],
        builtin: Builtin,
        seen: Seen,
        addressed: Callable[[str], HuggingFaceRegistry],
    ) -> None:
        self.local = local
        self.registries = registries
        self.builtin = builtin
        self.seen = seen
        self.addressed = addressed

    def find(
        self, reference: Reference, *, update: bool = False, accept: bool = False
    ) -> Version | Card:
        """Resolve a reference; raises like `Catalogue.resolve`."""
        search = Search(reference)
        card = self.card(reference)
        kept = self._find_kept(search, card, update=update or accept)
        if kept:
            return kept
        asked = self._asked(reference)
        for registry in asked:
            version, entry = search.ask(registry)
            if search.has_asked(registry):
                self._report_lost(registry, reference.name, entry)
                self._require_found(reference, entry)
            if version:
                if not accept:
                    self.seen.require_same(version, registry.location)
                if not reference.registry:
                    others = asked[asked.index(registry) + 1 :]
                    self._report_others(version, others)
                return version
        if card:
            return self.builtin.installed(card, self.local) or card
        if reference.registry in ("", BUILTIN) and reference.name in self.builtin.cards:
            search.note(BUILTIN, [self.builtin.cards[reference.name].version])
        if self._means_builtin(reference) and self.registries:
            search.remark = (
                "Other registries are not searched for a built-in name. To use one, write "
                f"{self.registries[0].name}/{reference.name}"
            )
        raise search.failure(self.builtin.cards)

    def card(self, reference: Reference) -> Card | None:
        """Return the built-in card that a reference refers to."""
        card = self.builtin.cards.get(reference.name)
        if card is None or reference.registry not in ("", BUILTIN):
            return None
        return card if reference.alias or covers(reference.selector, card.version) else None

    def _means_builtin(self, reference: Reference) -> bool:
        return reference.registry == "" and reference.name in self.builtin.names()

    def _find_kept(self, search: Search, card: Card | None, *, update: bool) -> Version | None:
        """Resolve a reference on this machine, if the manifest is intact."""
        places = list(self._kept(search.reference, update=update))
        for number, place in enumerate(places):
            try:
                found = search.look_in(place)
            except IntegrityError:
                if place.name == LOCAL:
                    raise
                continue  # It can be pulled again from its registry.
            if found:
                if not search.reference.registry:
                    self._report_others(found, places[number + 1 :])
                return found
        return self.builtin.installed(card, self.local) if card and not update else None

    def _kept(self, reference: Reference, *, update: bool) -> Iterator[Place]:
        """Yield the local indexes to search, in order."""
        if reference.registry in ("", LOCAL):
            yield self.local.index()
        if update:
            return
        if not self._means_builtin(reference):
            configured = [Origin.of(registry).key for registry in self.registries]
            # A registry that was removed still answers from the cache, but one whose location was
            # changed does not answer with the versions of its old location.
            others = {LOCAL, BUILTIN, *(registry.name for registry in self.registries)}
            removed = [index.key for index in self.local.indexes() if index.name not in others]
            for index in map(self.local.index, configured + removed):
                # What was pulled by its address is found by its address only.
                if reference.registry == index.name or not (
                    reference.registry or is_address(index.name)
                ):
                    yield index
        if reference.registry in ("", BUILTIN):
            yield self.builtin.shipped
            # Versions shipped with an older release may still be in the cache.
            yield self.local.index(BUILTIN_ORIGIN.key)

    def _asked(self, reference: Reference) -> list[Registry]:
        """Return the registries to search for a reference, in order."""
        if self._means_builtin(reference):
            return [self.builtin.shipped]
        if is_address(reference.registry):
            return [self.addressed(reference.registry)]
        registries = (*self.registries, self.builtin.shipped)
        return [each for each in registries if reference.registry in ("", each.name)]

    def _require_found(self, reference: Reference, entry: Entry | None) -> None:
        """Raise if the address of one repository leads nowhere, and say what is there."""
        if entry is None and is_address(reference.registry):
            raise self.addressed(reference.registry).absence(reference.name)

    def _report_lost(self, registry: Registry, name: str, entry: Entry | None) -> None:
        """Warn of versions that this machine has seen in a registry but that are now missing."""
        lost = self.seen.lost(registry.location, name, entry)
        if lost:
            logger.warning(
                "the registry %s at %s no longer lists %s, which this machine has seen there "
                "before: its index was damaged or restored from an older state",
                registry.name,
                registry.location,
                ", ".join(f"{name}@{version}" for version in lost),
            )

    def _report_others(self, taken: Version, places: Iterable[Place]) -> None:
        """Warn of other registries with different content under the same name and version."""
        name, version = taken.manifest.name, taken.manifest.version
        for place in places:
            entry = None
            with suppress(RegistryError):
                entry = place.entry(name, ONCE)
            row = entry.versions.get(version) if entry else None
            if row and row.digest != taken.digest:
                logger.warning(
                    "%s@%s was taken from %s (sha256:%s); %s has different content under this name "
                    "(sha256:%s), available as %s/%s",
                    name,
                    version,
                    taken.origin,
                    taken.digest[:16],
                    place.name,
                    row.digest[:16],
                    place.name,
                    name,
                )
