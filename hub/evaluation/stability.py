"""Whether a model holds a material together: molecular dynamics at constant energy."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.build import bulk
from ase.data import covalent_radii
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.md.verlet import VelocityVerlet
from vesin import NeighborList

from hub.errors import DataError
from hub.structures.checks.geometry import BOND_DISTANCE
from registry.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ase import Atoms
    from ase.calculators.calculator import Calculator

_RELAXATION = 0.1  # ps, of the thermostat before the time counts
_THERMALIZED = 1.0  # ps
_SAMPLED = 10  # steps between samples
_ATOMS = 64  # of a crystal that is made here, about
_TOO_HOT = 10.0  # times the temperature asked for: atoms fly apart
_TOO_NEAR = 0.4  # sums of covalent radii, as in the checks of structures


@dataclass(frozen=True)
class Sample:
    """The state at one time.

    Attributes
    ----------
    time
        Since the thermostat was taken away, in ps.
    energy
        Potential and kinetic, in eV/atom.
    temperature
        In K.
    smallest_distance
        In Å; infinite if no two atoms are nearer than 1.3 sums of covalent radii.
    coordination
        Mean number of neighbours within 1.3 sums of covalent radii.
    """

    time: float
    energy: float
    temperature: float
    smallest_distance: float
    coordination: float


@dataclass(frozen=True)
class Stability:
    """What became of the material.

    Attributes
    ----------
    samples
        Over time; at least one.
    failure
        Why it ended early; empty if it did not.
    """

    samples: tuple[Sample, ...]
    failure: str

    def of(self, name: str) -> np.ndarray:
        """Return (T,) one of the fields of the samples."""
        return np.array([getattr(sample, name) for sample in self.samples])

    @property
    def drift(self) -> float:
        """Slope of the total energy in meV/atom/ps; NaN if it ended too early to say."""
        if len(self.samples) < 3:
            return float("nan")
        return 1000 * float(np.polyfit(self.of("time"), self.of("energy"), 1)[0])


def crystal(symbol: str) -> Atoms:
    """Make a cubic supercell, about 64 atoms, of the crystal that an element has in ASE's tables.

    Raises
    ------
    DataError
        If ASE knows no cubic cell of it.
    """
    try:
        cell = bulk(symbol, cubic=True)
    except (ValueError, KeyError, RuntimeError) as problem:
        raise DataError(
            f"no crystal of {symbol} can be made: {problem}", "Give one: --structure FILE"
        ) from problem
    repeats = max(1, round((_ATOMS / len(cell)) ** (1 / 3)))
    supercell: Atoms = cell.repeat(repeats)
    return supercell


def run_dynamics(
    atoms: Atoms,
    calculator: Calculator,
    temperature: float,
    time: float,
    *,
    timestep: float = 1.0,
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Stability:
    """Heat a structure for 1 ps by Langevin dynamics, then follow it at constant energy.

    It ends early when two atoms come impossibly near, the temperature is ten times what was asked
    for, or anything is no number.

    Parameters
    ----------
    atoms
        Not changed.
    calculator
        Of energies and forces.
    temperature
        In K.
    time
        At constant energy, in ps.
    timestep
        In fs.
    seed
        Of the velocities and the thermostat.
    progress
        Called with the steps done and all.
    """
    moving, rng = atoms.copy(), np.random.default_rng(seed)
    moving.calc = calculator
    MaxwellBoltzmannDistribution(moving, temperature_K=temperature, rng=rng)
    Stationary(moving)
    step = timestep * units.fs
    heating = Langevin(
        moving, step, temperature_K=temperature, friction=1 / (_RELAXATION * 1000 * units.fs),
        fixcm=False, rng=rng,
    )  # fmt: skip
    before, after = (round(1000 * each / timestep) for each in (_THERMALIZED, time))
    samples: list[Sample] = []
    failure = ""
    for done in range(0, before + after, _SAMPLED):
        if done < before:
            heating.run(min(_SAMPLED, before - done))
        else:
            if not samples:
                following = VelocityVerlet(moving, step)
                samples.append(_sample(moving, 0.0))
            following.run(_SAMPLED)
            samples.append(_sample(moving, (done + _SAMPLED - before) * timestep / 1000))
        failure = _failure(moving, temperature)
        if failure:
            break
        if progress:
            progress(done + _SAMPLED, before + after)
    return Stability(tuple(samples or [_sample(moving, 0.0)]), failure)


def write_samples(path: Path, stability: Stability) -> None:
    """Write the samples as CSV, whole or not at all."""
    with (
        replacing(path, path.parent) as part,
        part.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, [item.name for item in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in stability.samples)


def _bonds(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Return distances in Å, and in sums of covalent radii, of pairs that may be bonded."""
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
    """Say why it makes no sense to go on; empty if it does."""
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.get_forces()).all()):
        return "positions or forces are no numbers"
    if atoms.get_temperature() > _TOO_HOT * temperature:
        return f"the temperature is {atoms.get_temperature():.0f} K"
    nearest = float(_bonds(atoms)[1].min(initial=np.inf))
    if nearest < _TOO_NEAR:
        return f"two atoms are at {nearest:.2f} of the sum of their covalent radii"
    return ""
