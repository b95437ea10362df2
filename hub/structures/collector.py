"""Collecting frames into flat arrays, with every entry that may be a label."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.structures.annotations import (
    config_type,
    constrained_atoms,
    electronic_state,
    is_unconverged,
    split_label,
)
from hub.structures.arrays import GrowingArray
from hub.structures.keys import Candidate, Pair, choose_labels
from hub.structures.label_names import names_label
from hub.structures.stress_labels import DECLARED, StressReading
from hub.structures.stresses import as_tensor
from hub.structures.structure_set import StructureSet

if TYPE_CHECKING:
    from ase import Atoms

    from hub.structures.arrays import FloatArray


@dataclass(frozen=True)
class ReadResult:
    """Structures that were read, and the names of their labels.

    Attributes
    ----------
    structures
        All structures of all files, in order.
    energy_key, forces_key
        Entries used as labels; empty if there are none.
    stress_keys
        Entries used as stresses; empty if there are none.
    notes
        Notes to the user about the choice and the labels.
    """

    structures: StructureSet
    energy_key: str
    forces_key: str
    notes: tuple[str, ...] = ()
    stress_keys: tuple[str, ...] = ()


class Collector:
    """Growing flat arrays, with one array for each entry that may be a label."""

    def __init__(
        self,
        energy_key: str | None,
        forces_key: str | None,
        stress: StressReading | None = None,
    ) -> None:
        self._named = {"energy": energy_key, "forces": forces_key}
        self._stress = stress or StressReading()
        self._labels: dict[str, dict[str, GrowingArray]] = {"energy": {}, "forces": {}}
        self._tensors: dict[str, GrowingArray] = {}
        self._found: dict[str, None] = {}  # an ordered set
        self._numbers = GrowingArray(np.int64)
        self._positions = GrowingArray(np.float64, (3,))
        self._cells = GrowingArray(np.float64, (3, 3))
        self._pbc = GrowingArray(np.bool_, (3,))
        self._pointers = array("q", [0])
        self._source_index = array("i")
        self._frame_index = array("q")
        self._config_types: list[str] = []
        self._split_labels: list[str] = []
        self._unknown_splits: dict[str, None] = {}
        self._constrained = GrowingArray(np.bool_)
        self._unconverged: list[bool] = []
        self._electronic_states: list[str] = []

    @property
    def n_structures(self) -> int:
        """Number of structures added."""
        return len(self._config_types)

    def add(self, atoms: Atoms, source: int, frame: int) -> None:
        """Add a frame, with the index of its file and its index in it."""
        n_before = len(self._numbers)
        self._add_labels(atoms, n_before)
        self._numbers.append(atoms.numbers)
        self._positions.append(atoms.positions)
        self._cells.append(atoms.cell.array[None])
        self._pbc.append(atoms.pbc[None])
        self._pointers.append(n_before + len(atoms))
        self._source_index.append(source)
        self._frame_index.append(frame)
        self._config_types.append(config_type(atoms.info))
        self._split_labels.append(split_label(atoms.info))
        self._constrained.append(constrained_atoms(atoms))
        self._unconverged.append(is_unconverged(atoms.info))
        self._electronic_states.append(electronic_state(atoms.info))
        if "split" in atoms.info and not self._split_labels[-1]:
            self._unknown_splits[str(atoms.info["split"])] = None

    def _add_labels(self, atoms: Atoms, n_before: int) -> None:
        per_structure, per_atom = _entries(atoms)
        self._found.update(dict.fromkeys(per_structure), **dict.fromkeys(per_atom))
        for name, value in per_structure.items():
            # ASE's `energies` of one atom is an array; a total energy of this name is a number.
            if np.ndim(value) and name.lower().endswith("energies"):
                continue
            if self._is_wanted("energy", name) and (energy := _scalar(value)) is not None:
                self._put("energy", name, self.n_structures, np.array([energy]))
        for name, value in per_atom.items():
            if self._is_wanted("forces", name) and np.shape(value) == (len(atoms), 3):
                self._put("forces", name, n_before, np.asarray(value, np.float64))
            elif self._may_be_stress(name) and (tensor := as_tensor(value)) is not None:
                if name not in self._tensors:
                    self._tensors[name] = GrowingArray(np.float64, (3, 3), fill=np.nan)
                self._tensors[name].pad_to(self.n_structures)
                factor = self._stress.in_file(name, atoms.info.get(DECLARED))
                self._tensors[name].append(factor * tensor[None])

    def _may_be_stress(self, name: str) -> bool:
        is_named = name == self._stress.key
        return is_named or names_label("stress", name) or names_label("virial", name)

    def _is_wanted(self, kind: str, name: str) -> bool:
        # Besides the named entry, the others are needed to find its forces.
        return name == self._named[kind] or names_label(kind, name)

    def _put(self, kind: str, name: str, start: int, values: FloatArray) -> None:
        shape = () if kind == "energy" else (3,)
        buffer = self._labels[kind].setdefault(name, GrowingArray(np.float64, shape, fill=np.nan))
        buffer.pad_to(start)
        buffer.append(values)

    def finish(
        self, sources: tuple[str, ...], notes: tuple[str, ...], *, require_labels: bool
    ) -> ReadResult:
        """Choose the labels and hand over the arrays.

        Raises
        ------
        DataError
            If the labels are ambiguous, or missing although required.
        """
        energy, forces = chosen = self._choose_labels(require_labels=require_labels)[:2]
        n_structures, n_atoms = self.n_structures, len(self._numbers)
        structures = StructureSet(
            numbers=self._numbers.take(),
            positions=self._positions.take(),
            cells=self._cells.take(),
            pbc=self._pbc.take(),
            pointers=np.array(self._pointers, np.int64),
            energies=energy.values if energy else np.full(n_structures, np.nan),
            forces=forces.values if forces else np.full((n_atoms, 3), np.nan),
            sources=sources,
            source_index=np.array(self._source_index, np.int32),
            frame_index=np.array(self._frame_index, np.int64),
            config_types=np.array(self._config_types, np.str_),
            split_labels=np.array(self._split_labels, np.str_),
            constrained=self._constrained.take(),
            unconverged=np.array(self._unconverged, np.bool_),
            electronic_states=np.array(self._electronic_states, np.str_),
        )
        energy_key, forces_key = (each.name if each else "" for each in chosen)
        all_notes = [
            *notes,
            *self._notes_on_keys(energy, forces),
            *_fill_forces_of_single_atoms(structures),
            *_notes_on_missing(structures, energy, forces),
        ]
        if self._unknown_splits:
            all_notes.append(f"unknown split labels: {', '.join(self._unknown_splits)}")
        for buffer in self._tensors.values():
            buffer.pad_to(n_structures)
        tensors = {name: buffer.take() for name, buffer in self._tensors.items()}
        stress_keys = self._stress.choose(tensors, energy_key)
        stresses, stress_notes = self._stress.stresses(stress_keys, structures)
        return ReadResult(
            replace(structures, stresses=stresses),
            energy_key,
            forces_key,
            (*all_notes, *stress_notes),
            tuple(stress_keys),
        )

    def _choose_labels(self, *, require_labels: bool) -> Pair:
        candidates = {kind: self._candidates(kind) for kind in ("energy", "forces")}
        found = ", ".join(self._found)
        return choose_labels(candidates, self._named, found, require=require_labels)

    def _candidates(self, kind: str) -> list[Candidate]:
        length = self.n_structures if kind == "energy" else len(self._numbers)
        found = []
        for name, buffer in self._labels[kind].items():
            buffer.pad_to(length)
            found.append(Candidate(kind, name, buffer.take()))
        return found

    def _notes_on_keys(self, energy: Candidate | None, forces: Candidate | None) -> list[str]:
        notes = []
        for kind, taken in (("energy", energy), ("forces", forces)):
            others = [name for name in self._labels[kind] if taken and name != taken.name]
            if taken and others:
                notes.append(f"{kind} is {taken.name}; not used: {', '.join(others)}")
        if energy and forces and energy.tag != forces.tag:
            notes.append(f"energies are {energy.name} but forces are {forces.name}: is that right?")
        return notes


def _entries(atoms: Atoms) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the entries per structure and the entries per atom."""
    results = dict(getattr(atoms.calc, "results", {}))
    info = dict(atoms.info)
    nested = take_nested(info)
    own = {name: a for name, a in atoms.arrays.items() if name not in {"numbers", "positions"}}
    everything = {**nested, **info, **results}
    per_structure = {name: value for name, value in everything.items() if np.size(value) == 1}
    per_atom = {name: value for name, value in everything.items() if name not in per_structure}
    return per_structure, {**per_atom, **own}


def take_nested(info: dict[str, Any]) -> dict[str, Any]:
    """Take out the entries that an ASE database keeps one level deeper."""
    nested: dict[str, Any] = {}
    for place in ("key_value_pairs", "data"):
        if isinstance(info.get(place), Mapping):
            nested |= info.pop(place)
    return nested


def _scalar(value: Any) -> float | None:
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0]
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return None
    return float(value)


def _fill_forces_of_single_atoms(structures: StructureSet) -> list[str]:
    """Set missing forces of single atoms to zero, which they are by symmetry."""
    first = structures.pointers[:-1][structures.n_atoms == 1]
    absent = first[np.isnan(structures.forces[first]).all(axis=1)]
    if not len(absent) or np.isnan(structures.forces).all():
        return []
    structures.forces[absent] = 0.0
    return [f"{len(absent)} single atoms have no forces in the file; they are zero by symmetry"]


def _notes_on_missing(
    structures: StructureSet, energy: Candidate | None, forces: Candidate | None
) -> list[str]:
    notes = []
    missing_energy = np.isnan(structures.energies)
    if energy and missing_energy.any():
        notes.append(
            f"{missing_energy.sum()} of {len(structures)} structures have no {energy.name}, "
            f"first {structures.where(int(missing_energy.argmax()))}"
        )
    missing_forces = np.isnan(structures.forces).any(axis=1)
    if forces and missing_forces.any():
        lacking = np.unique(structures.structure_of_atom[missing_forces])
        notes.append(
            f"{len(lacking)} of {len(structures)} structures have no {forces.name} for some atoms, "
            f"first {structures.where(int(lacking[0]))}"
        )
    return notes
