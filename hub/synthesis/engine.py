"""The interface of the two molecular dynamics engines, and the check for blown-up runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from ase.data import covalent_radii
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from ase import Atoms

    from hub.structures.arrays import FloatArray

# Both engines use a Langevin thermostat with this relaxation time, in ps: it absorbs the energy
# released by a random start, also in cells of a few atoms.
DAMPING = 0.1
# Overlaps are relaxed first, by this many steps of at most this length in Å.
RELAXATION_STEPS, RELAXATION_STEP = 200, 0.1
# Atoms closer than this, relative to the sum of their covalent radii (0.6 Å for carbon), have
# fallen into a hole of the potential: in collisions at 9000 K, carbon atoms stay 1 Å apart.
NEAREST = 0.4
# Highest temperature relative to the highest requested one: eight atoms fluctuate by at most a
# factor of two.
HOTTEST = 4.0


class BlownUpError(Exception):
    """The trajectory is no longer physical; the text says why."""


@dataclass(frozen=True)
class Snapshot:
    """One structure of a trajectory.

    Attributes
    ----------
    positions
        (n, 3) in Å, inside the cell.
    energy
        Potential energy in eV.
    forces
        (n, 3) without thermostat, in eV/Å.
    stress
        (3, 3) without the kinetic part, in eV/Å^3; NaN if the teacher gives none.
    temperature
        Instantaneous temperature, in K.
    """

    positions: FloatArray
    energy: float
    forces: FloatArray
    stress: FloatArray
    temperature: float


class Engine(Protocol):
    """Molecular dynamics of one trajectory.

    An engine first relaxes the overlaps of a random start, and assigns velocities. Each of these
    steps raises `BlownUpError` if the run blows up.
    """

    def run(self, n_steps: int, start: float, end: float) -> None:
        """Run some steps while the thermostat changes from one temperature in K to another."""

    def snapshot(self) -> Snapshot:
        """Return the current structure."""

    def close(self) -> None:
        """Release its resources."""


def check(atoms: Atoms, snapshot: Snapshot, hottest: float) -> None:
    """Raise if a structure is no longer physical.

    Parameters
    ----------
    atoms
        The elements and the cubic cell.
    snapshot
        The current structure.
    hottest
        Highest temperature of the thermostat, in K.

    Raises
    ------
    BlownUpError
        If a number is not finite, the atoms are far too hot, or two are far too close.
    """
    numbers = (snapshot.positions, snapshot.energy, snapshot.forces, snapshot.temperature)
    if not all(np.isfinite(each).all() for each in numbers):
        raise BlownUpError("energy, forces or positions are not finite")
    if snapshot.temperature > HOTTEST * hottest:
        raise BlownUpError(f"the temperature is {snapshot.temperature:.0f} K")
    length = float(atoms.cell[0, 0])
    inside = snapshot.positions % length
    inside[inside >= length] = 0.0  # rounded up to the cell length
    allowed = NEAREST * covalent_radii[atoms.numbers]
    pairs = cKDTree(inside, boxsize=length).query_pairs(2 * allowed.max(), output_type="ndarray")
    apart = inside[pairs[:, 0]] - inside[pairs[:, 1]]
    apart -= length * np.rint(apart / length)
    distances = np.linalg.norm(apart, axis=1)
    is_close = distances < allowed[pairs].sum(axis=1)
    if is_close.any():
        raise BlownUpError(f"two atoms are {distances[is_close].min():.2f} Å apart")
