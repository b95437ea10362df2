"""Steps of a lineage, and the records that they are read from."""

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

_RELATIONS = {
    "fine-tuned": "fine-tuned from",
    "trained-on": "trained on",
    "labelled-by": "labelled by",
    "computed-by": "computed by",
    "relabelled": "relabelled from",
    "extended": "extended from",
    "transmuted": "transmuted from",
    "": "made from",
}


@dataclass(frozen=True)
class Step:
    """One step of a lineage: a model, dataset, teacher or file, and what it was made from.

    Attributes
    ----------
    name
        Its name.
    kind
        ``model``, ``dataset``, ``teacher`` or ``files``.
    relation
        How the step above was made from it, such as ``fine-tuned``; empty at the top.
    digest
        Of its manifest; empty if it is not a version.
    command
        The command that repeats this step, or gets its result; empty if unknown.
    unknown
        What is not recorded, in words.
    citation
        How to cite it, according to its card.
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

    @property
    def relation_text(self) -> str:
        """The relation for people, such as ``fine-tuned from``."""
        kind, _, label = self.relation.partition(" ")
        return " ".join(filter(None, (_RELATIONS.get(kind, kind), label)))

    def walk(self) -> Iterator[Step]:
        """Yield this step and all before it."""
        yield self
        for parent in self.parents:
            yield from parent.walk()


@dataclass(frozen=True)
class Record:
    """What is recorded about a model or dataset.

    Attributes
    ----------
    step
        Its step, without parents.
    name, version
        In a registry; empty for a directory.
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
    """Return the value of a key if it is a mapping, otherwise an empty one."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def front_matter(text: str, place: str) -> Mapping[str, Any]:
    """Return the front matter of a card; empty if it has none, as other people's cards may."""
    try:
        return split_front_matter(text, place)[0]
    except SettingsError:
        return {}


def label_sets(metadata: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a manifest, or the card of a published dataset, records of each label set."""
    stated = mapping(mapping(metadata, "dataset"), "label_sets")
    stated = stated or mapping(mapping(card, "dataset"), "labels")
    return {name: about for name, about in stated.items() if isinstance(about, dict)}


def label_sets_of(found: Version | Card) -> dict[str, dict[str, Any]]:
    """Return what is recorded of each label set of a dataset."""
    if isinstance(found, Card):
        return label_sets({}, found.front_matter)
    return label_sets(found.manifest.metadata, {})


def label_sets_in(directory: Path) -> dict[str, Any]:
    """Return what a dataset directory records of its label sets, in the form of a manifest."""
    from hub.datasets.dataset import Dataset  # with numpy and zarr

    named = Dataset(directory).label_sets.items()
    return {"dataset": {"label_sets": {name: each.to_attributes() for name, each in named}}}


def missing(parent: Parent, kind: str, problem: RegistryError) -> Step:
    """Return the step of a parent that cannot be found."""
    name = f"{parent.name}@{parent.version}"
    unknown = (f"its origin: {problem.message}",)
    return Step(name, kind, parent.relation, parent.digest, unknown=unknown)


def cited(step: Step, stated: Mapping[str, Any]) -> Step:
    """Return a step with its recorded citation."""
    return replace(step, citation=str(stated.get("citation") or "").strip())
