"""The in-memory form of structures and labels: flat arrays and pointers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.structures.annotations import (
    config_type,
    constrained_atoms,
    electronic_state,
    is_unconverged,
    split_label,
)
from hub.structures.arrays import chosen_indices, pointers_of
from hub.structures.fingerprints import joint_digest, structure_digests
from hub.structures.stresses import as_stress, to_voigt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from ase import Atoms

    from hub.structures.arrays import BoolArray, FloatArray, IntArray, StrArray

# Arrays with a row for each atom or for each structure, and the shape of a row.
_PER_ATOM = {"numbers": (), "positions": (3,), "forces": (3,), "constrained": ()}
_PER_STRUCTURE = {
    **dict.fromkeys(("energies", "source_index", "frame_index", "config_types"), ()),
    **dict.fromkeys(("split_labels", "unconverged", "electronic_states"), ()),
    "cells": (3, 3),
    "pbc": (3,),
    "stresses": (3, 3),
}
_NOT_GIVEN = {
    "constrained": False, "unconverged": False, "electronic_states": "", "stresses": np.nan,
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class StructureSet:
    """S structures with A atoms in all, as flat arrays.

    Attributes
    ----------
    numbers
        (A,) atomic numbers.
    positions
        (A, 3) in Å.
    cells
        (S, 3, 3) in Å; rows are lattice vectors.
    pbc
        (S, 3) whether the structure is periodic along each lattice vector.
    pointers
        (S + 1,); structure i has the atoms ``pointers[i]:pointers[i + 1]``.
    energies
        (S,) total energies in eV, exactly as in the file; NaN where absent.
    forces
        (A, 3) in eV/Å; NaN where absent.
    stresses
        (S, 3, 3) in eV/Å^3, symmetric, positive under tension as in ASE; NaN where absent.
    sources
        Names of the files that the structures came from.
    source_index
        (S,) index into `sources`.
    frame_index
        (S,) position of the structure in its file, from 0.
    config_types
        (S,) configuration type, empty where absent.
    split_labels
        (S,) ``train``, ``validation``, ``test``, or empty where absent.
    constrained
        (A,) whether an atom was held fixed; none by default.
    unconverged
        (S,) whether the file says that the electronic steps did not converge.
    electronic_states
        (S,) total charge and spin if the file gives them, such as ``charge 1, spin 2``.
    """

    numbers: IntArray
    positions: FloatArray
    cells: FloatArray
    pbc: BoolArray
    pointers: IntArray
    energies: FloatArray
    forces: FloatArray
    sources: tuple[str, ...]
    source_index: npt.NDArray[np.int32]
    frame_index: IntArray
    config_types: StrArray
    split_labels: StrArray
    constrained: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    unconverged: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    electronic_states: StrArray = field(default_factory=lambda: np.zeros(0, np.str_))
    stresses: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        n_atoms = len(self.numbers)
        shapes = {name: (n_atoms, *row) for name, row in _PER_ATOM.items()}
        shapes |= {name: (len(self), *row) for name, row in _PER_STRUCTURE.items()}
        for name, value in _NOT_GIVEN.items():
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(shapes[name], value))
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {shape}")
        if self.pointers[0] != 0 or self.pointers[-1] != n_atoms:
            raise ValueError("the pointers do not cover the atoms")

    def __len__(self) -> int:
        return len(self.pointers) - 1

    def __repr__(self) -> str:
        elements = ", ".join(self.elements)
        name = type(self).__name__
        return f"{name}({len(self)} structures, {len(self.numbers)} atoms of {elements})"

    @cached_property
    def n_atoms(self) -> IntArray:
        """(S,) number of atoms in each structure."""
        return np.diff(self.pointers)

    @cached_property
    def structure_of_atom(self) -> IntArray:
        """(A,) index of the structure that each atom belongs to."""
        return np.repeat(np.arange(len(self)), self.n_atoms)

    @cached_property
    def force_labels(self) -> FloatArray:
        """(A, 3) forces for training and errors, in eV/Å; NaN where there are none.

        A force of exactly zero on a constrained atom comes from the constraint.
        """
        if not self.constrained.any():
            return self.forces
        return np.where(self.constrained[:, None] & (self.forces == 0), np.nan, self.forces)

    @cached_property
    def has_stress(self) -> BoolArray:
        """(S,) whether each structure has a stress label."""
        return np.atleast_1d(np.isfinite(self.stresses).all(axis=(1, 2)))

    @cached_property
    def atomic_numbers(self) -> IntArray:
        """(E,) the atomic numbers that occur, in the order of `elements`."""
        from ase.data import chemical_symbols

        return np.array(
            sorted(np.unique(self.numbers).tolist(), key=lambda number: chemical_symbols[number]),
            dtype=np.int64,
        )

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """The chemical symbols that occur, sorted."""
        from ase.data import chemical_symbols

        return tuple(chemical_symbols[number] for number in self.atomic_numbers)

    @cached_property
    def composition(self) -> IntArray:
        """(S, E) number of atoms of each of `elements` in each structure."""
        counts = [
            np.add.reduceat(
                np.append(self.numbers == number, 0), self.pointers[:-1], dtype=np.int64
            )
            for number in self.atomic_numbers
        ]
        table = np.stack(counts, axis=1) if counts else np.zeros((len(self), 0), np.int64)
        table[self.n_atoms == 0] = 0  # reduceat gives an empty segment its next atom
        return table

    def atoms_of(self, index: int) -> slice:
        """Return the slice of the flat arrays for structure `index`.

        Raises
        ------
        IndexError
            If there is no such structure.
        """
        index = range(len(self))[index]
        return slice(int(self.pointers[index]), int(self.pointers[index + 1]))

    def per_structure(self, combine: np.ufunc, values: FloatArray) -> FloatArray:
        """Combine (A,) values of the atoms of each structure; none may be empty."""
        combined: FloatArray = combine.reduceat(values, self.pointers[:-1])
        return combined

    def where(self, index: int) -> str:
        """Name the file and position of structure `index`, such as ``file.xyz[12]``."""
        return f"{self.sources[self.source_index[index]]}[{self.frame_index[index]}]"

    def formula(self, index: int) -> str:
        """Return the chemical formula of structure `index`, such as ``C2H6``."""
        from ase.formula import Formula

        counts = dict(zip(self.elements, self.composition[index].tolist(), strict=True))
        present = {symbol: count for symbol, count in counts.items() if count}
        return str(Formula.from_dict(present).format("hill"))

    def select(self, indices: npt.ArrayLike) -> StructureSet:
        """Return the structures at `indices` (integers, or a boolean mask of S), in that order."""
        chosen = chosen_indices(indices, len(self))
        lengths = self.n_atoms[chosen]
        pointers = pointers_of(lengths)
        atoms = np.arange(pointers[-1]) + np.repeat(self.pointers[chosen] - pointers[:-1], lengths)
        rows: dict[str, Any] = {
            **{name: getattr(self, name)[atoms] for name in _PER_ATOM},
            **{name: getattr(self, name)[chosen] for name in _PER_STRUCTURE},
        }
        return StructureSet(pointers=pointers, sources=self.sources, **rows)

    @staticmethod
    def concatenate(parts: Sequence[StructureSet]) -> StructureSet:
        """Return one set of all structures of `parts` (at least one), in order."""
        sources = tuple(dict.fromkeys(name for part in parts for name in part.sources))
        position = {name: index for index, name in enumerate(sources)}
        renumbered = [
            np.array([position[name] for name in part.sources], np.int32)[part.source_index]
            for part in parts
        ]
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in (_PER_ATOM | _PER_STRUCTURE).keys() - {"source_index"}
        }
        return StructureSet(
            pointers=pointers_of(np.concatenate([part.n_atoms for part in parts])),
            sources=sources,
            source_index=np.concatenate(renumbered),
            **joined,
        )

    @staticmethod
    def from_atoms(structures: Sequence[Atoms], source: str = "<memory>") -> StructureSet:
        """Build a set from ASE structures with the labels of their calculators.

        The inverse of `to_atoms`. To find labels under other names, use
        `hub.structures.read_structures` on a file.
        """
        results = [getattr(atoms.calc, "results", {}) for atoms in structures]
        stresses = np.array([as_stress(result.get("stress")) for result in results])
        no_forces = [np.full((len(atoms), 3), np.nan) for atoms in structures]
        forces = [
            np.asarray(result.get("forces", absent), np.float64)
            for result, absent in zip(results, no_forces, strict=True)
        ]
        return StructureSet(
            numbers=np.concatenate([[], *[atoms.numbers for atoms in structures]]).astype(np.int64),
            positions=np.concatenate([np.empty((0, 3)), *[a.positions for a in structures]]),
            cells=np.array([atoms.cell.array for atoms in structures]).reshape(-1, 3, 3),
            pbc=np.array([atoms.pbc for atoms in structures], np.bool_).reshape(-1, 3),
            pointers=pointers_of(np.array([len(atoms) for atoms in structures], np.int64)),
            energies=np.array([result.get("energy", np.nan) for result in results], np.float64),
            forces=np.concatenate([np.empty((0, 3)), *forces]),
            sources=(source,),
            source_index=np.zeros(len(structures), np.int32),
            frame_index=np.arange(len(structures)),
            config_types=np.array([config_type(atoms.info) for atoms in structures], np.str_),
            split_labels=np.array([split_label(atoms.info) for atoms in structures], np.str_),
            constrained=np.concatenate(
                [np.zeros(0, np.bool_), *[constrained_atoms(atoms) for atoms in structures]]
            ),
            unconverged=np.array([is_unconverged(atoms.info) for atoms in structures], np.bool_),
            electronic_states=np.array(
                [electronic_state(atoms.info) for atoms in structures], np.str_
            ),
            stresses=stresses.reshape(-1, 3, 3),
        )

    def to_atoms(self, index: int) -> Atoms:
        """Return structure `index` for ASE, with a calculator for the labels that are present.

        Raises
        ------
        IndexError
            If there is no such structure.
        """
        from ase import Atoms
        from ase.calculators.singlepoint import SinglePointCalculator

        own = self.atoms_of(index)
        atoms = Atoms(
            numbers=self.numbers[own],
            positions=self.positions[own],
            cell=self.cells[index],
            pbc=self.pbc[index],
        )
        if self.config_types[index]:
            atoms.info["config_type"] = str(self.config_types[index])
        if self.split_labels[index]:
            atoms.info["split"] = str(self.split_labels[index])
        labels: dict[str, Any] = {}
        if np.isfinite(self.energies[index]):
            labels["energy"] = float(self.energies[index])
        if np.isfinite(self.forces[own]).all():
            labels["forces"] = self.forces[own].copy()
        if np.isfinite(self.stresses[index]).all():
            labels["stress"] = to_voigt(self.stresses[index])
        if labels:
            atoms.calc = SinglePointCalculator(atoms, **labels)
        return atoms

    def digest(self, *, stresses: bool = True) -> str:
        """Return the sha256 of the content in hexadecimal.

        Two sets have the same digest if they contain the same structures with the same labels,
        in any order and from any files.

        Parameters
        ----------
        stresses
            Whether to include stresses.
        """
        return joint_digest(each[not stresses] for each in structure_digests(self))
