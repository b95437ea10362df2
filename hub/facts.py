"""What is known of versions without loading them: elements, architecture and licence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

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


class Facts(Struct, frozen=True):
    """What a version says of itself; empty where it says nothing.

    Attributes
    ----------
    elements
        Chemical symbols that a model covers, or that occur in a dataset.
    architecture
        Name of a model's architecture.
    licence
        Licence identifier.
    level_of_theory
        That of the labels that a foundation model was trained on.
    """

    elements: tuple[str, ...] = ()
    architecture: str = ""
    licence: str = ""
    level_of_theory: str = ""


def listed_facts(names: Catalogue, row: Listing) -> Facts:
    """Return what is known of a version that is listed.

    Raises
    ------
    RegistryError
        If its manifest cannot be read.
    """
    if row.origin == BUILTIN:
        return facts_of(_builtin(names, row))
    return facts_of(names.resolve(Reference(row.name, row.version, row.origin)))


def _builtin(names: Catalogue, row: Listing) -> Version | Card:
    """Return what is built in, without making or locking anything."""
    card = names.builtin.cards.get(row.name)
    if card is not None:
        return card
    shipped = names.builtin.shipped
    return shipped.version(row.name, shipped.entries([row.name])[row.name], row.version)


def facts_of(found: Version | Card) -> Facts:
    """Return what a version, or the card of one that is not imported yet, says of itself."""
    if isinstance(found, Card):
        return _facts_of_card(found)
    manifest = found.manifest
    stated = manifest.metadata if manifest.kind == "model" else manifest.metadata.get("dataset")
    return _facts(stated, manifest.licence)


def _facts_of_card(card: Card) -> Facts:
    if card.kind == "dataset":
        return _facts({"elements": _labelled_elements(card)}, card.licence)
    model = _mapping(card.front_matter.get("model"))
    own = _mapping(model.get("architecture")).get("name", "")
    architecture = ARCHITECTURES.get(card.importer, own)
    return _facts({**model, "architecture": architecture}, card.licence)


def _labelled_elements(card: Card) -> list[str]:
    """Return the elements of which the label sets in a dataset's card state atomic energies."""
    label_sets = _mapping(_mapping(card.front_matter.get("dataset")).get("labels"))
    energies = [_mapping(_mapping(each).get("reference_energies")) for each in label_sets.values()]
    return sorted({str(symbol) for each in energies for symbol in each})


def _mapping(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _facts(stated: Any, licence: str) -> Facts:
    content = _mapping(stated)
    elements = content.get("elements")
    texts = elements if isinstance(elements, list) else []
    return Facts(
        tuple(map(str, texts)),
        str(content.get("architecture", "")),
        licence,
        str(content.get("level_of_theory", "")),
    )


def models_that_know(
    elements: Iterable[str], *, shipped: bool = False, trainable: bool = True
) -> list[str]:
    """Return the models on this machine and the built-in ones that cover all elements.

    Parameters
    ----------
    elements
        Chemical symbols.
    shipped
        Only those that come with the package and need no network.
    trainable
        Only those that can be trained; if False, also others whose packages are installed.

    Returns
    -------
    Their names; those that cover the fewest other elements come first.
    """
    names, wanted = catalogue(), set(elements)
    known = names.builtin.shipped.names() if shipped else set()
    found = []
    for row in listings(names):
        if row.kind != "model" or (shipped and not (row.origin == BUILTIN and row.name in known)):
            continue
        try:
            facts = listed_facts(names, row)
        except RegistryError:
            continue  # a damaged version is no advice
        if wanted.issubset(facts.elements) and _serves(facts.architecture, trainable=trainable):
            found.append((len(facts.elements), row.name))
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _serves(name: str, *, trainable: bool) -> bool:
    """Whether models of an architecture can be trained, or at least used; True if unknown."""
    # With numpy, which `hub list` does without.
    from hub.potentials.architectures import architecture, known_architectures

    if name not in known_architectures():
        return True
    found = architecture(name)
    return found.is_trainable or (not trainable and not found.missing())
