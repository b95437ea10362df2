"""Turn a sequence of ASE structures into blocks with labels and extras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.blocks import Block, Labels
from hub.datasets.label_values import as_property
from hub.datasets.layout import CONSTRAINED, check_label_name
from hub.datasets.names import (
    PROPERTIES,
    label_tag,
    property_of,
    renamed_notes,
    unreserved_names,
)
from hub.errors import DataError
from hub.structures.collector import take_nested
from hub.structures.stress_labels import StressReading, kind_of
from hub.structures.structure_set import StructureSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt
    from ase import Atoms

BLOCK_ATOMS = 131_072
# Entries that the structure set stores itself.
_OWN = {"config_type", "configtype", "config-type", "split", "numbers", "positions"}
# Results of ASE's calculators that have a row for each atom.
_PER_ATOM = {"forces", *(name for name, each in PROPERTIES.items() if each.per_atom)}
_STRESSES = ("stress", "virial")
_PER_STRUCTURE = PROPERTIES.keys() - _PER_ATOM


@dataclass
class Frames:
    """Turns ASE structures into blocks.

    Attributes
    ----------
    labels
        The name of the label set.
    energy_key, forces_key
        The entries that are its labels; empty for none.
    stress
        Which entries are stresses or virials, and their convention.
    properties
        Further entries that belong to the label set, in order of appearance.
    unfit
        Entries named like these, but of another shape or not symmetric.
    renamed
        New names of entries that are not labels, if they had to be renamed.
    dropped
        Names of entries that a dataset cannot store, in order of appearance.
    """

    labels: str
    energy_key: str
    forces_key: str
    stress: StressReading = field(default_factory=StressReading)
    properties: dict[str, None] = field(default_factory=dict)
    unfit: dict[str, None] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, None] = field(default_factory=dict)

    @property
    def has_labels(self) -> bool:
        """Whether the structures have any labels."""
        return bool(self.energy_key or self.forces_key)

    def notes(self) -> tuple[str, ...]:
        """Return notes on entries of the label set, renamed entries and dropped entries."""
        notes = []
        if self.properties:
            notes.append(f"stored with the {self.labels} labels: {', '.join(self.properties)}")
        if self.unfit:
            names = ", ".join(self.unfit)
            notes.append(f"not used as labels (wrong shape or not symmetric): {names}")
        notes += renamed_notes(self.renamed)
        if self.dropped:
            names = ", ".join(self.dropped)
            notes.append(f"left out (neither numbers of one shape nor text): {names}")
        return tuple(notes)

    def blocks(self, frames: Iterable[tuple[Any, Atoms]]) -> Iterator[tuple[Any, Block]]:
        """Yield blocks, each with the position of its last structure.

        Parameters
        ----------
        frames
            Pairs of the position in the input (any JSON) and the structure.
        """
        gathered: list[Atoms] = []
        n_atoms, place = 0, None
        for place, atoms in frames:
            gathered.append(atoms)
            n_atoms += len(atoms)
            if n_atoms >= BLOCK_ATOMS:
                yield place, self.block(gathered)
                gathered, n_atoms = [], 0
        if gathered:
            yield place, self.block(gathered)

    def block(self, frames: list[Atoms]) -> Block:
        """Return some structures as a block."""
        entries = [_entries(atoms) for atoms in frames]
        lengths = [len(atoms) for atoms in frames]
        labels = {}
        if self.has_labels:
            # Labels are removed from the entries; the remaining ones are extras.
            labels[self.labels] = Labels(
                np.array([_energy(e.pop(self.energy_key, None)) for e, _ in entries]),
                np.concatenate(
                    [
                        _forces(own.pop(self.forces_key, None), n)
                        for (_, own), n in zip(entries, lengths, strict=True)
                    ]
                ),
                self._take_properties([e for e, _ in entries], None)
                | self._take_properties([own for _, own in entries], lengths),
            )
        structures = StructureSet.from_atoms(frames)
        by_structure = self._columns([self._renamed(e, per_atom=False) for e, _ in entries], None)
        by_atom = self._columns([self._renamed(own, per_atom=True) for _, own in entries], lengths)
        if structures.constrained.any():
            by_atom[CONSTRAINED] = structures.constrained.astype(float)
        return Block(structures, labels, by_structure, by_atom)

    def _take_properties(
        self, rows: list[dict[str, Any]], lengths: list[int] | None
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Remove the properties of the label set from per-structure or per-atom entries."""
        tag = label_tag(self.energy_key, self.forces_key)
        taken: dict[str, list[Any]] = {}
        for number, entries in enumerate(rows):
            for name in list(entries):
                key = self._property(name, tag, per_atom=lengths is not None)
                if key is None:
                    continue
                value = as_property(entries[name], key, lengths[number] if lengths else None)
                values = taken.setdefault(key, [None] * len(rows))
                if value is None or values[number] is not None or not _fits(value, values, lengths):
                    self.unfit[name] = None
                    continue
                if key in _STRESSES:
                    value = self.stress.factor(name) * value
                values[number] = value
                del entries[name]
                self.properties[name] = None
        return {
            key: _per_atom(values, lengths) if lengths else _per_structure(values)
            for key, values in taken.items()
            if any(value is not None for value in values)
        }

    def _property(self, name: str, tag: str | None, *, per_atom: bool) -> str | None:
        """Return which property of the label set an entry is, if it is one."""
        wanted = self.stress.key
        if name == wanted and not per_atom:
            return kind_of(name)
        key = property_of(name, tag, per_atom=per_atom)
        return None if key in _STRESSES and wanted is not None else key

    def _renamed(self, entries: dict[str, Any], *, per_atom: bool) -> dict[str, Any]:
        """Rename entries that have names of labels or of parts of the structure."""
        called = unreserved_names(entries, per_atom=per_atom)
        self.renamed.update({old: new for new, old in called.items() if new != old})
        return {new: entries[old] for new, old in called.items()}

    def _columns(
        self, rows: list[dict[str, Any]], lengths: list[int] | None
    ) -> dict[str, npt.NDArray[Any]]:
        """Join the entries of each name that a dataset can store."""
        columns = {}
        for name in dict.fromkeys(name for row in rows for name in row):
            values = [row.get(name) for row in rows]
            try:
                check_label_name(name)
                columns[name] = _per_atom(values, lengths) if lengths else _per_structure(values)
            except (DataError, ValueError, TypeError, OverflowError):
                self.dropped[name] = None
        return columns


def _entries(atoms: Atoms) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the per-structure and the per-atom entries."""
    info = dict(atoms.info)
    nested = take_nested(info)
    results = dict(getattr(atoms.calc, "results", {}))
    per_atom = {name: values for name, values in atoms.arrays.items() if name not in _OWN}
    per_structure: dict[str, Any] = {}
    for name, value in {**nested, **info, **results}.items():
        if name in _OWN or isinstance(value, Mapping):
            continue
        # Databases do not say which entries have one row per atom.
        may_have_rows = name in _PER_ATOM or (name in nested and name not in _PER_STRUCTURE)
        rows = np.shape(value)[:1] == (len(atoms),) and may_have_rows
        (per_atom if rows and np.ndim(value) else per_structure)[name] = value
    return per_structure, per_atom


def _fits(value: Any, others: list[Any], lengths: list[int] | None) -> bool:
    """Whether a value has rows of the same shape as the other values present."""
    first = 1 if lengths else 0
    return all(other is None or other.shape[first:] == value.shape[first:] for other in others)


def _energy(value: Any) -> float:
    return float(np.reshape(value, -1)[0]) if np.size(value) == 1 and value is not None else np.nan


def _forces(value: Any, length: int) -> npt.NDArray[np.float64]:
    if np.shape(value) == (length, 3):
        return np.asarray(value, np.float64)
    return np.full((length, 3), np.nan)


def _per_structure(values: list[Any]) -> npt.NDArray[Any]:
    """Join one entry of several structures; absent numbers become NaN, absent text empty."""
    present = [np.asarray(value) for value in values if value is not None]
    kind = {array.dtype.kind for array in present}
    if kind <= {"U"} or "U" in kind:
        if any(array.ndim for array in present):
            raise TypeError("lists of text")
        return np.array(["" if value is None else str(value) for value in values], np.str_)
    if len({array.shape for array in present}) > 1 or not kind <= set("biuf"):
        raise TypeError("different shapes")
    if len(present) == len(values):
        return np.array(present)
    absent = np.full(present[0].shape, np.nan)
    return np.array([absent if value is None else np.asarray(value, float) for value in values])


def _per_atom(values: list[Any], lengths: list[int]) -> npt.NDArray[Any]:
    """Join one entry of the atoms of several structures; absent numbers become NaN."""
    present = [np.asarray(value) for value in values if value is not None]
    if not {array.dtype.kind for array in present} <= set("biuf"):
        raise TypeError("not numbers")
    shape = present[0].shape[1:]
    return np.concatenate(
        [
            np.full((length, *shape), np.nan) if value is None else np.asarray(value)
            for value, length in zip(values, lengths, strict=True)
        ]
    )
