"""What is in a dataset, in numbers: kept in its manifest, so that it can be shown unpulled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.columns import CATEGORIES, RANGE
from hub.datasets.layout import CONFIG_TYPE, label_array

if TYPE_CHECKING:
    from hub.datasets.dataset import Dataset

_MOST_VALUES = 50


def summarise(dataset: Dataset) -> dict[str, Any]:
    """Return counts, ranges, columns and label sets of a dataset, as JSON.

    Raises
    ------
    IntegrityError
        If a shard over structures is missing or damaged.
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
    """Return the range of a number, or how often each text occurs if those are few."""
    if CATEGORIES not in attributes:
        return {RANGE: attributes[RANGE]} if RANGE in attributes else {}
    texts = attributes[CATEGORIES]
    if len(texts) > _MOST_VALUES and name != CONFIG_TYPE:
        return {"different": len(texts)}
    values, counts = np.unique(dataset.column(name), return_counts=True)
    return {"values": dict(zip(values.tolist(), counts.tolist(), strict=True))}
