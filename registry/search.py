"""The search for one reference: the places searched, and the error if nothing matches."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from registry.errors import IntegrityError, NotFoundError, OfflineError, RegistryError
from registry.references import version_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.download import Retries
    from registry.index import Entry
    from registry.references import Reference
    from registry.registry import Registry
    from registry.versions import Version

logger = logging.getLogger(__name__)


class Place(Protocol):
    """A place to search for names: a registry, or an index on this machine."""

    name: str

    def names(self) -> set[str]:
        """Return all names."""

    def entry(self, name: str, retries: Retries | None = None, /) -> Entry | None:
        """Return the entry of a name, or None."""

    def version(self, name: str, entry: Entry, number: str, /) -> Version:
        """Return a version that an entry lists."""


class Search:
    """Search for a reference in one place after another, remembering what was found.

    Parameters
    ----------
    reference
        The reference to resolve.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._places: list[Place] = []
        self._versions: dict[str, set[str]] = {}
        self._unreachable: dict[str, OfflineError] = {}
        self.remark = ""  # ends the hint of `failure`

    def look_in(self, place: Place) -> Version | None:
        """Return the version that matches the reference in a place, if any."""
        self._places.append(place)
        return self._select(place, place.entry(self.reference.name))

    def ask(self, registry: Registry) -> tuple[Version | None, Entry | None]:
        """Do the same in a registry, which may be unreachable; also return its entry."""
        try:
            entry = registry.entry(self.reference.name)
        except OfflineError as problem:
            self._unreachable[registry.name] = problem
            logger.warning("registry %s could not be queried: %s", registry.name, problem.message)
            return None, None
        self._places.append(registry)
        return self._select(registry, entry), entry

    def has_asked(self, registry: Registry) -> bool:
        """Whether a registry has answered."""
        return registry in self._places

    def note(self, place: str, versions: Iterable[str]) -> None:
        """Remember that a place has the name in these versions."""
        self._versions.setdefault(place, set()).update(versions)

    def failure(self, cards: Iterable[str]) -> RegistryError:
        """Return the error to raise when nothing was found; `cards` are further known names."""
        if self._unreachable:
            problem = next(iter(self._unreachable.values()))
            return OfflineError(
                f"'{self.reference}' is not on this machine, and could not be searched in "
                f"{', '.join(self._unreachable)}: {problem.message}",
                self._hint(cards) or problem.hint,
            )
        hint = f"{self._hint(cards)} {self.remark}".strip()
        return NotFoundError(f"'{self.reference}' not found", hint)

    def _select(self, place: Place, entry: Entry | None) -> Version | None:
        if entry is None:
            return None
        self.note(place.name, entry.versions)
        number = entry.select(self.reference.selector)
        return place.version(self.reference.name, entry, number) if number else None

    def _hint(self, cards: Iterable[str]) -> str:
        if any(self._versions.values()):
            places = [
                f"{place} has {', '.join(sorted(versions, key=version_order))}"
                for place, versions in self._versions.items()
            ]
            return f"Versions of {self.reference.name}: {'; '.join(places)}."
        from difflib import get_close_matches

        near = get_close_matches(self.reference.name, self._names().union(cards))
        if near:
            return f"Did you mean {' or '.join(near)}?"
        return "" if self._unreachable else "List the known names: hub list"

    def _names(self) -> set[str]:
        names: set[str] = set()
        for place in self._places:
            try:
                names |= place.names()
            except (OfflineError, IntegrityError):
                continue  # This is only for a suggestion; the search itself reports the problem.
        return names
