"""What there is, a row for each name in each registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.local import BUILTIN, BUILTIN_ORIGIN, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.cards import Card
    from registry.catalogue import Catalogue
    from registry.index import Index


@dataclass(frozen=True)
class Listing:
    """One name in one registry, as its newest version; `size` in bytes."""

    name: str
    version: str
    kind: str
    size: int
    origin: str
    cached: bool
    description: str


def listings(
    catalogue: Catalogue,
    *,
    remote: bool = False,
    failed: Callable[[str, RegistryError], None] | None = None,
) -> list[Listing]:
    """Return every name that is built in or on this machine.

    Parameters
    ----------
    catalogue
        What can be named.
    remote
        Ask the registries too.
    failed
        Told of each registry that cannot be asked, by its name, and why; it is left out.

    Raises
    ------
    RegistryError
        If a registry cannot be asked, and there is nobody to tell.
    """
    rows: dict[tuple[str, str], Listing] = {}
    for origin, index in catalogue.local.indexes():
        rows |= {(row.name, origin): row for row in _of_index(origin, index, kept=index)}
    kept = catalogue.local.cached_index(BUILTIN_ORIGIN.key)
    shipped = _of_index(BUILTIN, catalogue.builtin.shipped.index(), kept)
    rows |= {(row.name, BUILTIN): row for row in shipped}
    for card in catalogue.builtin.cards.values():
        row = rows.get((card.name, BUILTIN))
        if row is None or row.version != card.version:
            rows[card.name, BUILTIN] = _of_card(card)
    for registry in catalogue.registries if remote else ():
        kept = catalogue.local.cached_index(Origin.of(registry).key)
        try:
            index = registry.index()
        except RegistryError as problem:
            if failed is None:
                raise
            failed(registry.name, problem)
            continue
        there = _of_index(registry.name, index, kept)
        rows |= {(row.name, registry.name): row for row in there}
    return [rows[key] for key in sorted(rows)]


def _of_index(origin: str, index: Index, kept: Index) -> Iterator[Listing]:
    for name, entry in index.entries.items():
        version = entry.newest
        here = kept.entries.get(name)
        yield Listing(
            name=name,
            version=version,
            kind=entry.kind,
            size=entry.versions[version].size,
            origin=origin,
            cached=here is not None and version in here.versions,
            description=entry.description,
        )


def _of_card(card: Card) -> Listing:
    return Listing(
        name=card.name,
        version=card.version,
        kind=card.kind,
        size=card.size,
        origin=BUILTIN,
        cached=False,
        description=card.description,
    )
