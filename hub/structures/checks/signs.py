"""Forces of the wrong sign, and energies that belong to a different frame than the forces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding
from hub.structures.checks.work import FEWEST_PAIRS, Work, correlation

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet

_OPPOSITE = -0.7  # correlation of energy differences with those implied by the forces
_AGREEING = 0.2  # of the pairs may have the same sign; a few wrong energies correlate by chance
_RIGHT = 0.95  # correlation after shifting the energies back
_GAIN = 0.1  # largest unexplained share after the shift, relative to the share before
_UNEXPLAINED = 0.02


def check_opposite_forces(along: Work, between: Work) -> list[Finding]:
    """Find forces with the opposite sign: energies rise along the forces."""
    for pairs, where in ((along, "along trajectories"), (between, "between similar structures")):
        same_sign = np.sign(pairs.said) == np.sign(pairs.labelled)
        if pairs.correlation < _OPPOSITE and same_sign.mean() < _AGREEING:
            return [
                Finding(
                    "error",
                    "forces-opposite",
                    f"energies rise along the forces instead of falling: {where}, over "
                    f"{len(pairs)} pairs, the correlation is {pairs.correlation:.2f}",
                    [],
                    "Forces have the wrong sign. Are they gradients? Multiply them by -1.",
                )
            ]
    return []


def check_shifted_labels(structures: StructureSet, along: Work) -> list[Finding]:
    """Find energies that match the forces of the previous or next frame."""
    if len(along) <= FEWEST_PAIRS:
        return []
    before = 1 - along.correlation**2
    for shift, where in ((1, "previous"), (-1, "next")):
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
                    f"along trajectories, each energy seems to be that of the {where} frame: "
                    f"energies and forces then agree (correlation {value:.3f} instead of "
                    f"{along.correlation:.2f})",
                    [],
                    "Energies, forces and positions must belong to the same frame. Did one of the "
                    "source files start a frame earlier?",
                )
            ]
    return []


def _with_energies_of(
    structures: StructureSet, along: Work, shift: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return labelled and said differences, with the energies of shifted frames."""
    inside = np.isin(along.second + shift, along.second)
    later = along.second[inside] + shift
    return structures.energies[later] - structures.energies[later - 1], along.said[inside]
