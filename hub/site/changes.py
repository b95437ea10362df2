"""What changed from one version of a name to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.site.measured import headline
from hub.sizes import human_size
from registry.cards import Card

if TYPE_CHECKING:
    from hub.site.described import Described

_MOST_NAMED = 6


def changes(old: Described, new: Described) -> list[str]:
    """Return what differs between two versions, a sentence each.

    Parameters
    ----------
    old, new
        The version before, and the version.
    """
    pairs = {
        "Licence": (old.licence, new.licence),
        "Architecture": (old.architecture, new.architecture),
        "Elements": (", ".join(old.elements), ", ".join(new.elements)),
        "Level of theory": ("; ".join(old.theories), "; ".join(new.theories)),
        "Structures": (_count(old.structures), _count(new.structures)),
        "Weights": (_count(old.parameters), _count(new.parameters)),
        "Cutoff": (_with_unit(old.cutoff, "Å"), _with_unit(new.cutoff, "Å")),
        "Force error": (_force_error(old), _force_error(new)),
        "Size": (human_size(old.item.size), human_size(new.item.size)),
        "Parents": (_parents(old), _parents(new)),
        "Description": (old.item.description, new.item.description),
    }
    found = [
        f"{title}: {before or 'not stated'} → {after or 'not stated'}"
        for title, (before, after) in pairs.items()
        if before != after
    ]
    return found + _files(old, new)


def _files(old: Described, new: Described) -> list[str]:
    before, after = _digests(old), _digests(new)
    groups = {
        "Files added": [path for path in after if path not in before],
        "Files removed": [path for path in before if path not in after],
        "Files changed": [path for path in after if before.get(path, after[path]) != after[path]],
    }
    return [f"{title}: {_named(paths)}" for title, paths in groups.items() if paths]


def _named(paths: list[str]) -> str:
    shown = ", ".join(sorted(paths)[:_MOST_NAMED])
    return shown if len(paths) <= _MOST_NAMED else f"{shown} and {len(paths) - _MOST_NAMED} more"


def _digests(described: Described) -> dict[str, str]:
    found = described.item.found
    if found is None or isinstance(found, Card):
        return {}
    return {entry.path: entry.sha256 for entry in found.manifest.files}


def _parents(described: Described) -> str:
    found = described.item.found
    if found is None or isinstance(found, Card):
        return ""
    return ", ".join(f"{parent.name} {parent.version}" for parent in found.manifest.parents)


def _force_error(described: Described) -> str:
    best = headline(described.errors)
    return f"{best.force_rmse:.3f} eV/Å" if best and best.force_rmse is not None else ""


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _with_unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:g} {unit}"
