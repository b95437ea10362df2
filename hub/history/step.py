"""One step of a lineage, and what a record states of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from registry.cards import Card, split_front_matter
from registry.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from registry.errors import RegistryError
    from registry.manifest import Parent
    from registry.versions import Version


@dataclass(frozen=True)
class Step:
    """One step of a lineage: a model, dataset, teacher or file, and what it was made from.

    Attributes
    ----------
    name
        What it is called.
    kind
        ``model``, ``dataset``, ``teacher`` or ``files``.
    relation
        How what stands above was made from it, such as ``fine-tuned``; empty at the top.
    digest
        Of its manifest; empty if it is no version.
    command
        The command that repeats this step, or gets its result; empty if it is not known.
    unknown
        What is not recorded, in words.
    citation
        How to cite it, as far as its card says so.
    parents
        What it was made from.
    """

    name: str
    kind: str
    relation: str = ""
    digest: str = ""
    command: str = ""
    unknown: tuple[str, ...] = ()
    citation: str = ""
    parents: tuple[Step, ...] = ()

    def walk(self) -> Iterator[Step]:
        """Give this step and all before it."""
        yield self
        for parent in self.parents:
            yield from parent.walk()


@dataclass(frozen=True)
class Record:
    """What is stated about a model or dataset, wherever that stands.

    Attributes
    ----------
    step
        Its step, without parents.
    name, version
        What it is called in a registry; empty for a directory.
    card
        The front matter of its card.
    metadata
        Of its manifest.
    parents
        The versions that its manifest names.
    """

    step: Step
    name: str = ""
    version: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[Parent, ...] = ()


def mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return what stands under a key, if it is a mapping; else an empty one."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def front_matter(text: str, place: str) -> Mapping[str, Any]:
    """Return the front matter of a card; empty if it has none, as cards of others may."""
    try:
        return split_front_matter(text, place)[0]
    except SettingsError:
        return {}


def label_sets(metadata: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a manifest, or the card of a published dataset, says of each label set."""
    stated = mapping(mapping(metadata, "dataset"), "label_sets")
    stated = stated or mapping(mapping(card, "dataset"), "labels")
    return {name: about for name, about in stated.items() if isinstance(about, dict)}


def label_sets_of(found: Version | Card) -> dict[str, dict[str, Any]]:
    """Return what is said of each label set of a dataset that was found."""
    if isinstance(found, Card):
        return label_sets({}, found.front_matter)
    return label_sets(found.manifest.metadata, {})


def label_sets_in(directory: Path) -> dict[str, Any]:
    """Return what the dataset in a directory says of its label sets, as a manifest has it."""
    from hub.datasets.dataset import Dataset  # with numpy and zarr

    named = Dataset(directory).label_sets.items()
    return {"dataset": {"label_sets": {name: each.to_attributes() for name, each in named}}}


def missing(parent: Parent, kind: str, problem: RegistryError) -> Step:
    """Return the step of a parent that cannot be found."""
    name = f"{parent.name}@{parent.version}"
    unknown = (f"where it comes from: {problem.message}",)
    return Step(name, kind, parent.relation, parent.digest, unknown=unknown)


def cited(step: Step, stated: Mapping[str, Any]) -> Step:
    """Return a step with the citation that is stated for it."""
    return replace(step, citation=str(stated.get("citation") or "").strip())
