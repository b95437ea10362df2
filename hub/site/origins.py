"""Lineage within a site: what each version was made from, and what was made from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from hub.history.step import Step, label_sets_of
from hub.history.tracer import Tracer
from registry.errors import NotFoundError, RegistryError
from registry.origins import BUILTIN
from registry.references import DIGEST_PREFIX, covers, version_order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from hub.site.gathering import Item
    from registry.cards import Card
    from registry.catalogue import Catalogue
    from registry.references import Reference
    from registry.versions import Version

MOST_ANCESTORS = 40
MOST_CHILDREN = 16
# Of what has no page of its own.
_NOTES = {"teacher": "", "files": ""}


@dataclass(frozen=True)
class Origins:
    """The lineage of all versions of a site.

    Attributes
    ----------
    steps
        By reference, how a version was made and from what; parents on the site are not followed.
    children
        By reference, the versions made from it.
    items
        By reference, the versions of the site.
    failed
        By reference, why the lineage of a version cannot be read.
    """

    steps: Mapping[str, Step]
    children: Mapping[str, Sequence[str]]
    items: Mapping[str, Item]
    failed: Mapping[str, str]

    def ancestors(self, reference: str) -> list[Step]:
        """Return everything that a version was made from, each once, the nearest first.

        The parents of each are those that were followed.
        """
        found: dict[str, Step] = {}
        waiting = deque(self._parents(reference))
        while waiting:
            step = waiting.popleft()
            if step.name in found or step.name == reference:
                continue
            found[step.name] = replace(step, parents=self._followed(step))
            waiting += found[step.name].parents
        return list(found.values())

    def data(self, reference: str) -> list[Item]:
        """Return the datasets of the site that a version was directly made from."""
        parents = self._parents(reference)
        return [self.items[each.name] for each in parents if _is_data(each, self.items)]

    def graph(self, reference: str, ancestors: Sequence[Step]) -> dict[str, Any]:
        """Return nodes and edges around a version, for the script that draws them.

        Parameters
        ----------
        reference
            The version.
        ancestors
            What `ancestors` returned for it.
        """
        children = self.children.get(reference, ())
        own = Step(reference, self.items[reference].kind, parents=self._parents(reference))
        steps = {step.name: step for step in (own, *ancestors[:MOST_ANCESTORS])}
        edges = [edge for step in steps.values() for edge in _edges(step, steps)]
        nodes = [self._node(step, is_own=step is own) for step in steps.values()]
        for name in children[:MOST_CHILDREN]:
            child = Step(name, self.items[name].kind, parents=self._parents(name))
            edges += _edges(child, (reference,)) or [(reference, name, "")]
            if name not in steps:
                nodes.append(self._node(child))
        return {
            "nodes": nodes,
            "edges": [list(edge) for edge in dict.fromkeys(edges)],
            "hidden": [
                max(len(ancestors) - MOST_ANCESTORS, 0),
                max(len(children) - MOST_CHILDREN, 0),
            ],
        }

    def _parents(self, reference: str) -> tuple[Step, ...]:
        step = self.steps.get(reference)
        return step.parents if step else ()

    def _followed(self, step: Step) -> tuple[Step, ...]:
        """Return the parents of a step; of a dataset, only the teacher of the labels in use."""
        own = self._parents(step.name)
        if step.parents:
            own = tuple(parent for parent in own if parent.kind != "teacher")
        return (*step.parents, *own)

    def _node(self, step: Step, *, is_own: bool = False) -> dict[str, Any]:
        item = self.items.get(step.name)
        return {
            "id": step.name,
            "title": f"{item.name} {item.version}" if item else step.name,
            "kind": step.kind,
            "note": item.registry
            if item
            else ("" if step.kind == "teacher" else "not listed here"),
            "path": item.path if item else "",
            "own": is_own,
        }


def _is_data(step: Step, items: Mapping[str, Item]) -> bool:
    return step.kind == "dataset" and step.name in items


def _edges(child: Step, known: Collection[str]) -> list[tuple[str, str, str]]:
    """Return the edges from known parents: from, to, and how it was made."""
    return [
        (parent.name, child.name, parent.relation)
        for parent in child.parents
        if parent.name in known
    ]


def trace(items: Sequence[Item], names: Catalogue) -> Origins:
    """Follow every version one step back, to others of the site by reference."""
    lookup = _Lookup(items, names)
    by_reference = {item.reference: item for item in items}
    steps: dict[str, Step] = {}
    failed: dict[str, str] = {}
    for item in items:
        if item.found is None:
            continue
        try:
            steps[item.reference] = _Near(lookup).first(item.found)
        except RegistryError as problem:
            failed[item.reference] = problem.message
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
            # Cards are written by others, and the tracer expects those of our own commands.
            failed[item.reference] = f"its lineage is malformed: {type(problem).__name__}"
    children: dict[str, list[str]] = {}
    for child, step in steps.items():
        for parent in {each.name: None for each in _nearest(step)}:
            if parent != child:
                children.setdefault(parent, []).append(child)
    return Origins(steps, children, by_reference, failed)


def _nearest(step: Step) -> list[Step]:
    """Return the parents of a step, and what teachers among them were computed by."""
    found: list[Step] = []
    waiting = list(step.parents)
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += each.parents
    return found


@dataclass
class _Lookup:
    """Answers like a catalogue, from the versions of the site alone."""

    items: Sequence[Item]
    names: Catalogue
    by_digest: dict[str, Item] = field(init=False)
    by_name: dict[str, list[Item]] = field(init=False)
    by_found: dict[int, Item] = field(init=False)

    def __post_init__(self) -> None:
        self.by_digest, self.by_name, self.by_found = {}, {}, {}
        for item in self.items:
            if item.found is not None:
                self.by_digest.setdefault(item.digest, item)
                self.by_name.setdefault(item.name, []).append(item)
                self.by_found[id(item.found)] = item
        has_builtin = any(item.registry == BUILTIN for item in self.items)
        self.cards = self.names.builtin.cards if has_builtin else {}

    @property
    def builtin(self) -> _Lookup:
        """The built-in cards, if the site shows them."""
        return self

    def resolve(self, reference: Reference) -> Version | Card:
        """Find a version of the site; raises `NotFoundError`."""
        selector = reference.selector
        if selector.startswith(DIGEST_PREFIX):
            item = self.by_digest.get(selector.removeprefix(DIGEST_PREFIX))
            fits = [item] if item and item.name == reference.name else []
        else:
            fits = [
                item
                for item in self.by_name.get(reference.name, ())
                if reference.registry in ("", item.registry)
                and (reference.alias or not selector or covers(selector, item.version))
            ]
        if not fits or fits[0].found is None:
            raise NotFoundError(f"{reference} is not in this catalogue")
        newest = max(fits, key=lambda item: version_order(item.version))
        if newest.found is None:
            raise NotFoundError(f"{reference} is not in this catalogue")
        return newest.found


class _Near(Tracer):
    """Follows one version to its parents, and never looks at directories of this machine."""

    def __init__(self, lookup: _Lookup) -> None:
        super().__init__(cast("Catalogue", lookup))
        self.lookup = lookup
        self._is_first = True

    def first(self, found: Version | Card) -> Step:
        """Return the step of a version."""
        return self.version(found, "")

    def version(self, found: Version | Card, relation: str, labels: str = "") -> Step:
        """Follow the first version; of others, return only what they are."""
        if self._is_first:
            self._is_first = False
            return super().version(found, relation, labels)
        item = self.lookup.by_found[id(found)]
        about = label_sets_of(found).get(labels) if labels else None
        teachers = () if about is None else (self._teacher(labels, about),)
        return Step(item.reference, item.kind, relation, item.digest, parents=teachers)

    def card(self, found: Version) -> Mapping[str, Any]:
        """Return the front matter that was gathered."""
        return self.lookup.by_found[id(found)].front_matter

    def folder(self, text: str) -> Path | None:  # noqa: ARG002 - cards of others name them
        """Find none: what a card names is not on the machine that builds the site."""
        return None
