"""List the known names, one row for each name in each registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from registry.errors import RegistryError
from registry.origins import BUILTIN, BUILTIN_ORIGIN, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.cards import Card
    from registry.catalogue import Catalogue
    from registry.index import Entry


class Listing(Struct, frozen=True):
    """One name in one registry with its newest version; `size` in bytes."""

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
        The catalogue to list.
    remote
        Query the registries, too.
    failed
        Called with the name of each registry that cannot be queried and the reason; the registry
        is left out.

    Raises
    ------
    RegistryError
        If a registry cannot be queried and `failed` is not given.
    """
    rows: dict[tuple[str, str], Listing] = {}
    for index in catalogue.local.indexes():
        here = index.entries()
        rows |= {(row.name, index.name): row for row in _of_entries(index.name, here, here)}
    builtin = catalogue.local.index(BUILTIN_ORIGIN.key).entries()
    shipped = _of_entries(BUILTIN, catalogue.builtin.shipped.entries(), builtin)
    rows |= {(row.name, BUILTIN): row for row in shipped}
    for card in catalogue.builtin.cards.values():
        row = rows.get((card.name, BUILTIN))
        if row is None or row.version != card.version:
            rows[card.name, BUILTIN] = _of_card(card)
    for registry in catalogue.registries if remote else ():
        here = catalogue.local.index(Origin.of(registry).key).entries()
        try:
            there = registry.entries()
        except RegistryError as problem:
            if failed is None:
                raise
            failed(registry.name, problem)
            continue
        listed = _of_entries(registry.name, there, here)
        rows |= {(row.name, registry.name): row for row in listed}
    return [rows[key] for key in sorted(rows)]


def _of_entries(
    origin: str, entries: dict[str, Entry], here: dict[str, Entry]
) -> Iterator[Listing]:
    for name, entry in entries.items():
        version = entry.newest
        yield Listing(
            name=name,
            version=version,
            kind=entry.kind,
            size=entry.versions[version].size,
            origin=origin,
            cached=name in here and version in here[name].versions,
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
