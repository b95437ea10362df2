"""Forces that point uphill, and energies that belong to another frame than the forces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding
from hub.structures.checks.work import FEWEST_PAIRS, Work, correlation

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet

_OPPOSITE = -0.7  # correlation of energies and what forces say
_AGREEING = 0.2  # of the pairs may have the same sign; a few wrong energies correlate by chance
_RIGHT = 0.95  # correlation once the energies are moved back
_GAIN = 0.1  # of what was unexplained before, at most as much is unexplained then
_UNEXPLAINED = 0.02


def check_opposite_forces(along: Work, between: Work) -> list[Finding]:
    """Find forces with the opposite sign: energies rise where they say that they fall."""
    for pairs, where in ((along, "along trajectories"), (between, "between similar structures")):
        same_sign = np.sign(pairs.said) == np.sign(pairs.labelled)
        if pairs.correlation < _OPPOSITE and same_sign.mean() < _AGREEING:
            return [
                Finding(
                    "error",
                    "forces-opposite",
                    f"energies rise where the forces say that they fall: {where}, over "
                    f"{len(pairs)} pairs, the two correlate at {pairs.correlation:.2f}",
                    [],
                    "Forces have the opposite sign. Are they gradients? Multiply them by -1.",
                )
            ]
    return []


def check_shifted_labels(structures: StructureSet, along: Work) -> list[Finding]:
    """Find energies that follow the forces of the frame before or after their own."""
    if len(along) <= FEWEST_PAIRS:
        return []
    before = 1 - along.correlation**2
    for shift, where in ((1, "before"), (-1, "after")):
        labelled, said = _with_energies_of(structures, along, shift)
        value = correlation(said, labelled)
        if (
            len(said) >= FEWEST_PAIRS
            and value > _RIGHT
            and before > _UNEXPLAINED
            and 1 - value**2 < _GAIN * before
        ):
            return [
                Finding(
                    "error",
                    "labels-shifted",
                    f"along trajectories, each energy is that of the frame {where} its own: then "
                    f"energies and forces agree (correlation {value:.3f} instead of "
                    f"{along.correlation:.2f})",
                    [],
                    "Energies, forces and positions must be of the same frame. Did one of the "
                    "files that they came from begin a frame earlier?",
                )
            ]
    return []


def _with_energies_of(
    structures: StructureSet, along: Work, shift: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return labelled and said differences, with the energies of frames further on."""
    inside = np.isin(along.second + shift, along.second)
    later = along.second[inside] + shift
    return structures.energies[later] - structures.energies[later - 1], along.said[inside]
