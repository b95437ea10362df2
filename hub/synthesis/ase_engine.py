"""Molecular dynamics by ASE, for any teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.md.langevin import Langevin
from ase.optimize import FIRE

from hub.errors import TeacherError
from hub.synthesis.engine import (
    DAMPING,
    RELAXATION_STEP,
    RELAXATION_STEPS,
    BlownUpError,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms

    from hub.teachers.teacher import Teacher

_RAMP_STEPS = 10  # between changes of the thermostat's temperature


class AseEngine:
    """Molecular dynamics with the forces of a teacher.

    Parameters
    ----------
    teacher
        Source of the forces.
    atoms
        Atoms in a periodic cell; they are not changed.
    timestep
        In fs.
    temperature
        Temperature of the initial velocities, in K.
    rng
        Random numbers for velocities and thermostat.
    """

    def __init__(
        self,
        teacher: Teacher,
        atoms: Atoms,
        timestep: float,
        temperature: float,
        rng: np.random.Generator,
    ) -> None:
        self._teacher = teacher
        self._atoms = atoms.copy()
        self._atoms.calc = teacher.calculator()
        relaxation = FIRE(self._atoms, logfile=None, maxstep=RELAXATION_STEP)
        _move(lambda: relaxation.run(fmax=0.0, steps=RELAXATION_STEPS))
        widths = np.sqrt(self._atoms.get_masses() * units.kB * temperature)
        self._atoms.set_momenta(widths[:, None] * rng.standard_normal((len(atoms), 3)))
        self._motion = Langevin(
            self._atoms,
            timestep * units.fs,
            temperature_K=temperature,
            friction=1 / (DAMPING * 1000 * units.fs),
            fixcm=False,
            rng=rng,
        )

    def run(self, n_steps: int, start: float, end: float) -> None:
        """Run some steps while the thermostat changes from one temperature in K to another."""
        done = 0
        while done < n_steps:
            steps = min(_RAMP_STEPS, n_steps - done)
            middle = (done + steps / 2) / n_steps
            self._motion.set_temperature(temperature_K=start + (end - start) * middle)
            _move(lambda steps=steps: self._motion.run(steps))  # type: ignore[misc]
            done += steps

    def snapshot(self) -> Snapshot:
        """Return the current structure."""
        try:
            label = self._teacher.label(self._atoms)
        except TeacherError as problem:
            raise BlownUpError(problem.message) from problem
        positions = self._atoms.get_positions(wrap=True)
        return Snapshot(positions, *label, float(self._atoms.get_temperature()))

    def close(self) -> None:
        """Release the calculator."""
        self._atoms.calc = None


def _move(step: Callable[[], object]) -> None:
    """Treat an error of the calculator during a run as the end of the trajectory."""
    try:
        with np.errstate(all="ignore"):  # Overflows are found by `check`.
            step()
    except Exception as problem:  # foreign code may raise anything
        what = str(problem).strip() or type(problem).__name__
        raise BlownUpError(f"the teacher failed: {what.splitlines()[0]}") from problem
