"""Write a dataset from a stream of blocks, with bounded memory; can be resumed after a kill."""

from __future__ import annotations

import json
import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from msgspec import Meta, Struct

from hub.datasets.blocks import check_block, structure_ids
from hub.datasets.finishing import EXTRA, is_whole, write_groups, write_structures
from hub.datasets.layout import (
    ATOM_EXTRAS,
    CONFIG_TYPE,
    GROUP,
    SPLIT,
    WRITING,
    check_label_name,
    label_array,
)
from hub.datasets.segments import NAMES as SEGMENTS
from hub.datasets.segments import Segment, Segments
from hub.datasets.shards import ArraySpec, ShardWriter
from hub.errors import DataError
from hub.jobs.unfinished import being_written, held
from registry.documents import damage, fit, parse_json, read_bounded
from registry.errors import ExistsError, IntegrityError
from registry.files import storage_errors
from registry.outputs import require_file, write_file
from registry.removal import TEMPORARY, claim, discard, in_the_way, is_marked, is_real_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from hub.datasets.blocks import Block
    from hub.datasets.layout import LabelSet

_LOCK, _SETTINGS = "lock", "settings.json"
_OURS = re.compile(rf"{_LOCK}|{re.escape(_SETTINGS)}|{SEGMENTS.pattern}|{TEMPORARY.pattern}")
_AGAIN = "Start again without --resume."
_FLOATS = ("float64", "float32")


class _Done(Struct, forbid_unknown_fields=True):
    """The totals in the last segment, for all data safely written."""

    cursor: Any
    structures: int
    atoms: int
    elements: list[Annotated[int, Meta(ge=0, le=255)]]


class DatasetWriter:
    """Writes one dataset; a context manager that excludes other writers.

    Parameters
    ----------
    directory
        The directory in which ``dataset.zarr`` is written.
    label_sets
        The description of each label set, by name.
    dtype
        Precision of stored positions and forces: ``float64``, or ``float32`` for half the size.
        Energies and cells are always ``float64``.
    resume
        Continue an unfinished dataset of a killed writer in `directory`, if any. Otherwise it is
        removed.
    source
        Any JSON that describes what is written; must be the same to resume.

    Attributes
    ----------
    cursor
        The cursor of the last block safely written, or None. To resume, continue with the blocks
        after it.
    n_structures, n_atoms
        Totals so far.

    Raises
    ------
    ExistsError
        If the dataset already exists, or another process is writing it.
    DataError
        If the unfinished dataset was started with other label sets, dtype or source.
    """

    def __init__(
        self,
        directory: Path,
        label_sets: Mapping[str, LabelSet],
        *,
        dtype: str = "float64",
        resume: bool = False,
        source: Any = None,
    ) -> None:
        if dtype not in _FLOATS:
            raise DataError(f"unsupported dtype {dtype}", f"Use {' or '.join(_FLOATS)}.")
        self.directory = directory
        self.group = directory / GROUP
        self.label_sets = {check_label_name(name): label_sets[name] for name in sorted(label_sets)}
        self.dtype = dtype
        self.resume = resume
        self.cursor: Any = None
        self._given: Any = None
        self.n_structures = self.n_atoms = 0
        self._settings = {"dtype": dtype, "labels": list(self.label_sets), "source": source}
        self._atom_arrays: dict[str, ShardWriter] = {}
        self._rows: list[dict[str, npt.NDArray[Any]]] = []
        self._elements: set[int] = set()
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        self._require_own_place()
        claim(self._writing, _OURS)
        for name in (_LOCK, _SETTINGS):
            require_file(self._writing / name)
        busy = being_written(f"the dataset in {self.directory}")
        self._exits.enter_context(held(self._writing / _LOCK, busy))
        try:
            self._begin()
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def append(self, block: Block, cursor: Any = None) -> None:
        """Add the structures of a block.

        Parameters
        ----------
        block
            Its label sets must be among those of the dataset; missing ones become NaN.
        cursor
            Any JSON from which the position after this block can be found again.

        Raises
        ------
        DataError
            If the block has an unknown label set, or numbers that cannot be stored.
        StorageError
            If the disk is full or cannot be written.
        """
        check_block(block, self.label_sets)
        before = self._n_shards()
        self._rows.append(self._structure_rows(block))
        for name, values in self._atom_rows(block).items():
            self._atom_array(name, values).append(values)
        self.n_structures += len(block.structures)
        self.n_atoms += len(block.structures.numbers)
        for array in self._atom_arrays.values():
            array.pad_to(self.n_atoms)
        self._elements.update(np.unique(block.structures.numbers).tolist())
        self._given = cursor
        if self._n_shards() > before:
            self._commit()

    def finish(self) -> Path:
        """Write the remaining rows and the metadata, and return the group's directory.

        Raises
        ------
        DataError
            If there are no structures.
        StorageError
            If the disk is full or cannot be written.
        """
        if not self.n_structures:
            raise DataError(
                "there are no structures to write", "Check that the input is not empty."
            )
        self._commit()
        for name in self.label_sets:
            self._atom_array(label_array(name, "forces"), np.empty((0, 3)))
        for array in self._atom_arrays.values():
            array.finish()
        write_structures(self.group, self._segments, self.label_sets)
        facts = {"structures": self.n_structures, "atoms": self.n_atoms, "dtype": self.dtype}
        write_groups(self.group, self.label_sets, {**facts, "elements": sorted(self._elements)})
        self._exits.close()
        discard(self._writing, self._writing)
        return self.group

    @property
    def _writing(self) -> Path:
        return self.directory / WRITING

    def _require_own_place(self) -> None:
        """Refuse a finished dataset, and anything in its place that no writer has started."""
        if is_whole(self.directory):
            raise ExistsError(
                f"{self.directory} already contains a dataset", "Choose another directory."
            )
        begun = is_marked(self._writing) or is_real_file(self._writing / _SETTINGS)
        if os.path.lexists(self.group) and not begun:
            raise in_the_way(self.group, "was not made by mlip-hub, or is incomplete")

    def _begin(self) -> None:
        """Continue an unfinished dataset, or remove its leftovers."""
        self._require_own_place()
        settings = self._writing / _SETTINGS
        self._segments = Segments(self._writing)
        if self.resume and settings.exists():
            with damage(settings, DataError, _AGAIN):
                begun = parse_json(read_bounded(settings))
            if begun != json.loads(json.dumps(self._settings)):
                raise DataError(
                    f"the unfinished dataset in {self.directory} was started with other options",
                    "Give the same files and options as then, or start again without --resume.",
                )
            self._take_up(self._segments.last())
            return
        for path in [settings, *self._segments.paths(), self.group]:
            discard(path, self._writing)
        self._segments = Segments(self._writing)
        write_file(settings, json.dumps(self._settings).encode())

    def _take_up(self, segment: Segment | None) -> None:
        if segment is None:
            return
        with damage(f"the last segment in {self._writing}", IntegrityError, _AGAIN):
            facts = fit(segment.facts, _Done)
        self.cursor = self._given = facts.cursor
        self.n_structures, self.n_atoms = facts.structures, facts.atoms
        self._elements = set(facts.elements)
        for name, tail in segment.tails.items():
            spec = ArraySpec(name, tail.dtype, tail.shape[1:], per_atom=True)
            self._atom_arrays[name] = ShardWriter(self.group, spec, self.n_atoms - len(tail))
            self._atom_arrays[name].append(tail)

    def _structure_rows(self, block: Block) -> dict[str, npt.NDArray[Any]]:
        structures = block.structures
        rows: dict[str, npt.NDArray[Any]] = {
            "n_atoms": structures.n_atoms,
            "structures/cells": structures.cells,
            "structures/pbc": structures.pbc,
            "structures/ids": structure_ids(structures, self.dtype),
        }
        for name, labels in block.labels.items():
            rows |= {label_array(name, kind): v for kind, v in labels.by_structure.items()}
        words = {CONFIG_TYPE: structures.config_types, SPLIT: structures.split_labels}
        words = {name: texts for name, texts in words.items() if (texts != "").any()}
        extras = {**block.structure_extras, **words}
        return rows | {EXTRA + check_label_name(name): v for name, v in extras.items()}

    def _atom_rows(self, block: Block) -> dict[str, npt.NDArray[Any]]:
        structures = block.structures
        rows: dict[str, npt.NDArray[Any]] = {
            "structures/numbers": structures.numbers.astype(np.uint8),
            "structures/positions": structures.positions.astype(self.dtype),
        }
        for name, labels in block.labels.items():
            arrays = labels.by_atom.items()
            rows |= {label_array(name, kind): v.astype(self.dtype) for kind, v in arrays}
        for name, values in block.atom_extras.items():
            kept = np.float64 if values.dtype.kind in "biu" else self.dtype
            rows[f"{ATOM_EXTRAS}/{check_label_name(name)}"] = values.astype(kept)
        return rows

    def _atom_array(self, name: str, values: npt.NDArray[Any]) -> ShardWriter:
        """Return the array; create it and fill it up to here if it is new."""
        if name not in self._atom_arrays:
            is_forces = name.startswith("labels/")
            dtype = np.dtype(self.dtype) if is_forces else values.dtype
            spec = ArraySpec(name, dtype, values.shape[1:], per_atom=True)
            self._atom_arrays[name] = ShardWriter(self.group, spec)
            self._atom_arrays[name].pad_to(self.n_atoms)
        array = self._atom_arrays[name]
        if array.spec.row_shape != values.shape[1:]:
            raise DataError(
                f"{name} has different shapes: {array.spec.row_shape} and {values.shape[1:]}",
                "Remove it, or use the same shape for all structures.",
            )
        return array

    def _n_shards(self) -> int:
        positions = self._atom_arrays.get("structures/positions")
        return positions.written // positions.spec.shard_rows if positions else 0

    def _commit(self) -> None:
        """Save everything appended so far."""
        facts = {
            "cursor": self._given,
            "structures": self.n_structures,
            "atoms": self.n_atoms,
            "elements": sorted(self._elements),
        }
        tails = {name: array.tail() for name, array in self._atom_arrays.items()}
        self._segments.add(Segment(self._rows, tails, facts))
        with storage_errors(self.directory):
            os.utime(self.directory)  # it is in use and must not be swept
        self._rows = []
        self.cursor = self._given
