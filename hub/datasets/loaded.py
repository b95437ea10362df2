"""Structures loaded from a dataset: a structure set with extras and conversions."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from hub.datasets.names import PROPERTIES
from hub.structures.arrays import chosen_indices
from hub.structures.structure_set import StructureSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import datasets
    import numpy.typing as npt
    from ase import Atoms

    from hub.structures.arrays import BoolArray, FloatArray, IntArray

VIRIAL = "virial"


class Batch(NamedTuple):
    """B structures with N atoms in total.

    Attributes
    ----------
    indices
        (B,) indices of the structures in the set.
    numbers, positions, forces
        (N,) atomic numbers, (N, 3) in Å, and (N, 3) in eV/Å.
    pointers
        (B + 1,); structure i owns atoms ``pointers[i]:pointers[i + 1]``.
    cells, pbc, energies
        (B, 3, 3) in Å, (B, 3), and (B,) in eV.
    """

    indices: IntArray
    numbers: IntArray
    positions: FloatArray
    forces: FloatArray
    pointers: IntArray
    cells: FloatArray
    pbc: BoolArray
    energies: FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class LoadedStructures(StructureSet):
    """A structure set with one label set of a dataset, and extras.

    An index returns a single structure (`Row`), a slice or list of indices returns a set; it is
    thus a map-style dataset for ``torch.utils.data.DataLoader``.

    Attributes
    ----------
    properties
        (S, ...) or (A, ...) results of the calculations besides energies and forces, by the names
        of `hub.datasets.names.PROPERTIES`; NaN where absent.
    structure_extras
        (S, ...) numbers, booleans or text by name.
    atom_extras
        (A, ...) numbers by name.
    """

    properties: Mapping[str, FloatArray] = field(default_factory=dict)
    structure_extras: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    atom_extras: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice | Sequence[int] | npt.NDArray[Any]) -> LoadedStructures: ...

    def __getitem__(self, index: Any) -> Row | LoadedStructures:
        """Return one structure, or a set of those at a slice, a list of indices or a mask.

        Raises
        ------
        IndexError
            If there is no such structure.
        """
        if isinstance(index, int | np.integer):
            number = range(len(self))[index]
            return _row_of(number, self.atoms_of(number), *self.columns)
        return self.select(np.arange(len(self))[index])

    @cached_property
    def columns(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
        """All arrays by name: those with S rows, and those with A rows."""
        own = {name: v for name, v in self.properties.items() if PROPERTIES[name].per_atom}
        by_atom = {"numbers": self.numbers, "positions": self.positions, "forces": self.forces}
        by_structure = {
            "cell": self.cells,
            "pbc": self.pbc,
            "energy": self.energies,
            **{name: v for name, v in self.properties.items() if name not in own},
            "config_type": self.config_types,
            "split": self.split_labels,
            **self.structure_extras,
        }
        for name, values in {**own, **self.atom_extras}.items():
            by_atom[f"{name}_of_atoms" if name in by_structure else name] = values
        return by_structure, by_atom

    def select(self, indices: npt.ArrayLike) -> LoadedStructures:
        """Return the structures at `indices` (integers, or a boolean mask of S), in that order."""
        chosen = chosen_indices(indices, len(self))
        selected = super().select(chosen)
        atoms = [np.arange(s.start, s.stop) for s in map(self.atoms_of, chosen.tolist())]
        rows = np.concatenate([np.empty(0, np.int64), *atoms])
        return LoadedStructures(
            **{each.name: getattr(selected, each.name) for each in fields(StructureSet)},
            properties={
                name: v[rows if PROPERTIES[name].per_atom else chosen]
                for name, v in self.properties.items()
            },
            structure_extras={name: v[chosen] for name, v in self.structure_extras.items()},
            atom_extras={name: v[rows] for name, v in self.atom_extras.items()},
        )

    def to_ase(self) -> list[Atoms]:
        """Return ASE structures, like `to_atoms`."""
        return [self.to_atoms(index) for index in range(len(self))]

    def to_atoms(self, index: int) -> Atoms:
        """Return structure `index` for ASE.

        Its labels are in a calculator, except the virial, which ASE does not support: it is in
        ``info``. Extras are in ``info`` or ``arrays``.

        Raises
        ------
        IndexError
            If there is no such structure.
        """
        index = range(len(self))[index]
        from ase.calculators.singlepoint import SinglePointCalculator

        atoms = super().to_atoms(index)
        for name, values in self.structure_extras.items():
            value = values[index]
            if not _is_absent(value):
                atoms.info[name] = value.item() if value.ndim == 0 else value.copy()
        own = self.atoms_of(index)
        for name, values in self.atom_extras.items():
            if not _is_absent(values[own]):
                atoms.set_array(name, values[own])
        results = dict(atoms.calc.results) if atoms.calc else {}
        results.pop("stress", None)  # it may come from the virial, which is returned as stored
        for name, values in self.properties.items():
            value = values[own if PROPERTIES[name].per_atom else index]
            if np.isfinite(value).all():
                results[name] = value.item() if value.ndim == 0 else value.copy()
        if VIRIAL in results:
            atoms.info[VIRIAL] = results.pop(VIRIAL)
        if results:
            # Last: a calculator has no results for atoms changed after it was made, and initial
            # magnetic moments are among the arrays.
            atoms.calc = SinglePointCalculator(atoms, **results)
        return atoms

    def to_datasets(self) -> datasets.Dataset:
        """Return a Hugging Face dataset with one row per structure.

        It has the columns of `columns`, with the units of this project and the names and signs of
        ASE; `hub import` reads it back.
        """
        from hub.datasets.huggingface import to_datasets

        return to_datasets(self)

    def batches(
        self, size: int, seed: int | None = None, *, drop_last: bool = False
    ) -> Iterator[Batch]:
        """Yield every structure once, in batches of `size`.

        Parameters
        ----------
        size
            Number of structures in a batch.
        seed
            Seed of the shuffling; without it the order is that of the set.
        drop_last
            Leave out the last batch if it is smaller.
        """
        order = np.arange(len(self))
        if seed is not None:
            np.random.default_rng(seed).shuffle(order)
        end = len(order) - len(order) % size if drop_last else len(order)
        for start in range(0, end, size):
            yield self.batch(order[start : min(start + size, end)])

    def batch(self, indices: IntArray) -> Batch:
        """Return the structures at `indices` as one batch."""
        starts, stops = self.pointers[indices], self.pointers[indices + 1]
        # Copying slices is faster than gathering single rows.
        slices = [slice(a, b) for a, b in zip(starts.tolist(), stops.tolist(), strict=True)]
        pointers = np.zeros(len(indices) + 1, np.int64)
        np.cumsum(stops - starts, out=pointers[1:])
        return Batch(
            indices,
            np.concatenate([self.numbers[own] for own in slices]),
            np.concatenate([self.positions[own] for own in slices]),
            np.concatenate([self.forces[own] for own in slices]),
            pointers,
            self.cells[indices],
            self.pbc[indices],
            self.energies[indices],
        )


def _is_absent(value: npt.NDArray[Any]) -> bool:
    """Whether an extra is absent: empty text, or only NaN."""
    if value.dtype.kind == "U":
        return not value.any()
    return value.dtype.kind == "f" and bool(np.isnan(value).all())


class Row(dict[str, Any]):
    """One structure: numbers, text and numpy arrays by the names of a dataset's columns.

    ``torch.utils.data.DataLoader`` joins several into one batch, whatever their sizes.

    Attributes
    ----------
    per_atom
        The keys of per-atom values.
    """

    def __init__(self, values: Mapping[str, Any], per_atom: Iterable[str]) -> None:
        super().__init__(values)
        self.per_atom = frozenset(per_atom)


def _row_of(
    index: int,
    atoms: slice,
    by_structure: Mapping[str, npt.NDArray[Any]],
    by_atom: Mapping[str, npt.NDArray[Any]],
) -> Row:
    """Return the structure at an index, with copies of its numbers."""
    _teach_torch()
    values: dict[str, Any] = {name: array[atoms].copy() for name, array in by_atom.items()}
    for name, array in by_structure.items():
        values[name] = array[index].item() if array.ndim == 1 else array[index].copy()
    return Row(values, by_atom)


def _join_rows(rows: Sequence[Row], **_: Any) -> dict[str, Any]:
    """Join B structures with N atoms in total.

    Returns
    -------
    Tensors with N rows for per-atom values, tensors with B rows (or lists of B strings) for
    per-structure values, and ``pointers``, (B + 1,): structure i owns atoms ``pointers[i]`` to
    before ``pointers[i + 1]``.
    """
    import torch
    from torch.utils.data import default_collate

    joined: dict[str, Any] = {
        name: torch.from_numpy(np.concatenate([row[name] for row in rows]))
        if name in rows[0].per_atom
        else default_collate([row[name] for row in rows])
        for name in rows[0]
    }
    sizes = [len(row["numbers"]) for row in rows]
    return {**joined, "pointers": torch.from_numpy(np.cumsum([0, *sizes]))}


def _teach_torch() -> None:
    """Register rows with torch's `default_collate`, in whatever process uses it."""
    collate = sys.modules.get("torch.utils.data._utils.collate")
    if collate is not None:
        # This is the documented way for custom types.
        collate.default_collate_fn_map.setdefault(Row, _join_rows)
