"""How the bytes of a dataset lie: its arrays and attributes, read a few shards at a time."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hub.datasets.columns import column_facts
from hub.datasets.layout import (
    ATOM_EXTRAS,
    GROUP,
    PROPERTY_GROUP,
    REPAIR,
    STRUCTURE_EXTRAS,
    LabelSet,
    label_array,
    read_attributes,
)
from hub.datasets.names import PROPERTIES, renamed_notes, row_shapes, unreserved_names
from hub.datasets.shards import open_group, read_group, read_rows, shard_rows
from registry.documents import damage
from registry.errors import IntegrityError
from registry.files import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt
    import zarr

    from hub.structures.arrays import IntArray

Facts = TypeVar("Facts")

_SHARDS_TOGETHER = 8  # Zarr decodes several shards of one read at the same time


class Storage:
    """How a dataset lies in a directory. Opening it reads attributes alone.

    Parameters
    ----------
    directory
        That holds ``dataset.zarr``, or is one.
    name
        What to call it in messages and as the source of its structures.

    Attributes
    ----------
    n_structures, n_atoms
        Of the whole dataset.
    elements
        The chemical symbols that occur, sorted.
    dtype
        What positions and forces are kept as.
    label_sets
        What is known about each label set, by name.

    Raises
    ------
    IntegrityError
        If there is no dataset, or its metadata is damaged.
    IncompatibleError
        If a newer release wrote it.
    """

    def __init__(self, directory: Path, name: str = "", digest: str = "") -> None:
        inner = directory / GROUP
        self.path = inner if inner.is_dir() else directory
        self.name = name or str(directory)
        self.digest = digest
        self.group = open_group(self.path)
        self._kept: dict[str, npt.NDArray[Any]] = {}
        facts = read_attributes(read_group(self.path), str(directory))
        self.n_structures, self.n_atoms = facts.structures, facts.atoms
        self.elements, self.dtype = tuple(facts.elements), facts.dtype
        self.label_sets = {
            name: self._facts(f"labels/{name}", LabelSet.from_attributes)
            for name in facts.label_sets
        }

    def __len__(self) -> int:
        return self.n_structures

    @cached_property
    def pointers(self) -> IntArray:
        """(S + 1,); structure i owns atoms ``pointers[i]:pointers[i + 1]``."""
        pointers: IntArray = self.read("structures/pointers")
        if pointers[0] != 0 or pointers[-1] != self.n_atoms or (np.diff(pointers) < 0).any():
            raise IntegrityError(f"the pointers of {self.path} do not cover its atoms")
        return pointers

    @cached_property
    def structure_extras(self) -> dict[str, dict[str, Any]]:
        """The attributes of every extra over structures, by name: its range or its categories."""
        places = self.extra_paths[STRUCTURE_EXTRAS].items()
        return {name: self._facts(place, column_facts) for name, place in places}

    @cached_property
    def atom_extras(self) -> tuple[str, ...]:
        """The names of the extras over atoms."""
        return tuple(self.extra_paths[ATOM_EXTRAS])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the names of extras."""
        places = [each for extras in self.extra_paths.values() for each in extras.items()]
        renamed = {place.rpartition("/")[2]: name for name, place in places}
        return renamed_notes(renamed)

    def properties_of(self, labels: str) -> tuple[str, ...]:
        """Return what a label set has besides energies and forces; see `hub.datasets.names`."""
        group = self.path / label_array(labels, PROPERTY_GROUP)
        return tuple(name for name in PROPERTIES if (group / name).is_dir())

    @cached_property
    def shard_atoms(self) -> int:
        """The atoms of a whole shard of the arrays over atoms."""
        return shard_rows(self._node("structures/positions"), self.path)

    def shards_of(self, chosen: IntArray) -> IntArray:
        """Return the numbers of the shards of arrays over atoms that hold some structures."""
        return touched_shards(self.pointers, chosen, self.shard_atoms)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
        """Read rows of any array as they are kept, such as ``labels/ace/forces``.

        Raises
        ------
        IntegrityError
            If a shard is missing, cut short or damaged.
        """
        array = self._node(name)
        end = array.shape[0] if stop is None else stop
        return read_rows(array, start, end, self.path)

    def read_once(self, name: str) -> npt.NDArray[Any]:
        """Read an array over structures, and keep it: it is small, and pieces ask again."""
        if name not in self._kept:
            self._kept[name] = self.read(name)
        return self._kept[name]

    def read_atoms(
        self, name: str, chosen: IntArray, dtype: npt.DTypeLike = np.float64
    ) -> npt.NDArray[Any]:
        """Return the rows of an array over atoms that belong to structures, ascending."""
        return gather_atoms(self._node(name), self.path, self.pointers, chosen, np.dtype(dtype))

    @cached_property
    def extra_paths(self) -> dict[str, dict[str, str]]:
        """The paths of extras, by their group and by what they are called."""
        # An older release may have kept a stress among them; nobody knows whose it was.
        found = {}
        for group in (STRUCTURE_EXTRAS, ATOM_EXTRAS):
            read_group(self.path, group)
            with storage_errors(self.path / group):
                stored = [child.name for child in (self.path / group).iterdir() if child.is_dir()]
            names = unreserved_names(stored, per_atom=group == ATOM_EXTRAS)
            found[group] = {name: f"{group}/{each}" for name, each in names.items()}
        return found

    def _facts(self, path: str, read: Callable[[dict[str, Any]], Facts]) -> Facts:
        with damage(f"{path} of {self.path}", IntegrityError, REPAIR):
            return read(read_group(self.path, path))

    def _node(self, path: str) -> Any:
        """Return an array, whose rows are structures or atoms."""
        try:
            array: Any = self.group[path]
            if array.shape[0] not in (self.n_structures, self.n_structures + 1, self.n_atoms):
                raise ValueError(f"it has {array.shape[0]} rows")  # noqa: TRY301 - as the others
            shapes = row_shapes(path)
            if shapes is not None and array.shape[1:] not in shapes:
                raise ValueError(f"its shape is {array.shape}")  # noqa: TRY301 - as the others
        except Exception as problem:  # zarr and json raise whatever they run into
            raise IntegrityError(
                f"{path} is missing from {self.path}, or its metadata is damaged", REPAIR
            ) from problem
        return array


def gather_atoms(
    array: zarr.Array[Any],
    group: Path,
    pointers: IntArray,
    chosen: IntArray,
    dtype: np.dtype[Any],
) -> npt.NDArray[Any]:
    """Return the rows of an array over atoms that belong to structures.

    Parameters
    ----------
    array
        (A, ...) of the dataset.
    group
        The directory that it is in.
    pointers
        (S + 1,) of the dataset.
    chosen
        Indices of structures, ascending.
    dtype
        What to return.
    """
    starts, stops = pointers[chosen], pointers[chosen + 1]
    gathered = np.empty((int((stops - starts).sum()), *array.shape[1:]), dtype)
    done = 0
    together = _SHARDS_TOGETHER * shard_rows(array, group)
    for first, last in _stretches(starts, stops, array.chunks[0], together):
        begin, end = int(starts[first]), int(stops[last - 1])
        rows = read_rows(array, begin, end, group)
        count = int((stops[first:last] - starts[first:last]).sum())
        if count < len(rows):
            wanted = zip(
                (starts[first:last] - begin).tolist(),
                (stops[first:last] - begin).tolist(),
                strict=True,
            )
            rows = np.concatenate([rows[a:b] for a, b in wanted])
        gathered[done : done + count] = rows
        done += count
    return gathered


def touched_shards(pointers: IntArray, chosen: IntArray, rows: int) -> IntArray:
    """Return the numbers of the shards, of so many rows each, that hold atoms of structures."""
    starts, stops = pointers[chosen], pointers[chosen + 1]
    filled = stops > starts
    first, last = starts[filled] // rows, (stops[filled] - 1) // rows
    # A structure may be larger than a shard.
    spans = [np.arange(a, b + 1) for a, b in set(zip(first.tolist(), last.tolist(), strict=True))]
    return np.unique(np.concatenate([np.empty(0, np.int64), *spans]))


def _stretches(
    starts: IntArray, stops: IntArray, chunk_rows: int, most_rows: int
) -> Iterator[tuple[int, int]]:
    """Cut ascending structures into stretches that are worth one read each.

    A stretch stays within about so many rows, and has no gap of a chunk or more.
    """
    if not len(starts):
        return
    gaps = starts[1:] - stops[:-1] >= chunk_rows
    full = np.diff(starts // most_rows) > 0
    cuts = [0, *(np.flatnonzero(gaps | full) + 1).tolist(), len(starts)]
    yield from pairwise(cuts)
