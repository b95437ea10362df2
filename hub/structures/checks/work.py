"""Energy differences implied by the forces: -F·dr between structures close to each other.

Along frames of a trajectory, and between any structures of the same atoms in the same cell, with
molecules rotated onto each other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.trajectories import displacement, displacements

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

FEWEST_PAIRS = 10
_MOVED = (1e-3, 0.3)  # Å rms between structures whose energies are compared
_MOST_FRAMES = 2000
_MOST_IN_GROUP = 100
_MOST_PAIRS = 60  # the closest; between others, the straight path is a poor approximation
_SAME_CELL = 1e-4  # Å


@dataclass(frozen=True)
class Work:
    """P pairs of structures that are close to each other.

    Attributes
    ----------
    first, second
        (P,) indices of the structures.
    said
        (P,) energy of the second minus that of the first according to the forces, in eV.
    labelled
        (P,) the same according to the energies.
    n_atoms
        (P,) number of atoms in each of the two.
    """

    first: IntArray
    second: IntArray
    said: FloatArray
    labelled: FloatArray
    n_atoms: IntArray

    def __len__(self) -> int:
        return len(self.said)

    @property
    def correlation(self) -> float:
        """Correlation of `said` and `labelled`; 0 if there are too few pairs."""
        return correlation(self.said, self.labelled) if len(self) >= FEWEST_PAIRS else 0.0


def correlation(one: FloatArray, other: FloatArray) -> float:
    """Return the correlation of two series; 0 if one does not vary."""
    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def work_along_frames(structures: StructureSet, sound: BoolArray) -> Work:
    """Compare each structure with the previous one, if both are frames of a trajectory."""
    moved = displacements(structures)
    usable = sound & np.roll(sound, 1) & (moved > _MOVED[0]) & (moved < _MOVED[1])
    same_cell = np.abs(structures.cells - np.roll(structures.cells, 1, axis=0)) < _SAME_CELL
    frames = np.flatnonzero(usable & same_cell.all(axis=(1, 2)))[:_MOST_FRAMES]
    said = np.array(
        [work(structures, index - 1, index, displacement(structures, index)) for index in frames]
    )
    return _pairs(structures, frames - 1, frames, said)


def work_between_neighbours(structures: StructureSet, sound: BoolArray) -> Work:
    """Compare the closest structures of the same atoms in the same order and cell."""
    groups: defaultdict[tuple[bytes, bytes], list[int]] = defaultdict(list)
    for index in np.flatnonzero(sound & (structures.n_atoms > 1)).tolist():
        own = structures.atoms_of(index)
        groups[structures.numbers[own].tobytes(), structures.pbc[index].tobytes()].append(index)
    found: list[tuple[float, int, int, float]] = []
    for group in groups.values():
        step = -(-len(group) // _MOST_IN_GROUP)
        found += _near_pairs(structures, group[::step])
    nearest = sorted(found)[:_MOST_PAIRS]
    first = np.array([pair[1] for pair in nearest], np.int64)
    second = np.array([pair[2] for pair in nearest], np.int64)
    return _pairs(structures, first, second, np.array([pair[3] for pair in nearest]))


def work(structures: StructureSet, first: int, second: int, moved: FloatArray) -> float:
    """Return minus the work of the mean forces of two structures along (n, 3) `moved`, in eV."""
    mean_forces = 0.5 * sum(structures.forces[structures.atoms_of(i)] for i in (first, second))
    return -float((mean_forces * moved).sum())


def _pairs(structures: StructureSet, first: IntArray, second: IntArray, said: FloatArray) -> Work:
    labelled = structures.energies[second] - structures.energies[first]
    return Work(first, second, said.reshape(-1), labelled, structures.n_atoms[second])


def _near_pairs(structures: StructureSet, group: list[int]) -> list[tuple[float, int, int, float]]:
    """Return the rms displacement, the two indices and the work of close pairs."""
    positions = np.array([structures.positions[structures.atoms_of(i)] for i in group])
    forces = np.array([structures.forces[structures.atoms_of(i)] for i in group])
    cells = structures.cells[group]
    periodic = structures.pbc[group[0]]
    found = []
    for place, index in enumerate(group[:-1]):
        later = np.arange(place + 1, len(group))
        if periodic.any():
            same = np.abs(cells[later] - cells[place]).max(axis=(1, 2)) < _SAME_CELL
            later = later[same]
            moved = positions[later] - positions[place]
            turns = np.rint(moved @ np.linalg.pinv(cells[place])) * periodic
            moved = moved - turns @ cells[place]
            moved -= moved.mean(axis=1, keepdims=True)
            theirs = forces[later]
        else:
            rotations, moved = _turned_onto(positions[later], positions[place])
            theirs = forces[later] @ rotations
        rms = np.sqrt((moved**2).sum(axis=2).mean(axis=1))
        said = -0.5 * ((theirs + forces[place]) * moved).sum(axis=(1, 2))
        near = np.flatnonzero((rms > _MOVED[0]) & (rms < _MOVED[1]))
        found += [(float(rms[k]), index, group[later[k]], float(said[k])) for k in near]
    return found


def _turned_onto(positions: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rotate (M, n, 3) molecules onto one, by Kabsch's method.

    Returns
    -------
    (M, 3, 3) rotations, to be applied from the right, and (M, n, 3) remaining displacements.
    """
    centred = positions - positions.mean(axis=1, keepdims=True)
    goal = target - target.mean(axis=0)
    left, _, right = np.linalg.svd(centred.transpose(0, 2, 1) @ goal)
    flips = np.ones((len(positions), 3))
    flips[:, 2] = np.sign(np.linalg.det(left @ right))
    rotations: FloatArray = (left * flips[:, None, :]) @ right
    return rotations, centred @ rotations - goal
