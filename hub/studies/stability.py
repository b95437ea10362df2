"""Stability of a model in molecular dynamics at constant energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import units
from ase.build import bulk
from ase.data import covalent_radii
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.md.verlet import VelocityVerlet
from vesin import NeighborList

from hub.errors import DataError
from hub.saving import SavingPace
from hub.structures.checks.geometry import BOND_DISTANCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms
    from ase.calculators.calculator import Calculator

_RELAXATION = 0.1  # ps, of the thermostat
_THERMALIZED = 1.0  # ps
_SAMPLED = 10  # steps between samples
_KEPT = 100  # steps between saved states
_ATOMS = 64  # approximate number in a supercell
_TOO_HOT = 10.0  # times the requested temperature: atoms fly apart
_TOO_NEAR = 0.4  # sums of covalent radii, as in the checks of structures


@dataclass(frozen=True)
class Sample:
    """The state at one time.

    Attributes
    ----------
    time
        Since the thermostat was removed, in ps.
    energy
        Potential plus kinetic, in eV/atom.
    temperature
        In K.
    smallest_distance
        In Å; infinite if no two atoms are closer than 1.3 times the sum of their covalent radii.
    coordination
        Mean number of neighbours within 1.3 times the sum of covalent radii.
    """

    time: float
    energy: float
    temperature: float
    smallest_distance: float
    coordination: float


@dataclass(frozen=True)
class Stability:
    """Result of the dynamics.

    Attributes
    ----------
    samples
        Over time; at least one.
    failure
        Why the dynamics ended early; empty if they did not.
    """

    samples: tuple[Sample, ...]
    failure: str

    def of(self, name: str) -> np.ndarray:
        """Return (T,) the values of one field of the samples."""
        return np.array([getattr(sample, name) for sample in self.samples])

    @property
    def drift(self) -> float:
        """Slope of the total energy in meV/atom/ps; NaN if there are too few samples."""
        if len(self.samples) < 3:
            return float("nan")
        return 1000 * float(np.polyfit(self.of("time"), self.of("energy"), 1)[0])


def crystal(symbol: str) -> Atoms:
    """Build a cubic supercell of about 64 atoms of an element's crystal in ASE's tables.

    Raises
    ------
    DataError
        If ASE has no cubic cell of the element.
    """
    try:
        cell = bulk(symbol, cubic=True)
    except (ValueError, KeyError, RuntimeError) as problem:
        raise DataError(
            f"cannot build a crystal of {symbol}: {problem}", "Give a structure: --structure FILE"
        ) from problem
    repeats = max(1, round((_ATOMS / len(cell)) ** (1 / 3)))
    supercell: Atoms = cell.repeat(repeats)
    return supercell


@dataclass(frozen=True)
class Conditions:
    """Conditions of the dynamics.

    Attributes
    ----------
    temperature
        In K.
    time
        At constant energy, in ps.
    timestep
        In fs.
    seed
        Random seed of the velocities and the thermostat.
    """

    temperature: float
    time: float
    timestep: float = 1.0
    seed: int = 0

    def steps(self, time: float) -> int:
        """Return the number of steps in a time in ps."""
        return round(1000 * time / self.timestep)


@dataclass(frozen=True)
class State:
    """State of the dynamics of a model.

    Attributes
    ----------
    steps
        Number of steps done, including those with the thermostat.
    positions, momenta
        (N, 3), in Å and in ASE's units.
    random
        The state of the thermostat's NumPy generator.
    samples, failure
        As in `Stability`.
    """

    steps: int
    positions: np.ndarray
    momenta: np.ndarray
    random: dict[str, Any]
    samples: tuple[Sample, ...] = ()
    failure: str = ""


def run_dynamics(
    atoms: Atoms,
    calculator: Calculator,
    conditions: Conditions,
    *,
    state: State | None = None,
    keep: Callable[[State], None] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Stability:
    """Heat a structure for 1 ps by Langevin dynamics, then follow it at constant energy.

    The dynamics end early when two atoms come impossibly close, the temperature exceeds ten times
    the requested one, or a position or force is not finite.

    Parameters
    ----------
    atoms
        Not changed.
    calculator
        Of energies and forces.
    conditions
        Temperature, time, time step and seed.
    state
        To resume from: the same structure under the same conditions, except for the time. The
        result is the same as without the interruption.
    keep
        Called with the state every hundred steps, unless that takes more than a twentieth of the
        time, and at the end.
    progress
        Called with the number of steps done and their total.
    """
    moving, rng = _begin(atoms, calculator, conditions, state)
    heating, following = _integrators(moving, conditions, rng)
    before = conditions.steps(_THERMALIZED)
    last = before + conditions.steps(conditions.time)
    done, samples, failure = 0, [], ""
    pace = SavingPace()
    if state is not None:
        done, samples, failure = state.steps, list(state.samples), state.failure
    while done < last and not failure:
        number = min(_SAMPLED, (before if done < before else last) - done)
        if done < before:
            heating.run(number)
        else:
            samples = samples or [_sample(moving, 0.0)]
            following.run(number)
            samples.append(_sample(moving, (done + number - before) * conditions.timestep / 1000))
        done += number
        failure = _failure(moving, conditions.temperature)
        is_due = done % _KEPT < number and pace.is_due
        if keep and (is_due or done == last or failure):
            with pace.saving():
                momenta, random = moving.get_momenta(), dict(rng.bit_generator.state)
                keep(State(done, moving.get_positions(), momenta, random, tuple(samples), failure))
        if progress:
            progress(done, last)
    return Stability(tuple(samples or [_sample(moving, 0.0)]), failure)


def _begin(
    atoms: Atoms, calculator: Calculator, conditions: Conditions, state: State | None
) -> tuple[Atoms, np.random.Generator]:
    """Return the atoms and the random generator, at the start or in the saved state."""
    moving, rng = atoms.copy(), np.random.default_rng(conditions.seed)
    moving.calc = calculator
    if state is None:
        MaxwellBoltzmannDistribution(moving, temperature_K=conditions.temperature, rng=rng)
        Stationary(moving)
    else:
        moving.set_positions(state.positions)
        moving.set_momenta(state.momenta)
        rng.bit_generator.state = state.random
    return moving, rng


def _integrators(
    atoms: Atoms, conditions: Conditions, rng: np.random.Generator
) -> tuple[Langevin, VelocityVerlet]:
    timestep, friction = conditions.timestep * units.fs, 1 / (_RELAXATION * 1000 * units.fs)
    heating = Langevin(
        atoms,
        timestep,
        temperature_K=conditions.temperature,
        friction=friction,
        fixcm=False,
        rng=rng,
    )
    return heating, VelocityVerlet(atoms, timestep)


def _bonds(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Return distances of possibly bonded pairs, in Å and in sums of covalent radii."""
    radii = covalent_radii[atoms.numbers]
    neighbours = NeighborList(cutoff=BOND_DISTANCE * 2 * float(radii.max()), full_list=False)
    first, second, distances = neighbours.compute(
        atoms.positions, atoms.cell.array, atoms.pbc, quantities="ijd"
    )
    return distances, distances / (radii[first] + radii[second])


def _sample(atoms: Atoms, time: float) -> Sample:
    positions_are_numbers = np.isfinite(atoms.positions).all()
    distances, ratios = _bonds(atoms) if positions_are_numbers else (np.empty(0), np.empty(0))
    return Sample(
        time,
        float(atoms.get_total_energy() / len(atoms)) if positions_are_numbers else float("nan"),
        float(atoms.get_temperature()),
        float(distances.min(initial=np.inf)),
        float(2 * (ratios < BOND_DISTANCE).sum() / len(atoms)),
    )


def _failure(atoms: Atoms, temperature: float) -> str:
    """Return why the dynamics have failed; empty if they have not."""
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.get_forces()).all()):
        return "positions or forces are not finite"
    if atoms.get_temperature() > _TOO_HOT * temperature:
        return f"the temperature is {atoms.get_temperature():.0f} K"
    nearest = float(_bonds(atoms)[1].min(initial=np.inf))
    if nearest < _TOO_NEAR:
        return f"two atoms are {nearest:.2f} times the sum of their covalent radii apart"
    return ""
