"""Functions of a worker: open a teacher once, and label structures with it.

They run in separate processes, on this machine or another; all their arguments and results can be
sent between processes. In a teacher's own environment nothing but numpy and ASE is installed with
it, so nothing else may be imported here.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import TeacherError
from hub.teachers.teacher import open_teacher

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.structures.arrays import FloatArray
    from hub.structures.structure_set import StructureSet
    from hub.teachers.spec import TeacherSpec
    from hub.teachers.teacher import Teacher

# A teacher shared by two threads silently gives wrong numbers. So every thread has its own, and
# one label is computed at a time, since foreign code also has globals.
_OPEN = threading.local()
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Labelled:
    """Labels of a teacher for S structures with A atoms.

    Attributes
    ----------
    energies
        (S,) in eV as given by the potential; NaN where it failed.
    forces
        (A, 3) in eV/Å; NaN where it failed.
    stresses
        (S, 3, 3) in eV/Å^3; NaN where it failed or gives none.
    failures
        Why it failed, by the index of the structure.
    seconds
        Time taken, without opening the teacher.
    """

    energies: FloatArray
    forces: FloatArray
    stresses: FloatArray
    failures: dict[int, str]
    seconds: float


@dataclass(frozen=True)
class Described:
    """Description of an opened teacher.

    Attributes
    ----------
    provenance
        Result of `Teacher.provenance`.
    gives_stress
        Whether it computes stresses.
    isolated_atoms
        Energy in eV of an isolated atom by chemical symbol.
    failures
        Why it has no energy for other elements, by symbol.
    """

    provenance: dict[str, Any]
    gives_stress: bool
    isolated_atoms: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@contextmanager
def opened_teacher(spec: TeacherSpec) -> Iterator[Teacher]:
    """Yield this process' teacher while no other thread computes with it.

    Raises
    ------
    TeacherError
        If it cannot be opened.
    """
    with _ONE_AT_A_TIME:
        yield _teacher(spec)


def describe_teacher(spec: TeacherSpec, elements: Iterable[str] = ()) -> Described:
    """Open a teacher; compute the energies of isolated atoms of some elements.

    Raises
    ------
    TeacherError
        If the teacher cannot be opened.
    """
    with opened_teacher(spec) as teacher:
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
    """Label structures; those that fail have NaN and a reason.

    Parameters
    ----------
    spec
        The teacher.
    structures
        Structures to label; existing labels are ignored.
    afresh
        Open the teacher again.

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
            atoms.calc = None  # remove existing labels
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


def unlabelled(structures: StructureSet, reason: str = "") -> Labelled:
    """Return labels that are NaN everywhere, with the same reason for all if given."""
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
    """Return this thread's teacher, which is opened at first use."""
    if getattr(_OPEN, "spec", None) != spec:
        _OPEN.spec, _OPEN.teacher = None, None
        _OPEN.teacher = open_teacher(spec)
        _OPEN.spec = spec
    teacher: Teacher = _OPEN.teacher
    return teacher
