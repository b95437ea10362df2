"""What a worker does: open a teacher once, and label structures with it.

These functions run in processes of their own, on this machine or another; all that they are given
and return can be sent there.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.blocks import Labels
from hub.datasets.names import STRESS
from hub.errors import TeacherError
from hub.structures.stresses import to_voigt
from hub.teachers.teacher import open_teacher

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.structures.arrays import BoolArray, FloatArray
    from hub.structures.structure_set import StructureSet
    from hub.teachers.spec import TeacherSpec
    from hub.teachers.teacher import Teacher

# A teacher that two threads share gives wrong numbers without a word. So every thread has its own,
# and one label is computed at a time: foreign code has globals besides.
_OPEN = threading.local()
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Labelled:
    """What a teacher said of S structures with A atoms.

    Attributes
    ----------
    energies
        (S,) in eV as the potential gives them; NaN where it failed.
    forces
        (A, 3) in eV/Å; NaN where it failed.
    stresses
        (S, 3, 3) in eV/Å^3; NaN where it failed or gives none.
    failures
        Why it failed, by the index of the structure.
    seconds
        How long it took, without opening the teacher.
    """

    energies: FloatArray
    forces: FloatArray
    stresses: FloatArray
    failures: dict[int, str]
    seconds: float


@dataclass(frozen=True)
class Described:
    """What a teacher says of itself.

    Attributes
    ----------
    provenance
        As `Teacher.provenance` gives it.
    gives_stress
        Whether it computes stresses.
    isolated_atoms
        Energy in eV of an isolated atom by chemical symbol.
    failures
        Why there is none for other elements, by symbol.
    """

    provenance: dict[str, Any]
    gives_stress: bool
    isolated_atoms: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def describe_teacher(spec: TeacherSpec, elements: Iterable[str] = ()) -> Described:
    """Open a teacher; compute the energies of isolated atoms of some elements.

    Raises
    ------
    TeacherError
        If the teacher cannot be opened.
    """
    with _ONE_AT_A_TIME:
        teacher = _teacher(spec)
        described = Described(teacher.provenance(), teacher.gives_stress)
        for symbol in elements:
            try:
                described.isolated_atoms[symbol] = teacher.isolated_atom_energy(symbol)
            except TeacherError as problem:
                described.failures[symbol] = problem.message
    return described


def label_structures(
    spec: TeacherSpec, structures: StructureSet, *, afresh: bool = False
) -> Labelled:
    """Label structures; one that fails has NaN, and a reason.

    Parameters
    ----------
    spec
        Who labels.
    structures
        What is labelled; labels that it has are not looked at.
    afresh
        Open the teacher anew.

    Raises
    ------
    TeacherError
        If the teacher cannot be opened.
    """
    with _ONE_AT_A_TIME:
        teacher = open_teacher(spec) if afresh else _teacher(spec)
        began = time.perf_counter()
        labelled = unlabelled(structures)
        for index in range(len(structures)):
            atoms = structures.to_atoms(index)
            atoms.calc = None  # whatever labels there were
            try:
                label = teacher.label(atoms)
            except TeacherError as problem:
                labelled.failures[index] = problem.message
                continue
            labelled.energies[index] = label.energy
            labelled.forces[structures.atoms_of(index)] = label.forces
            labelled.stresses[index] = label.stress
        seconds = time.perf_counter() - began
    return replace(labelled, seconds=seconds)


def relative_to_atoms(
    labelled: Labelled, structures: StructureSet, isolated_atoms: Mapping[str, float]
) -> tuple[Labels, dict[int, str]]:
    """Subtract the energies of isolated atoms.

    Parameters
    ----------
    labelled
        What a teacher said of the structures.
    structures
        The structures.
    isolated_atoms
        Energy in eV by chemical symbol.

    Returns
    -------
    The labels, with the property ``stress``, and why structures have none, by index. Those with an
    element whose energy is not known have none.
    """
    each = np.array([isolated_atoms.get(symbol, np.nan) for symbol in structures.elements])
    unknown: BoolArray = np.any(structures.composition[:, np.isnan(each)] > 0, axis=1)
    energies = labelled.energies - structures.composition @ np.nan_to_num(each)
    energies[unknown] = np.nan
    forces = labelled.forces.copy()
    forces[unknown[structures.structure_of_atom]] = np.nan
    stresses = to_voigt(labelled.stresses)
    stresses[unknown] = np.nan
    absent = [s for s, energy in zip(structures.elements, each, strict=True) if np.isnan(energy)]
    reason = f"no energy is known of an isolated atom of {' or '.join(absent)}"
    without = dict.fromkeys(np.flatnonzero(unknown).tolist(), reason)
    return Labels(energies, forces, {STRESS: stresses}), without | labelled.failures


def unlabelled(structures: StructureSet, reason: str = "") -> Labelled:
    """Return labels that are NaN everywhere, all for one reason if it is given."""
    failures = dict.fromkeys(range(len(structures)), reason) if reason else {}
    n_structures, n_atoms = len(structures), len(structures.numbers)
    return Labelled(
        energies=np.full(n_structures, np.nan),
        forces=np.full((n_atoms, 3), np.nan),
        stresses=np.full((n_structures, 3, 3), np.nan),
        failures=failures,
        seconds=0.0,
    )


def _teacher(spec: TeacherSpec) -> Teacher:
    """Return this thread's teacher; it is opened when it is asked for first."""
    if getattr(_OPEN, "spec", None) != spec:
        _OPEN.spec, _OPEN.teacher = None, None
        _OPEN.teacher = open_teacher(spec)
        _OPEN.spec = spec
    teacher: Teacher = _OPEN.teacher
    return teacher
