"""What moves the atoms: two engines behind one small interface, and when one has lost them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from ase.data import covalent_radii
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from ase import Atoms

    from hub.structures.arrays import FloatArray

# Both engines keep the temperature by Langevin dynamics with this time of relaxation, in ps: it
# takes up what the melting of a random start sets free, also in cells of a few atoms.
DAMPING = 0.1
# Random overlaps are relaxed away first, by so many steps of at most so many Å.
RELAXATION_STEPS, RELAXATION_STEP = 200, 0.1
# Atoms nearer than this, of the sum of their covalent radii (0.6 Å for carbon), have fallen into
# a hole of the potential: collisions at 9000 K leave carbon 1 Å apart.
NEAREST = 0.4
# A temperature of more than so many times the hottest that was asked for: eight atoms at their
# least steady are at twice.
HOTTEST = 4.0


class BlownUpError(Exception):
    """The trajectory is no longer physics; the text says what was seen."""


@dataclass(frozen=True)
class Snapshot:
    """One structure on its way.

    Attributes
    ----------
    positions
        (n, 3) in Å, inside the cell.
    energy
        Potential energy in eV.
    forces
        (n, 3) of the potential alone, in eV/Å.
    stress
        (3, 3) of the potential alone, in eV/Å^3; NaN if the teacher gives none.
    temperature
        Of the motion now, in K.
    """

    positions: FloatArray
    energy: float
    forces: FloatArray
    stress: FloatArray
    temperature: float


class Engine(Protocol):
    """Atoms of one trajectory in motion.

    An engine begins by relaxing the overlaps of a random start, and gives the atoms velocities.
    Each of these raises `BlownUpError` if the atoms are lost on the way.
    """

    def run(self, n_steps: int, start: float, end: float) -> None:
        """Go on for some steps, the thermostat going from one temperature in K to another."""

    def snapshot(self) -> Snapshot:
        """Return the structure as it is now."""

    def close(self) -> None:
        """Free what it holds."""


def check(atoms: Atoms, snapshot: Snapshot, hottest: float) -> None:
    """Refuse what is no longer physics.

    Parameters
    ----------
    atoms
        The element and the cubic cell.
    snapshot
        Where they are now.
    hottest
        The highest temperature that the thermostat ever has, in K.

    Raises
    ------
    BlownUpError
        If a number is not finite, the atoms are far too hot, or two are far too near.
    """
    numbers = (snapshot.positions, snapshot.energy, snapshot.forces, snapshot.temperature)
    if not all(np.isfinite(each).all() for each in numbers):
        raise BlownUpError("energy, forces or positions are not finite")
    if snapshot.temperature > HOTTEST * hottest:
        raise BlownUpError(f"the temperature is {snapshot.temperature:.0f} K")
    length = float(atoms.cell[0, 0])
    inside = snapshot.positions % length
    inside[inside >= length] = 0.0  # what was rounded up to it
    apart, _ = cKDTree(inside, boxsize=length).query(inside, k=2)
    bond = 2 * covalent_radii[atoms.numbers[0]]
    if apart[:, 1].min() < NEAREST * bond:
        raise BlownUpError(f"two atoms are {apart[:, 1].min():.2f} Å apart")
