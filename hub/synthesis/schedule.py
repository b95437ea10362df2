"""What a set of trajectories is to be: densities, temperatures and times, before anything moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ase.data import atomic_numbers

from hub.errors import SynthesisError
from hub.schemas import AtLeastOne, Count, Positive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.structures.arrays import FloatArray
    from hub.teachers.spec import TeacherSpec


@dataclass(frozen=True)
class Stages:
    """Temperatures and times of melt, quench and anneal.

    The defaults are those of C-SYNTH-23M: 210 ps in all, after ten of which the melt is quenched,
    divided as in the authors' drawing of the procedure, which states no times.

    Attributes
    ----------
    melt_temperature
        Held first, in K.
    cold_temperature
        What the melt is quenched to, and the annealed structure is cooled to, in K.
    melt, quench, heat, anneal, cool
        How long each stage takes, in ps: the first and the fourth hold a temperature, the others
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
        """How long each stage takes, in ps, in their order."""
        return (self.melt, self.quench, self.heat, self.anneal, self.cool)

    @property
    def duration(self) -> float:
        """How long all of it takes, in ps."""
        return sum(self.durations)


@dataclass(frozen=True)
class Recipe:
    """What structures are to be made.

    Attributes
    ----------
    element
        A chemical symbol.
    teacher
        What moves the atoms, and labels the frames.
    trajectories
        How many.
    density, anneal_temperature, n_atoms
        Least and greatest, in g/cm³, in K, and as numbers.
    stages
        The other temperatures, and times.
    timestep
        In fs.
    interval
        Time between frames, in ps.
    seed
        With the number of a trajectory it decides all that is random in it.
    """

    element: str
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
        """How many frames a trajectory has; the start is none of them."""
        return int(self.stages.duration / self.interval + 1e-9)

    def check(self) -> None:
        """Refuse what cannot be made.

        Raises
        ------
        SynthesisError
            If a number is out of its range, or there is no such element.
        """
        ranges = {
            "density": self.density,
            "anneal temperature": self.anneal_temperature,
            "number of atoms": self.n_atoms,
        }
        for what, (least, greatest) in ranges.items():
            if not 0 < least <= greatest < np.inf:
                raise SynthesisError(
                    f"the {what} cannot be from {least:g} to {greatest:g}",
                    "Give LEAST:GREATEST, both above zero.",
                )
        if self.element not in atomic_numbers or not atomic_numbers[self.element]:
            raise SynthesisError(
                f"'{self.element}' is no chemical element",
                "Give one symbol, such as C or Si; compounds cannot be made.",
            )
        if min(self.stages.durations) < 0 or not 0 < self.interval <= self.stages.duration:
            raise SynthesisError(
                f"there are no frames {self.interval:g} ps apart in stages of "
                f"{', '.join(f'{each:g}' for each in self.stages.durations)} ps",
                "Take longer stages, or frames nearer to each other.",
            )


class Stretch(NamedTuple):
    """Some steps within one stage.

    Attributes
    ----------
    n_steps
        How many.
    start, end
        Temperatures of the thermostat in K.
    time
        Of the frame at its end, in ps; None if there is no frame.
    """

    n_steps: int
    start: float
    end: float
    time: float | None


def stretches(recipe: Recipe, anneal_temperature: float, timestep: float) -> Iterator[Stretch]:
    """Divide a trajectory where a stage ends and where a frame is taken.

    Parameters
    ----------
    recipe
        Whose stages.
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
        How many atoms the cell has.
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

    Each quantity takes as many values at equal distances, both ends included; which of them come
    together is up to the seed.

    Parameters
    ----------
    recipe
        What is to be made.
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
            round(float(sizes[number])),
            round(float(densities[number]), 4),
            round(float(temperatures[number]), 2),
        )
        for number in range(recipe.trajectories)
    ]


def _evenly(count: int, least: float, greatest: float) -> FloatArray:
    """Return (count,) values at equal distances; a single one is in the middle."""
    if count == 1:
        return np.array([(least + greatest) / 2])
    return np.linspace(least, greatest, count)
