"""Convert from and to Hugging Face datasets with one row per structure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.importing import LOOKED_AT, Source
from hub.datasets.repository import open_repository
from hub.errors import DataError
from hub.settings import load_settings
from hub.structures.reading import gather_structures
from registry.errors import OfflineError
from registry.huggingface.addresses import is_address
from registry.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import datasets
    import numpy.typing as npt
    import pyarrow as pa
    from ase import Atoms

    from hub.datasets.loaded import LoadedStructures

# Names of columns in order of preference: ours, those of ASE's files, those of ColabFit's.
_NUMBERS = ("numbers", "atomic_numbers")
_POSITIONS = ("positions",)
_CELL = ("cell", "lattice")
_PBC = ("pbc",)
_COLABFIT_FORCES = "atomic_forces"
_FILES = {".parquet": "parquet", ".arrow": "arrow", ".json": "json", ".jsonl": "json"}
_ROWS = 256  # read at a time


def to_datasets(structures: LoadedStructures) -> datasets.Dataset:
    """Return a Hugging Face dataset with one row per structure, without copying the atoms."""
    import datasets
    import pyarrow as pa
    from datasets.table import InMemoryTable

    pointers = structures.pointers

    def ragged(values: npt.NDArray[Any]) -> pa.Array:
        return pa.ListArray.from_arrays(pa.array(pointers, pa.int32()), _rows(values))

    by_structure, by_atom = structures.columns
    columns = {name: ragged(values) for name, values in by_atom.items()}
    for name, values in by_structure.items():
        columns[name] = _texts(values) if values.dtype.kind == "U" else _rows(values)
    return datasets.Dataset(InMemoryTable(pa.table(columns)))


def datasets_source(
    places: Sequence[str], energy_key: str | None = None, forces_key: str | None = None
) -> Source:
    """Open Hugging Face datasets.

    Parameters
    ----------
    places
        Directories made by `save_to_disk`, Parquet, Arrow or JSON files, names on the hub, or
        ``hf://datasets/org/name`` (its Parquet files, each verified).
    energy_key, forces_key
        Columns to use as labels; detected as in files if not given.

    Raises
    ------
    DataError
        If a place is none of these, or its columns do not describe structures.
    OfflineError
        If the hub is needed, but the network is disabled or unreachable.
    """
    tables = [_Table(*named) for place in places for named in _open(place)]
    if forces_key is None and all(_COLABFIT_FORCES in table.rows.column_names for table in tables):
        forces_key = _COLABFIT_FORCES
    rows = chain.from_iterable(table.frames(0) for table in tables)
    looked_at = (atoms for _, atoms in islice(rows, LOOKED_AT))
    found = gather_structures(looked_at, tables[0].name, energy_key, forces_key)

    def frames(after: Any) -> Iterator[tuple[Any, Atoms]]:
        first, row = after or (0, -1)
        for number in range(first, len(tables)):
            start = row + 1 if number == first else 0
            for position, atoms in tables[number].frames(start):
                yield [number, position], atoms

    describe = [[table.name, len(table.rows), table.rows.column_names] for table in tables]
    return Source(describe, found.energy_key, found.forces_key, frames, found.notes)


def _texts(values: npt.NDArray[Any]) -> pa.Array:
    """Return text values, with null for empty ones."""
    import pyarrow as pa

    return pa.array([text or None for text in values.tolist()], pa.string())


def _rows(values: npt.NDArray[Any]) -> pa.Array:
    """Return (N, a, b) as N nested lists of fixed size."""
    import pyarrow as pa

    array = pa.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array


def _open(place: str) -> list[tuple[str, datasets.Dataset]]:
    """Return the tables of a place, each with its name."""
    import datasets

    if is_address(place):
        return open_repository(place)
    path = user_path(place)
    try:
        if path.is_dir():
            opened = datasets.load_from_disk(str(path))
        elif path.is_file():
            kind = _FILES.get(path.suffix)
            if kind is None:
                raise DataError(
                    f"{path} is not a supported dataset file",
                    f"Supported file name endings: {', '.join(_FILES)}.",
                )
            opened = datasets.load_dataset(kind, data_files=str(path))
        elif load_settings().offline:
            raise OfflineError(
                f"{place} is not a directory or file, and the network is disabled",
                "Unset HUB_OFFLINE to search for it on the Hugging Face Hub.",
            )
        else:
            opened = datasets.load_dataset(place)
    except ConnectionError as problem:
        raise OfflineError(f"cannot reach the Hugging Face Hub for {place}: {problem}") from problem
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as problem:
        raise DataError(f"{place} cannot be opened as a dataset: {problem}") from problem
    if isinstance(opened, Mapping):
        return [(f"{place}:{split}", table) for split, table in opened.items()]
    return [(place, opened)]


class _Table:
    """One table, and which of its columns are per atom."""

    def __init__(self, name: str, rows: datasets.Dataset) -> None:
        self.name = name
        self.rows = rows
        columns = rows[:LOOKED_AT]
        numbers: list[Any] = next((columns[each] for each in _NUMBERS if each in columns), [])
        lengths = [len(each) for each in numbers]
        known = next((rows.features[each] for each in _NUMBERS if each in columns), None)
        # One structure may have as many atoms as a vector has components, but hardly all do.
        self.per_atom = {
            key
            for key, values in columns.items()
            # A fixed length is not the number of atoms, unless that is fixed, too.
            if (not _has_fixed_length(rows.features[key]) or _has_fixed_length(known))
            and [len(v) if isinstance(v, list) else -1 for v in values if v is not None]
            == [n for n, v in zip(lengths, values, strict=False) if v is not None]
        }

    def frames(self, start: int) -> Iterator[tuple[int, Atoms]]:
        """Yield the rows from `start` on, each with its index."""
        for first in range(start, len(self.rows), _ROWS):
            columns = self.rows[first : first + _ROWS]
            for offset, values in enumerate(zip(*columns.values(), strict=True)):
                row = dict(zip(columns, values, strict=True))
                yield first + offset, self._atoms(row, f"{self.name}[{first + offset}]")

    def _atoms(self, row: dict[str, Any], where: str) -> Atoms:
        from ase import Atoms

        numbers, positions = _take(row, _NUMBERS), _take(row, _POSITIONS)
        cell, pbc = _take(row, _CELL), _take(row, _PBC)
        if numbers is None or positions is None:
            wanted = " or ".join(_NUMBERS if numbers is None else _POSITIONS)
            raise DataError(f"{where} has no column {wanted} (columns: {', '.join(row)})")
        try:
            # By default a structure with a cell is periodic.
            pbc = cell is not None if pbc is None else pbc
            atoms = Atoms(numbers, positions, cell=cell, pbc=pbc)
            for key in self.per_atom & row.keys():
                values = np.asarray(row.pop(key))
                if values.dtype.kind in "biuf":
                    atoms.set_array(key, values)
        except (ValueError, TypeError) as problem:
            raise DataError(f"{where} is not a valid structure: {problem}") from problem
        for key, value in row.items():
            if value is not None and value != []:
                atoms.info[key] = np.asarray(value) if isinstance(value, list) else value
        return atoms


def _has_fixed_length(feature: Any) -> bool:
    """Whether the type of a column fixes the length of its values, as in `to_datasets`."""
    return getattr(feature, "length", -1) > 0


def _take(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row.pop(name) for name in names if row.get(name) is not None), None)
