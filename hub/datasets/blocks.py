"""Blocks of structures with all their label sets and extras, from which a dataset is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.layout import property_path
from hub.datasets.names import PROPERTIES
from hub.errors import DataError
from hub.structures.fingerprints import fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from hub.structures.arrays import BoolArray, FloatArray
    from hub.structures.structure_set import StructureSet

ID_BYTES = 16
_FARTHEST = 1e7  # Å; ids are exact below
_ID_DECIMALS = 8  # what ASE writes into extxyz files


@dataclass(frozen=True)
class Labels:
    """The labels of one teacher for the structures of a block; NaN where absent.

    Attributes
    ----------
    energies
        (S,) total energies in eV.
    forces
        (A, 3) in eV/Å.
    properties
        (S, ...) or (A, ...) other results of the same calculations, by the names of
        `hub.datasets.names.PROPERTIES`.
    """

    energies: FloatArray
    forces: FloatArray
    properties: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def absent(cls, n_structures: int, n_atoms: int) -> Labels:
        """Return labels that are NaN everywhere."""
        return cls(np.full(n_structures, np.nan), np.full((n_atoms, 3), np.nan))

    @property
    def by_structure(self) -> dict[str, FloatArray]:
        """The per-structure arrays, by their paths in the label set's group."""
        own = (name for name in self.properties if not PROPERTIES[name].per_atom)
        return {"energies": self.energies, **{property_path(n): self.properties[n] for n in own}}

    @property
    def by_atom(self) -> dict[str, FloatArray]:
        """The per-atom arrays, by their paths in the label set's group."""
        own = (name for name in self.properties if PROPERTIES[name].per_atom)
        return {"forces": self.forces, **{property_path(n): self.properties[n] for n in own}}

    def select(self, structures: Any, atoms: Any) -> Labels:
        """Return the labels of some structures, given masks, indices or slices of both axes."""
        return Labels(
            self.energies[structures],
            self.forces[atoms],
            {
                name: values[atoms if PROPERTIES[name].per_atom else structures]
                for name, values in self.properties.items()
            },
        )


@dataclass(frozen=True)
class Block:
    """S structures with A atoms, from a file or another dataset.

    Attributes
    ----------
    structures
        Their atoms, configuration types and split labels. Its own labels are ignored.
    labels
        Labels by the name of the label set.
    structure_extras
        (S, ...) numbers, booleans or text by name, such as ``density`` or ``time``.
    atom_extras
        (A, ...) numbers by name.
    """

    structures: StructureSet
    labels: Mapping[str, Labels] = field(default_factory=dict)
    structure_extras: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    atom_extras: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def select(self, keep: BoolArray) -> Block:
        """Return the structures for which (S,) `keep` is true."""
        atoms = np.repeat(keep, self.structures.n_atoms)
        return Block(
            self.structures.select(keep),
            {name: each.select(keep, atoms) for name, each in self.labels.items()},
            {name: values[keep] for name, values in self.structure_extras.items()},
            {name: values[atoms] for name, values in self.atom_extras.items()},
        )


def structure_ids(structures: StructureSet, dtype: str = "float64") -> npt.NDArray[np.uint8]:
    """Return (S, 16) content hashes of structures, by which labels are joined.

    Parameters
    ----------
    structures
        The structures.
    dtype
        Precision of positions in the dataset: structures that differ by less are the same.
    """
    hashes = b"".join(fingerprints(structures, decimals=_ID_DECIMALS, dtype=dtype))
    return np.frombuffer(hashes, np.uint8).reshape(-1, ID_BYTES)


def check_block(block: Block, known_labels: Iterable[str]) -> None:
    """Refuse a block that a dataset cannot store.

    Raises
    ------
    DataError
        If a label set is unknown, an array has the wrong length, or a position is not a number.
    """
    structures = block.structures
    n_structures, n_atoms = len(structures), len(structures.numbers)
    unknown = set(block.labels) - set(known_labels)
    if unknown:
        raise DataError(f"the dataset was started without label set {', '.join(sorted(unknown))}")
    for kind, length, arrays in (
        *(("structures", n_structures, labels.by_structure) for labels in block.labels.values()),
        *(("atoms", n_atoms, labels.by_atom) for labels in block.labels.values()),
        ("structures", n_structures, block.structure_extras),
        ("atoms", n_atoms, block.atom_extras),
    ):
        for name, values in arrays.items():
            if len(values) != length:
                raise DataError(f"{name} has {len(values)} rows, expected {length} ({kind})")
    far = ~(np.abs(structures.positions) < _FARTHEST).all(axis=1)
    if far.any():
        where = structures.where(int(structures.structure_of_atom[far.argmax()]))
        raise DataError(
            f"{where} has an atom at {structures.positions[far.argmax()]}",
            f"Positions must be finite and below {_FARTHEST:g} Å.",
        )
