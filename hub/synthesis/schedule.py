"""The plan of a set of trajectories: densities, temperatures and times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hub.errors import SynthesisError
from hub.schemas import AtLeastOne, Count, Positive
from hub.synthesis.start import counts_of, whole_units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.structures.arrays import FloatArray
    from hub.teachers.spec import TeacherSpec


@dataclass(frozen=True)
class Stages:
    """Temperatures and times of melt, quench and anneal.

    The defaults are those of C-SYNTH-23M: 210 ps in total, with the quench finished after 10 ps;
    the other times follow the authors' drawing of the procedure, which gives no numbers.

    Attributes
    ----------
    melt_temperature
        Temperature of the melt, in K.
    cold_temperature
        Temperature after quenching and after cooling the annealed structure, in K.
    melt, quench, heat, anneal, cool
        Duration of each stage, in ps: the first and the fourth hold a temperature, the others
        change it at a constant rate.

    References
    ----------
    J. L. A. Gardner, Z. Faure Beaulieu, V. L. Deringer, Digital Discovery 2, 651 (2023).
    """

    melt_temperature: float = 9000.0
    cold_temperature: float = 300.0
    melt: float = 5.0
    quench: float = 5.0
    heat: float = 50.0
    anneal: float = 100.0
    cool: float = 50.0

    @property
    def durations(self) -> tuple[float, ...]:
        """Duration of each stage in order, in ps."""
        return (self.melt, self.quench, self.heat, self.anneal, self.cool)

    @property
    def duration(self) -> float:
        """Total duration, in ps."""
        return sum(self.durations)


@dataclass(frozen=True)
class Recipe:
    """Settings for making structures.

    Attributes
    ----------
    formula
        An element or a compound.
    teacher
        Teacher that gives the forces and labels the frames.
    trajectories
        Number of trajectories.
    density, anneal_temperature, n_atoms
        Minimum and maximum, in g/cm³, in K, and as numbers.
    stages
        The other temperatures, and the durations.
    timestep
        In fs.
    interval
        Time between frames, in ps.
    seed
        Random seed; combined with the number of each trajectory.
    """

    formula: str
    teacher: TeacherSpec
    trajectories: int = 20
    density: tuple[float, float] = (1.0, 3.5)
    anneal_temperature: tuple[float, float] = (2000.0, 4000.0)
    n_atoms: tuple[int, int] = (200, 200)
    stages: Stages = field(default_factory=Stages)
    timestep: float = 1.0
    interval: float = 1.0
    seed: int = 0

    @property
    def n_frames(self) -> int:
        """Number of frames of a trajectory, without the start."""
        return int(self.stages.duration / self.interval + 1e-9)

    def check(self) -> None:
        """Check the settings.

        Raises
        ------
        SynthesisError
            If a number is out of range, or an element is unknown.
        """
        self.check_cells()
        if min(self.stages.durations) < 0 or not 0 < self.interval <= self.stages.duration:
            raise SynthesisError(
                f"a frame interval of {self.interval:g} ps does not fit stages of "
                f"{', '.join(f'{each:g}' for each in self.stages.durations)} ps",
                "Use longer stages, or a shorter frame interval.",
            )

    def check_cells(self) -> None:
        """Check formula, sizes, densities and annealing temperatures; raise as :meth:`check`."""
        ranges = {
            "density": self.density,
            "anneal temperature": self.anneal_temperature,
            "number of atoms": self.n_atoms,
        }
        for what, (least, greatest) in ranges.items():
            if not 0 < least <= greatest < np.inf:
                raise SynthesisError(
                    f"invalid range of {what}: {least:g} to {greatest:g}",
                    "Give MIN:MAX, both above zero.",
                )
        unit = sum(counts_of(self.formula).values())
        if unit > self.n_atoms[1]:
            raise SynthesisError(
                f"{self.formula} has {unit} atoms, more than a cell of {self.n_atoms[1]}",
                "Use a smaller formula, or more --atoms.",
            )


class Stretch(NamedTuple):
    """Consecutive steps within one stage.

    Attributes
    ----------
    n_steps
        Number of steps.
    start, end
        Temperatures of the thermostat in K.
    time
        Time of the frame at its end, in ps; None if there is no frame.
    """

    n_steps: int
    start: float
    end: float
    time: float | None


def stretches(recipe: Recipe, anneal_temperature: float, timestep: float) -> Iterator[Stretch]:
    """Divide a trajectory at the ends of stages and at the frames.

    Parameters
    ----------
    recipe
        The recipe.
    anneal_temperature
        In K.
    timestep
        In fs, instead of the recipe's.
    """
    per_ps, stages = 1000 / timestep, recipe.stages
    ends = np.rint(np.cumsum([0.0, *stages.durations]) * per_ps)
    times = {
        round(number * recipe.interval * per_ps): number * recipe.interval
        for number in range(1, recipe.n_frames + 1)
    }
    cold, melt = stages.cold_temperature, stages.melt_temperature
    starts = [melt, melt, cold, anneal_temperature, anneal_temperature]
    done = 0
    for mark in sorted({*ends[1:].astype(int).tolist(), *times} - {0}):
        stage = int(np.searchsorted(ends, done, "right")) - 1
        ramp = ends[stage : stage + 2], [starts[stage], [*starts, cold][stage + 1]]
        start, end = np.interp([done, mark], *ramp).tolist()
        yield Stretch(mark - done, start, end, times.get(mark))
        done = mark


@dataclass(frozen=True)
class Plan:
    """One trajectory.

    Attributes
    ----------
    run_id
        Its number.
    n_atoms
        Number of atoms in the cell.
    density
        In g/cm³.
    anneal_temperature
        In K.
    """

    run_id: Count
    n_atoms: AtLeastOne
    density: Positive
    anneal_temperature: Positive


def spread(recipe: Recipe, first: int = 0) -> list[Plan]:
    """Spread trajectories evenly over the ranges of densities, temperatures and sizes.

    Each quantity takes evenly spaced values including both ends, one for each trajectory; they are
    combined at random. Sizes are rounded to whole formula units.

    Parameters
    ----------
    recipe
        The recipe.
    first
        Number of the first trajectory.
    """
    rng = np.random.default_rng([recipe.seed, first])
    densities, temperatures, sizes = (
        rng.permutation(_evenly(recipe.trajectories, *ends))
        for ends in (recipe.density, recipe.anneal_temperature, recipe.n_atoms)
    )
    return [
        Plan(
            first + number,
            whole_units(recipe.formula, float(sizes[number])),
            round(float(densities[number]), 4),
            round(float(temperatures[number]), 2),
        )
        for number in range(recipe.trajectories)
    ]


def _evenly(count: int, least: float, greatest: float) -> FloatArray:
    """Return (count,) evenly spaced values; a single one is in the middle."""
    if count == 1:
        return np.array([(least + greatest) / 2])
    return np.linspace(least, greatest, count)
