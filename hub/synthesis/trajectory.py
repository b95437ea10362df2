"""One trajectory from a random start, and its file, which is written completely or not at all."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.segments import Segment
from hub.schemas import Positive
from hub.synthesis.engine import BlownUpError, check
from hub.synthesis.schedule import Plan, stretches
from hub.synthesis.start import random_start
from hub.teachers.families import family_of
from hub.teachers.teacher import open_teacher, options_of
from registry.documents import MalformedError, fit_whole
from registry.errors import IntegrityError
from registry.outputs import write_file

if TYPE_CHECKING:
    from ase import Atoms

    from hub.structures.arrays import FloatArray
    from hub.synthesis.engine import Engine, Snapshot
    from hub.synthesis.schedule import Recipe

_LAMMPS = "hub.teachers.lammps:build"


@dataclass(frozen=True)
class Trajectory:
    """F frames of n atoms.

    Attributes
    ----------
    plan
        Its plan.
    timestep
        In fs.
    failure
        Why it ended early; empty if it did not.
    cell
        (3, 3) in Å.
    times
        (F,) in ps.
    temperatures
        (F,) instantaneous temperatures, in K.
    positions, forces
        (F, n, 3) in Å and eV/Å.
    energies
        (F,) potential energies in eV, as given by the teacher.
    stresses
        (F, 3, 3) of the potential in eV/Å^3; NaN where missing, as in files of older releases.
    """

    plan: Plan
    timestep: float
    failure: str
    cell: FloatArray
    times: FloatArray
    temperatures: FloatArray
    positions: FloatArray
    energies: FloatArray
    forces: FloatArray
    stresses: FloatArray


_ARRAYS = ("cell", "times", "temperatures", "positions", "energies", "forces", "stresses")


def run_trajectory(recipe: Recipe, plan: Plan, timestep: float) -> Trajectory:
    """Run a trajectory as long as it remains physical.

    Parameters
    ----------
    recipe, plan
        Recipe and plan of the trajectory.
    timestep
        In fs, instead of the recipe's.

    Raises
    ------
    SynthesisError
        If no random start of that density is found.
    TeacherError
        If the teacher cannot be opened.
    """
    rng = np.random.default_rng([recipe.seed, plan.run_id])
    atoms = random_start(recipe.formula, plan.n_atoms, plan.density, rng)
    times: list[float] = []
    frames: list[Snapshot] = []
    failure = ""
    hottest = max(recipe.stages.melt_temperature, plan.anneal_temperature)
    try:
        with closing(_engine(recipe, atoms, timestep, rng)) as engine:
            for stretch in stretches(recipe, plan.anneal_temperature, timestep):
                engine.run(stretch.n_steps, stretch.start, stretch.end)
                snapshot = engine.snapshot()
                check(atoms, snapshot, hottest)
                if stretch.time is not None:
                    times.append(stretch.time)
                    frames.append(snapshot)
    except BlownUpError as problem:
        failure = str(problem)
    return _joined(plan, timestep, failure, atoms, times, frames)


def write_trajectory(path: Path, trajectory: Trajectory) -> None:
    """Write a trajectory completely or not at all.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    facts = {
        "plan": asdict(trajectory.plan),
        "timestep": trajectory.timestep,
        "failure": trajectory.failure,
    }
    arrays = {name: getattr(trajectory, name) for name in _ARRAYS}
    write_file(path, Segment([arrays], facts=facts).to_bytes())


def read_trajectory(path: Path) -> Trajectory:
    """Read a file of `write_trajectory`.

    Raises
    ------
    IntegrityError
        If the file is corrupted.
    """
    try:
        segment = Segment.from_file(path)
        facts: dict[str, Any] = vars(fit_whole(segment.facts, _Facts))
        (arrays,) = segment.blocks
        absent = {"stresses": np.full((len(arrays["times"]), 3, 3), np.nan)}
        return _checked(Trajectory(**facts | absent | arrays))
    except (IntegrityError, MalformedError, TypeError, KeyError, ValueError) as problem:
        raise IntegrityError(
            f"the trajectory {path} is corrupted",
            "Remove it and resume with --resume: it will be run again.",
        ) from problem


@dataclass(frozen=True)
class _Facts:
    """The content of a file besides its arrays."""

    plan: Plan
    timestep: Positive
    failure: str


def _checked(trajectory: Trajectory) -> Trajectory:
    n_frames, rows = len(trajectory.times), (len(trajectory.times), trajectory.plan.n_atoms, 3)
    shapes = ((3, 3), (n_frames,), (n_frames,), rows, (n_frames,), rows, (n_frames, 3, 3))
    if any(getattr(trajectory, n).shape != shape for n, shape in zip(_ARRAYS, shapes, strict=True)):
        raise MalformedError("its arrays have different numbers of frames")
    return trajectory


def lost_trajectory(plan: Plan, timestep: float, reason: str) -> Trajectory:
    """Return the trajectory of a process that died before it wrote anything."""
    nothing, none = np.zeros(0), np.zeros((0, plan.n_atoms, 3))
    return Trajectory(
        plan,
        timestep,
        reason,
        cell=np.zeros((3, 3)),
        times=nothing,
        temperatures=nothing,
        positions=none,
        energies=nothing,
        forces=none,
        stresses=np.zeros((0, 3, 3)),
    )


def _engine(recipe: Recipe, atoms: Atoms, timestep: float, rng: np.random.Generator) -> Engine:
    """Return the LAMMPS engine if the teacher is a pair style, which is much faster."""
    spec, temperature = recipe.teacher, recipe.stages.melt_temperature
    if family_of(spec.family)[0].build != _LAMMPS:
        from hub.synthesis.ase_engine import AseEngine

        return AseEngine(open_teacher(spec), atoms, timestep, temperature, rng)
    from hub.synthesis.lammps_engine import LammpsEngine
    from hub.teachers.lammps import pair_commands

    options = options_of(spec)
    parameters = Path(spec.parameters) if spec.parameters else None
    potential = pair_commands(parameters, options)
    return LammpsEngine(potential, list(options["elements"]), atoms, timestep, temperature, rng)


def _joined(
    plan: Plan,
    timestep: float,
    failure: str,
    atoms: Atoms,
    times: list[float],
    frames: list[Snapshot],
) -> Trajectory:
    shape = (len(frames), len(atoms), 3)
    return Trajectory(
        plan,
        timestep,
        failure,
        atoms.cell.array,
        np.array(times),
        np.array([frame.temperature for frame in frames]),
        np.array([frame.positions for frame in frames]).reshape(shape),
        np.array([frame.energy for frame in frames]),
        np.array([frame.forces for frame in frames]).reshape(shape),
        np.array([frame.stress for frame in frames]).reshape(-1, 3, 3),
    )
