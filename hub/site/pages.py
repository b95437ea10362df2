"""The context of each page: what its template shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.history.bibtex import entries, together
from hub.history.step import label_sets
from hub.site.changes import changes
from hub.site.texts import rendered
from hub.site.usage import usages
from hub.sizes import human_size
from hub.visible import visible
from registry.builtin import source_facts
from registry.cards import Card

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.history.step import Step
    from hub.site.described import Described
    from hub.site.origins import Origins

_MOST_FILES = 200
_MOST_LISTED = 60
_MOST_VERSIONS = 50


@dataclass(frozen=True)
class Site:
    """Everything that pages look up.

    Attributes
    ----------
    described
        All versions by reference.
    versions
        The versions of each name, from new to old, by registry and name.
    origins
        Their lineage.
    addresses
        Where others find each registry; empty if this is not known.
    """

    described: Mapping[str, Described]
    versions: Mapping[tuple[str, str], Sequence[Described]]
    origins: Origins
    addresses: Mapping[str, str]

    def context(self, described: Described, sample: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return what the page of a version shows.

        Parameters
        ----------
        described
            The version.
        sample
            Of a dataset, what `hub.site.samples.sample_of` returned, if anything.
        """
        item = described.item
        root = "../../../"
        own = self.origins.steps.get(item.reference)
        ancestors = self.origins.ancestors(item.reference)
        children = self.origins.children.get(item.reference, ())[:_MOST_LISTED]
        named = (*(step.name for step in ancestors), *children)
        return {
            "root": root,
            "this": described,
            "item": item,
            "facts": self._facts(described),
            "usages": usages(described, self.addresses.get(item.registry, "")),
            "errors": described.errors,
            "body": rendered(visible(item.text), item.name),
            "files": _files(described),
            "label_sets": _label_sets(described),
            "own": own,
            "ancestors": ancestors[:_MOST_LISTED],
            "children": children,
            "paths": {
                name: self.origins.items[name].path for name in named if name in self.described
            },
            "licences": self._licences(ancestors),
            "bibtex": self._bibtex(own, ancestors),
            "history": self._history(described),
            "sample": sample,
            "data": {
                "root": root,
                "errors": [table.to_json() for table in described.errors],
                "graph": self.origins.graph(item.reference, ancestors),
                "histograms": sample["histograms"] if sample else [],
            },
        }

    def _facts(self, described: Described) -> list[tuple[str, str]]:
        """Return the table at the top of a page; empty values are left out."""
        item = described.item
        is_model = item.kind == "model"
        counted = "Trained on" if is_model else "Structures"
        rows = [
            ("Elements", _elements(described.elements)),
            ("Architecture", described.architecture),
            ("Level of theory", "; ".join(described.theories)),
            (counted, _count(described.structures, "structures" if is_model else "")),
            ("Atoms", _count(described.atoms)),
            ("Cutoff", f"{described.cutoff:g} Å" if described.cutoff else ""),
            ("Weights", _count(described.parameters)),
            ("Speed", _speed(described)),
            ("Licence", described.licence or "none stated"),
            ("Size", human_size(item.size) if item.size else "not known"),
            ("Registry", item.registry),
        ]
        return [(title, text) for title, text in rows if text]

    def _licences(self, ancestors: Sequence[Step]) -> list[tuple[Step, str]]:
        """Return what a version was made from with the licences, which apply to it, too."""
        return [
            (step, self.described[step.name].licence if step.name in self.described else "")
            for step in ancestors[:_MOST_LISTED]
            if step.kind != "teacher"
        ]

    def _bibtex(self, own: Step | None, ancestors: Sequence[Step]) -> str:
        """Return BibTeX of a version and everything that it was made from."""
        steps = [own] if own else []
        steps += [self.origins.steps.get(step.name, step) for step in ancestors]
        found = [
            entry for step in steps if step.citation for entry in entries(step.citation, step.name)
        ]
        return "\n\n".join(map(str, together(found)))

    def _history(self, described: Described) -> list[tuple[Described, list[str]]]:
        """Return the versions of the same name, each with what changed since the one before."""
        item = described.item
        found = self.versions[item.registry, item.name][:_MOST_VERSIONS]
        before = [*found[1:], None]
        return [
            (new, changes(old, new) if old else []) for new, old in zip(found, before, strict=True)
        ]


def _files(described: Described) -> dict[str, Any]:
    """Return the files of a version, or the published files that it is made from."""
    found = described.item.found
    if found is None:
        return {"rows": [], "more": 0, "published": False}
    if isinstance(found, Card):
        facts = source_facts(found)
        sources = facts.get("sources") or [facts["source"]]
        rows = [_source(source) for source in sources]
        return {
            "rows": rows[:_MOST_FILES],
            "more": max(len(rows) - _MOST_FILES, 0),
            "published": True,
        }
    rows = [(e.path, human_size(e.size), f"sha256:{e.sha256}") for e in found.manifest.files]
    return {"rows": rows[:_MOST_FILES], "more": max(len(rows) - _MOST_FILES, 0), "published": False}


def _source(source: Mapping[str, Any]) -> tuple[str, str, str]:
    place = source.get("url") or f"{source.get('path')} in the package {source.get('package')}"
    digest = next((f"{key}:{source[key]}" for key in ("sha256", "git_blob") if key in source), "")
    return str(place), human_size(source["size"]) if "size" in source else "", digest


def _label_sets(described: Described) -> list[dict[str, str]]:
    """Return the label sets of a dataset for a table."""
    item = described.item
    if item.kind != "dataset":
        return []
    return [
        {
            "name": str(name),
            "teacher": str(about.get("teacher") or "-"),
            "theory": str(about.get("level_of_theory") or "-"),
            "structures": _count(about.get("structures")) or "-",
        }
        for name, about in label_sets(item.metadata, item.front_matter).items()
    ]


def _elements(symbols: Sequence[str]) -> str:
    return f"{len(symbols)}: {' '.join(symbols)}" if len(symbols) > 12 else " ".join(symbols)


def _count(value: Any, unit: str = "") -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    return f"{value:,.0f} {unit}".strip()


def _speed(described: Described) -> str:
    if described.speed is None:
        return ""
    on = f" ({described.speed_on})" if described.speed_on else ""
    return f"{described.speed:g} µs per atom and step{on}"
