"""Elements and architectures of models, without loading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.importers import ARCHITECTURES
from hub.library import catalogue
from registry.cards import Card
from registry.errors import RegistryError
from registry.listing import listings
from registry.origins import BUILTIN
from registry.references import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.catalogue import Catalogue
    from registry.listing import Listing
    from registry.versions import Version


@dataclass(frozen=True)
class ModelFacts:
    """The properties of a model according to its version; empty if not given.

    Attributes
    ----------
    elements
        Chemical symbols that it supports.
    architecture
        The name of its architecture.
    """

    elements: tuple[str, ...] = ()
    architecture: str = ""


def model_facts(names: Catalogue, row: Listing) -> ModelFacts:
    """Return the properties of a listed model; empty for a dataset.

    Raises
    ------
    RegistryError
        If its manifest is not available.
    """
    if row.kind != "model":
        return ModelFacts()
    if row.origin == BUILTIN:
        return facts_of(_builtin(names, row))
    return facts_of(names.resolve(Reference(row.name, row.version, row.origin)))


def _builtin(names: Catalogue, row: Listing) -> Version | Card:
    """Return the built-in version or card, without writing or locking anything."""
    card = names.builtin.cards.get(row.name)
    if card is not None:
        return card
    shipped = names.builtin.shipped
    return shipped.version(row.name, shipped.entries([row.name])[row.name], row.version)


def facts_of(found: Version | Card) -> ModelFacts:
    """Return the model properties in a version, or in the card of one not imported yet."""
    if isinstance(found, Card):
        return _facts_of_card(found)
    return _facts(found.manifest.metadata)


def _facts_of_card(card: Card) -> ModelFacts:
    stated = card.front_matter.get("model")
    model = stated if isinstance(stated, dict) else {}
    named = model.get("architecture")
    own = named.get("name", "") if isinstance(named, dict) else ""
    return _facts({**model, "architecture": ARCHITECTURES.get(card.importer, own)})


def models_that_know(elements: Iterable[str], *, shipped: bool = False) -> list[str]:
    """Return the local and built-in models that support all these elements.

    Parameters
    ----------
    elements
        Chemical symbols.
    shipped
        Only models that come with the package and need no network.

    Returns
    -------
    Their names; those with the fewest other elements come first.
    """
    names, wanted = catalogue(), set(elements)
    known = names.builtin.shipped.names() if shipped else set()
    found = []
    for row in listings(names):
        if row.kind != "model" or (shipped and not (row.origin == BUILTIN and row.name in known)):
            continue
        try:
            facts = model_facts(names, row)
        except RegistryError:
            continue  # do not recommend a corrupted version
        if wanted.issubset(facts.elements):
            found.append((len(facts.elements), row.name))
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _facts(metadata: dict[str, Any]) -> ModelFacts:
    elements = metadata.get("elements")
    texts = elements if isinstance(elements, list) else []
    return ModelFacts(tuple(map(str, texts)), str(metadata.get("architecture", "")))
