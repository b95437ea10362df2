"""The last steps of writing a dataset: per-structure arrays, and the attributes of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols

from hub.datasets.blocks import ID_BYTES
from hub.datasets.columns import Column
from hub.datasets.layout import ATTRIBUTE, FORMAT, GROUP, METADATA, PROPERTY_GROUP, label_array
from hub.datasets.shards import ArraySpec, ShardWriter, read_group, write_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hub.datasets.layout import LabelSet
    from hub.datasets.segments import Segments

EXTRA = "extra:"  # prefix of the names of extras among the rows of a segment
_FLOAT = np.dtype(np.float64)
_CELLS = ArraySpec("structures/cells", _FLOAT, (3, 3))
_PBC = ArraySpec("structures/pbc", np.dtype(np.bool_), (3,))
_IDS = ArraySpec("structures/ids", np.dtype(np.uint8), (ID_BYTES,))
_POINTERS = ArraySpec("structures/pointers", np.dtype(np.int64))


def write_structures(group: Path, segments: Segments, labels: Iterable[str]) -> None:
    """Write all per-structure arrays from the segments, with one segment in memory at a time."""
    columns, properties = _look_at(segments)
    energies = [ArraySpec(label_array(name, "energies"), _FLOAT) for name in labels]
    specs = (_CELLS, _PBC, _IDS, *energies, *properties)
    plain = [ShardWriter(group, spec) for spec in specs]
    extras = [(column, ShardWriter(group, column.spec)) for column in columns]
    pointers = ShardWriter(group, _POINTERS)
    pointers.append(np.zeros(1))
    last = n_structures = 0
    for segment in segments:
        for rows in segment.blocks:
            ends = last + np.cumsum(rows["n_atoms"])
            last, n_structures = int(ends[-1]), n_structures + len(ends)
            pointers.append(ends)
            for array in plain:
                if array.spec.name in rows:
                    array.append(rows[array.spec.name])
                array.pad_to(n_structures)
            for column, array in extras:
                array.append(column.encode(rows.get(EXTRA + column.name), len(ends)))
    for array in (pointers, *plain):
        array.finish()
    for column, array in extras:
        array.finish(**column.attributes)


def write_groups(group: Path, labels: Mapping[str, LabelSet], facts: dict[str, Any]) -> None:
    """Write the attributes of all groups; the root comes last and makes the dataset complete."""
    elements = sorted(chemical_symbols[number] for number in facts["elements"])
    root = {"format": FORMAT, **facts, "elements": elements, "label_sets": sorted(labels)}
    for path in ("structures", "extras", "extras/structure", "extras/atom", "labels"):
        write_group(group, path)
    for name, label_set in labels.items():
        write_group(group, f"labels/{name}", label_set.to_attributes())
        properties = label_array(name, PROPERTY_GROUP)
        if (group / properties).is_dir():
            write_group(group, properties)
    write_group(group, attributes={ATTRIBUTE: root})


def _look_at(segments: Segments) -> tuple[list[Column], list[ArraySpec]]:
    """Find the type and the values of each extra, and the properties of the labels."""
    columns: dict[str, Column] = {}
    properties: dict[str, ArraySpec] = {}
    for number, segment in enumerate(segments):
        for place, rows in enumerate(segment.blocks):
            for name in rows:
                if f"/{PROPERTY_GROUP}/" in name and not name.startswith(EXTRA):
                    properties[name] = ArraySpec(name, _FLOAT, rows[name].shape[1:])
            names = [key.removeprefix(EXTRA) for key in rows if key.startswith(EXTRA)]
            for name in names:
                if name not in columns:
                    columns[name] = Column(name, has_gaps=(number, place) != (0, 0))
            for name, column in columns.items():
                column.note(rows.get(EXTRA + name))
    return [columns[name] for name in sorted(columns)], list(properties.values())


def is_whole(directory: Path) -> bool:
    """Whether a writer has finished a dataset in a directory: the root's attributes come last."""
    group = directory / GROUP
    return (group / METADATA).is_file() and ATTRIBUTE in read_group(group)
