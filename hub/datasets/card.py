"""The summary of a dataset in its manifest, and its card."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from hub.datasets.columns import CATEGORIES, RANGE
from hub.datasets.layout import CONFIG_TYPE, LabelSet, label_array
from registry.cards import join_front_matter
from registry.outputs import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hub.datasets.dataset import Dataset
    from registry.versions import LocalVersion

MADE = "made"  # in the metadata of a manifest
_MOST_VALUES = 50


@dataclass(frozen=True)
class Description:
    """The description of a dataset for users.

    Attributes
    ----------
    text
        One line; generated from the summary if empty.
    licence
        The licence under which others may use it.
    citation
        BibTeX.
    labels
        The description of the new label set.
    made
        How the structures were made, each as JSON: those of the extended dataset, then new ones.
    """

    text: str = ""
    licence: str = ""
    citation: str = ""
    labels: LabelSet = field(default_factory=LabelSet)
    made: tuple[dict[str, Any], ...] = ()


def summarise(dataset: Dataset) -> dict[str, Any]:
    """Return counts, ranges, columns and label sets of a dataset, as JSON.

    Raises
    ------
    IntegrityError
        If a per-structure shard is missing or corrupted.
    """
    n_atoms = np.diff(dataset.pointers)
    label_sets = {}
    for name, label_set in dataset.label_sets.items():
        per_atom = dataset.read(label_array(name, "energies")) / np.maximum(n_atoms, 1)
        finite = per_atom[np.isfinite(per_atom)]
        label_sets[name] = {
            **label_set.to_attributes(),
            "properties": list(dataset.properties_of(name)),
            "structures": len(finite),
            "energy_per_atom": [float(finite.min()), float(finite.max())] if len(finite) else None,
        }
    return {
        "structures": dataset.n_structures,
        "atoms": dataset.n_atoms,
        "atoms_per_structure": [int(n_atoms.min()), int(n_atoms.max())],
        "elements": list(dataset.elements),
        "dtype": dataset.dtype,
        "label_sets": label_sets,
        "columns": {
            name: _column(dataset, name, attributes)
            for name, attributes in dataset.structure_extras.items()
        },
        "atom_columns": sorted(dataset.atom_extras),
    }


def _column(dataset: Dataset, name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the range of a number, or the counts of text values if these are few."""
    if CATEGORIES not in attributes:
        return {RANGE: attributes[RANGE]} if RANGE in attributes else {}
    texts = attributes[CATEGORIES]
    if len(texts) > _MOST_VALUES and name != CONFIG_TYPE:
        return {"different": len(texts)}
    values, counts = np.unique(dataset.column(name), return_counts=True)
    return {"values": dict(zip(values.tolist(), counts.tolist(), strict=True))}


def describe(facts: dict[str, Any]) -> str:
    """Write one line from the summary of a dataset."""
    labels = ", ".join(facts["label_sets"]) or "none"
    return (
        f"{facts['structures']:,} structures ({facts['atoms']:,} atoms) of "
        f"{', '.join(facts['elements'])}; labels: {labels}"
    )


def write_card(
    path: Path,
    name: str,
    version: str,
    description: Description,
    facts: dict[str, Any],
) -> None:
    """Write the card of a dataset."""
    front_matter = {
        "name": name,
        "version": version,
        "kind": "dataset",
        "description": description.text,
        "license": description.licence,
        "citation": description.citation,
        "tags": ["atomistic", "interatomic-potentials", *facts["elements"]],
        "label_sets": sorted(facts["label_sets"]),
    }
    kept = {key: value for key, value in front_matter.items() if value}
    rows = [
        f"| {label} | {each['teacher'] or '-'} | {each['level_of_theory'] or '-'} "
        f"| {each['structures']:,} |"
        for label, each in facts["label_sets"].items()
    ]
    body = [
        f"# {name}",
        "",
        f"{description.text}.",
        "",
        "| label set | teacher | level of theory | structures |",
        "|---|---|---|---|",
        *rows,
        "",
        "Energies in eV, forces in eV/Å, positions in Å. Load it with",
        "",
        "```python",
        "import hub",
        "",
        f'structures = hub.load_dataset("{name}@{version}", labels=...)',
        "```",
        "",
        *_how_made(description.made),
    ]
    write_file(path, join_front_matter(kept, "\n".join(body)).encode())


def made_of(version: LocalVersion | None) -> tuple[dict[str, Any], ...]:
    """Return how the structures of a version were made, as far as its manifest says."""
    return tuple(version.manifest.metadata.get(MADE, ())) if version else ()


def _how_made(made: Iterable[dict[str, Any]]) -> list[str]:
    """Return the lines of a card about how the structures were made."""
    lines = []
    for each in made:
        text = yaml.safe_dump(each, sort_keys=False, allow_unicode=True, default_flow_style=None)
        lines += ["## How they were made", "", "```yaml", *text.splitlines(), "```", ""]
    return lines
