"""One search for one reference: what was looked at, and what to say if nothing fits."""

from __future__ import annotations

import logging
from difflib import get_close_matches
from typing import TYPE_CHECKING

from registry.errors import NotFoundError, OfflineError, RegistryError
from registry.references import version_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.index import Index
    from registry.references import Reference
    from registry.registry import Registry

logger = logging.getLogger(__name__)


class Search:
    """Look for a reference in one index after another, remembering what was seen.

    Parameters
    ----------
    reference
        What to find.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._names: set[str] = set()
        self._versions: dict[str, set[str]] = {}
        self._unreachable: dict[str, OfflineError] = {}

    def look_in(self, place: str, index: Index) -> str | None:
        """Return the digest that the reference means in an index, if it means one there."""
        self._names.update(index.entries)
        entry = index.entries.get(self.reference.name)
        if entry is None:
            return None
        self.note(place, entry.versions)
        version = entry.select(self.reference.selector)
        return entry.versions[version].digest if version else None

    def ask(self, registry: Registry) -> str | None:
        """Do the same in a registry, which may be out of reach."""
        try:
            index = registry.index()
        except OfflineError as problem:
            self._unreachable[registry.name] = problem
            logger.warning("registry %s could not be asked: %s", registry.name, problem.message)
            return None
        return self.look_in(registry.name, index)

    def note(self, place: str, versions: Iterable[str]) -> None:
        """Remember that a place has the name in these versions."""
        self._versions.setdefault(place, set()).update(versions)

    def failure(self, cards: Iterable[str]) -> RegistryError:
        """Return what to raise when nothing was found; `cards` are further names there are."""
        if self._unreachable:
            problem = next(iter(self._unreachable.values()))
            return OfflineError(
                f"'{self.reference}' is not on this machine, and could not be looked for in "
                f"{', '.join(self._unreachable)}: {problem.message}",
                self._hint(cards) or problem.hint,
            )
        return NotFoundError(f"there is no '{self.reference}'", self._hint(cards))

    def _hint(self, cards: Iterable[str]) -> str:
        if any(self._versions.values()):
            places = [
                f"{place} has {', '.join(sorted(versions, key=version_order))}"
                for place, versions in self._versions.items()
            ]
            return f"Of {self.reference.name}, {'; '.join(places)}."
        near = get_close_matches(self.reference.name, self._names.union(cards))
        if near:
            return f"Did you mean {' or '.join(near)}?"
        return "" if self._unreachable else "`hub list` shows what there is."
