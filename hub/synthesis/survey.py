"""What a teacher says of an element or compound: its density, melting point and vibrations.

It runs in the teacher's own process, where only numpy, ASE and the teacher may be installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE

from hub.errors import SynthesisError, TeacherError
from hub.synthesis.start import density_of, first_density, random_start, whole_units
from hub.teachers.labelling import opened_teacher

if TYPE_CHECKING:
    from ase import Atoms

    from hub.structures.arrays import FloatArray
    from hub.teachers.spec import TeacherSpec
    from hub.teachers.teacher import Teacher

_ATOMS = 32
_FAR = 4.0  # a relaxed density that differs by this factor from the first one is none
_STEPS_INSIDE, _STEPS = 100, 200  # of the relaxation, at first in a fixed cell
_STEP, _LARGEST_FORCE = 0.1, 0.05  # Å, eV/Å
_PAIRS, _DISPLACEMENT = 8, 0.01  # displacements of all atoms for their stiffness; Å
# Crystals melt when atoms vibrate by this share of the distance of neighbours (Lindemann).
_LINDEMANN = 0.09


@dataclass(frozen=True)
class Survey:
    """Properties of a relaxed, disordered cell.

    Attributes
    ----------
    density
        Without pressure, in g/cm³.
    melting
        Estimate of the melting temperature, in K.
    period
        Of the fastest vibration of one atom among fixed ones, in fs; averaged for each element.
    """

    density: float
    melting: float
    period: float


def survey(spec: TeacherSpec, formula: str, seed: int, density: float | None = None) -> Survey:
    """Relax randomly placed atoms with a teacher, and measure how stiffly they are held.

    Parameters
    ----------
    spec
        The teacher.
    formula
        An element or a compound.
    seed
        Random seed of the positions and displacements.
    density
        In g/cm³; the cell is relaxed if None.

    Raises
    ------
    SynthesisError
        If the teacher holds these atoms together at no density, or gives no stresses.
    TeacherError
        If the teacher fails.
    """
    rng = np.random.default_rng(seed)
    first = density or first_density(formula)
    atoms = random_start(formula, whole_units(formula, _ATOMS), first, rng)
    with opened_teacher(spec) as teacher:
        if density is None and not teacher.gives_stress:
            raise SynthesisError(
                f"the teacher gives no stresses, so that the density of {formula} is unknown",
                "Give --density.",
            )
        _relax(teacher, atoms, in_cell=density is None)
        found = density_of(atoms)
        if not first / _FAR < found < first * _FAR:
            raise SynthesisError(
                f"{formula} does not relax to a density near {first:.2g} g/cm³ with this teacher",
                "Is it suitable? If so, give --density.",
            )
        stiffness = _stiffness(teacher, atoms, rng)
    if not stiffness.mean() > 0:
        raise SynthesisError(
            f"the teacher has no stable structure of {formula} at {found:.2g} g/cm³",
            "Is it suitable? If so, give --melt-temperature, --anneal-temperature and --timestep.",
        )
    apart = atoms.get_all_distances(mic=True)
    np.fill_diagonal(apart, np.inf)
    swing = _LINDEMANN * apart.min(axis=1).mean()
    melting = float(stiffness.mean() * swing**2 / (3 * units.kB))
    return Survey(found, melting, _shortest_period(atoms, stiffness))


def _relax(teacher: Teacher, atoms: Atoms, *, in_cell: bool) -> None:
    """Relax overlaps first, then the volume, too, if asked for."""
    atoms.calc = teacher.calculator()
    try:
        FIRE(atoms, logfile=None, maxstep=_STEP).run(fmax=_LARGEST_FORCE, steps=_STEPS_INSIDE)
        moved = FrechetCellFilter(atoms, hydrostatic_strain=True) if in_cell else atoms
        FIRE(moved, logfile=None, maxstep=_STEP).run(fmax=_LARGEST_FORCE, steps=_STEPS)
    except Exception as problem:  # foreign code raises anything
        what = str(problem).strip() or type(problem).__name__
        raise TeacherError(
            f"the teacher failed while randomly placed atoms were relaxed: {what.splitlines()[0]}",
            "Is it suitable for these elements?",
        ) from problem
    finally:
        atoms.calc = None


def _stiffness(teacher: Teacher, atoms: Atoms, rng: np.random.Generator) -> FloatArray:
    """Return (n,) mean second derivatives of the energy by an atom's position, in eV/Å^2.

    Random signs of the displacements let the couplings between atoms cancel on average.
    """
    total = np.zeros(len(atoms))
    for _ in range(_PAIRS):
        signs = rng.choice([-1.0, 1.0], (len(atoms), 3))
        ahead, behind = atoms.copy(), atoms.copy()
        ahead.positions += _DISPLACEMENT * signs
        behind.positions -= _DISPLACEMENT * signs
        change = teacher.label(behind).forces - teacher.label(ahead).forces
        total += (change * signs).mean(axis=1) / (2 * _DISPLACEMENT)
    return total / _PAIRS


def _shortest_period(atoms: Atoms, stiffness: FloatArray) -> float:
    periods = []
    for number in np.unique(atoms.numbers):
        own = atoms.numbers == number
        mass, held = atoms.get_masses()[own].mean(), stiffness[own].mean()
        if held > 0:
            periods.append(2 * np.pi * np.sqrt(mass / held) / units.fs)
    return float(min(periods))
