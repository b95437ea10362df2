"""Duplicate structures, and nearly identical frames."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding
from hub.structures.identity import distance_between, same_as_before
from hub.structures.trajectories import NEIGHBOUR_DISPLACEMENT, trajectory_neighbours

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray
    from hub.structures.structure_set import StructureSet

_SAME_ENERGY = 1e-4  # eV/atom
_SAME_FORCE = 1e-3  # eV/Å
_STIFFEST = 300.0  # eV/Å², of a bond


def check_duplicates(structures: StructureSet) -> list[Finding]:
    """Find structures that occur more than once, and whether their labels contradict each other."""
    same: list[list[int]] = []
    contradicting: list[list[int]] = []
    for group in _groups_of_equal(structures):
        labels_agree = all(_same_labels(structures, group[0], other) for other in group[1:])
        (same if labels_agree else contradicting).append(group)
    findings = []
    if contradicting:
        findings.append(
            Finding(
                "error",
                "contradicting-duplicates",
                f"{len(contradicting)} structures occur more than once with different labels, "
                "for example " + _names(structures, contradicting[0]),
                sorted(index for group in contradicting for index in group),
                "Were they computed with different settings? Keep only the correct copy of each.",
            )
        )
    if same:
        findings.append(
            Finding(
                "warning",
                "duplicates",
                f"{len(same)} structures occur more than once, for example "
                + _names(structures, same[0]),
                sorted(index for group in same for index in group[1:]),
                "Keep one copy of each, especially if one is for training and one for testing.",
            )
        )
    return findings


def check_trajectory_neighbours(structures: StructureSet) -> list[Finding]:
    """Find frames whose atoms have hardly moved since the previous frame."""
    concerned = np.flatnonzero(trajectory_neighbours(structures))
    if not len(concerned):
        return []
    return [
        Finding(
            "warning",
            "trajectory-neighbours",
            f"{len(concerned)} structures are within {NEIGHBOUR_DISPLACEMENT} Å (rms) of the "
            "previous frame",
            concerned.tolist(),
            "A random split puts such pairs into both training and test set, which makes the "
            "errors look too small. Give an independent test set with --test, or use fewer frames.",
        )
    ]


def _groups_of_equal(structures: StructureSet) -> list[list[int]]:
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for index, first in enumerate(same_as_before(structures).tolist()):
        groups[first].append(index)
    return [group for group in groups.values() if len(group) > 1]


def _same_labels(structures: StructureSet, one: int, other: int) -> bool:
    """Whether labels differ by no more than rounding and small displacements explain."""
    own, theirs = (structures.atoms_of(index) for index in (one, other))
    energy_difference = abs(structures.energies[one] - structures.energies[other])
    moved = distance_between(structures, one, other)
    forces = structures.forces[own]
    if np.array_equal(structures.numbers[own], structures.numbers[theirs]):
        force_difference = np.abs(forces - structures.forces[theirs])
    else:  # in another order
        force_difference = np.abs(_sizes(forces) - _sizes(structures.forces[theirs]))
    # Missing labels contradict nothing, and NaN compares false.
    largest = float(np.nan_to_num(np.abs(forces)).max(initial=0.0))
    return not (
        energy_difference > (_SAME_ENERGY + 3 * largest * moved) * structures.n_atoms[one]
        or (force_difference > _SAME_FORCE + _STIFFEST * moved).any()
    )


def _sizes(forces: FloatArray) -> FloatArray:
    return np.sort(np.linalg.norm(forces, axis=1))


def _names(structures: StructureSet, group: list[int]) -> str:
    return " and ".join(structures.where(index) for index in group[:2])
