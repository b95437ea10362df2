"""Chains of structures around a given one, labelled by a teacher: the work of one task.

It runs in the teacher's own process, where only numpy, ASE and the teacher may be installed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.md.langevin import Langevin

from hub.errors import TeacherError
from hub.synthesis.molecules import whole_molecules
from hub.teachers.labelling import opened_teacher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

    from hub.structures.arrays import FloatArray, IntArray
    from hub.structures.structure_set import StructureSet
    from hub.synthesis.around_schedule import Schedule
    from hub.teachers.spec import TeacherSpec
    from hub.teachers.teacher import Label, Teacher

PARENT = -1  # the "chain" of the given structure itself
_TIMESTEP, _DAMPING = 1.0, 100.0  # fs, of the dynamics
_VACUUM = 10.0  # Å, between the surfaces of a structure that is cut


@dataclass(frozen=True)
class Frame:
    """A labelled structure of a chain.

    Attributes
    ----------
    chain, step
        Numbers of the chain, and of the structure in it; the chain is `PARENT` for the given one.
    numbers, positions, cell
        (n,) atomic numbers, (n, 3) and (3, 3) in Å.
    energy, forces, stress
        In eV as given by the teacher, (n, 3) in eV/Å, and (3, 3) in eV/Å^3 (NaN where absent).
    """

    chain: int
    step: int
    numbers: IntArray
    positions: FloatArray
    cell: FloatArray
    energy: float
    forces: FloatArray
    stress: FloatArray


@dataclass
class Neighbourhood:
    """The structures around one given structure.

    Attributes
    ----------
    frames
        The labelled structures.
    failures
        Why the teacher gave no labels, once for each call that failed.
    too_large
        Number of structures left out because of their forces.
    """

    frames: list[Frame] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    too_large: int = 0


def run_chains(
    spec: TeacherSpec, parent: StructureSet, schedule: Schedule, seed: int, number: int
) -> Neighbourhood:
    """Make and label the structures around a given one.

    A call that fails ends its chain, which begins anew at the given structure for the calls that
    are left.

    Parameters
    ----------
    spec
        The teacher.
    parent
        The given structure, in a set of one.
    schedule
        The numbers.
    seed, number
        Random seed, and number of the structure; both decide its displacements.

    Raises
    ------
    TeacherError
        If the teacher cannot be opened.
    """
    with opened_teacher(spec) as teacher:
        found = Neighbourhood()
        rng = np.random.default_rng([seed, number])
        atoms = parent.to_atoms(0)
        atoms.calc = None
        _call(found, teacher, schedule, atoms, (PARENT, 0))
        for chain in range(schedule.chains):
            _run_chain(found, teacher, schedule, atoms, chain, rng)
    return found


def _run_chain(
    found: Neighbourhood,
    teacher: Teacher,
    schedule: Schedule,
    parent: Atoms,
    chain: int,
    rng: np.random.Generator,
) -> None:
    atoms = begin(parent, schedule, rng)
    for step in range(schedule.steps):
        label = _call(found, teacher, schedule, atoms, (chain, step))
        if step + 1 < schedule.steps:
            atoms = (
                begin(parent, schedule, rng)
                if label is None
                else follow(atoms, label.forces, schedule, rng)
            )
    for number, moved in enumerate(_dynamics(found, teacher, schedule, atoms, rng)):
        _call(found, teacher, schedule, moved, (chain, schedule.steps + number))


def _call(
    found: Neighbourhood, teacher: Teacher, schedule: Schedule, atoms: Atoms, place: tuple[int, int]
) -> Label | None:
    """Label a structure, and keep it unless its forces are absurd; None if the teacher fails."""
    try:
        label = teacher.label(atoms)
    except TeacherError as problem:
        found.failures.append(problem.message)
        return None
    if np.linalg.norm(label.forces, axis=1).max() > schedule.max_force:
        found.too_large += 1
    else:
        found.frames.append(
            Frame(
                *place,
                atoms.numbers.copy(),
                atoms.positions.copy(),
                atoms.cell.array.copy(),
                label.energy,
                label.forces,
                label.stress,
            )
        )
    return label


def begin(parent: Atoms, schedule: Schedule, rng: np.random.Generator) -> Atoms:
    """Return the first structure of a chain: the given one with defects, strained and rattled."""
    atoms = parent.copy()
    if rng.random() < schedule.vacancies and len(atoms) > 1:
        del atoms[rng.integers(len(atoms))]
    if rng.random() < schedule.swaps:
        _swap(atoms, rng)
    # Nothing is drawn without surfaces: chains stay those of recipes from before there were any.
    if schedule.surfaces and atoms.pbc.any() and rng.random() < schedule.surfaces:
        _cut(atoms, rng)
    strain = rng.uniform(-schedule.strain, schedule.strain, (3, 3))
    strain = (strain + strain.T) / 2
    # A cell vector without periodicity is only a box.
    cell = atoms.cell.array
    cell[atoms.pbc] = cell[atoms.pbc] @ (np.eye(3) + strain)
    atoms.set_cell(cell, scale_atoms=bool(atoms.pbc.any()))
    return _rattled(atoms, rng.uniform(*schedule.rattle), rng)


def follow(atoms: Atoms, forces: FloatArray, schedule: Schedule, rng: np.random.Generator) -> Atoms:
    """Return the next structure of a chain: moved along the (n, 3) forces in eV/Å, and rattled."""
    moves = schedule.relax * forces
    lengths = np.linalg.norm(moves, axis=1, keepdims=True)
    moves *= np.minimum(1.0, schedule.longest / np.maximum(lengths, 1e-12))
    moved = atoms.copy()
    moved.positions += moves
    return _rattled(moved, rng.uniform(*schedule.shake), rng)


def _rattled(atoms: Atoms, width: float, rng: np.random.Generator) -> Atoms:
    atoms.positions += rng.normal(0.0, width, (len(atoms), 3))
    return atoms


def _swap(atoms: Atoms, rng: np.random.Generator) -> None:
    """Exchange two atoms of different elements, if there are any."""
    one = int(rng.integers(len(atoms)))
    others = np.flatnonzero(atoms.numbers != atoms.numbers[one])
    if len(others):
        other = int(rng.choice(others))
        atoms.numbers[[one, other]] = atoms.numbers[[other, one]]


def _cut(atoms: Atoms, rng: np.random.Generator) -> None:
    """Cut at a random plane along two cell vectors, and open a vacuum along the third.

    Molecules stay whole: they go to the side of the plane where their first atom is.
    """
    axis = int(rng.choice(np.flatnonzero(atoms.pbc)))
    cell = atoms.cell.array.copy()
    heights = atoms.get_scaled_positions(wrap=False)[:, axis]
    place = rng.random()
    moves = -np.floor(heights - place)
    for molecule, images in whole_molecules(atoms):
        moves[molecule] = images[:, axis] - np.floor(heights[molecule[0]] - place)
    atoms.positions += moves[:, None] * cell[axis]
    whole = atoms.cell.complete().array  # of a slab or chain, some vectors may be zero
    normal = np.cross(whole[axis - 2], whole[axis - 1])
    normal *= np.sign(normal @ cell[axis]) / np.linalg.norm(normal)
    cell[axis] += _VACUUM * normal
    atoms.set_cell(cell, scale_atoms=False)


def _dynamics(
    found: Neighbourhood,
    teacher: Teacher,
    schedule: Schedule,
    atoms: Atoms,
    rng: np.random.Generator,
) -> Iterator[Atoms]:
    """Yield structures from dynamics with the teacher's forces, until the first failure."""
    if not schedule.dynamics:
        return
    moving = atoms.copy()
    moving.calc = teacher.calculator()
    widths = np.sqrt(moving.get_masses() * units.kB * schedule.temperature)
    moving.set_momenta(widths[:, None] * rng.standard_normal((len(moving), 3)))
    motion = Langevin(
        moving,
        _TIMESTEP * units.fs,
        temperature_K=schedule.temperature,
        friction=1 / (_DAMPING * units.fs),
        fixcm=False,
        rng=rng,
    )
    for _ in range(schedule.dynamics):
        try:
            with np.errstate(all="ignore"):
                motion.run(schedule.interval)
        except Exception as problem:  # noqa: BLE001 - foreign code may raise anything
            found.failures.append(f"the dynamics failed: {problem}")
            return
        snapshot = moving.copy()
        if not np.isfinite(snapshot.positions).all():
            found.failures.append("the dynamics blew up")
            return
        yield snapshot
