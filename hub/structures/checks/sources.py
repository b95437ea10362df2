"""Two sources with different energy references: another functional, code or zero."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray
    from hub.structures.structure_set import StructureSet

_FEWEST = 5
_SMALLEST_OFFSET = 0.05  # eV/atom
_OFFSET_OVER_SPREAD = 3.0
_SIMILAR_BONDING = 0.1  # of the number of bonds
_SPREAD = 1.4826  # standard deviations in a median absolute deviation


def check_sources(
    structures: StructureSet, residuals: FloatArray, coordination: FloatArray
) -> list[Finding]:
    """Find files whose energies are offset from those of another file of similar structures.

    Parameters
    ----------
    structures
        All structures.
    residuals
        (S,) energies per atom after a fit of one energy per element to all of them, in eV.
    coordination
        (S,) mean number of bonds of an atom.
    """
    known = np.isfinite(residuals)
    members = [
        np.flatnonzero(known & (structures.source_index == source))
        for source in range(len(structures.sources))
    ]
    large = [own for own in members if len(own) >= _FEWEST]
    worst: tuple[float, np.ndarray, np.ndarray] | None = None
    for one, other in combinations(large, 2):
        offset = float(np.median(residuals[one]) - np.median(residuals[other]))
        spread = max(_spread(residuals[one]), _spread(residuals[other]))
        bonds = float(np.median(coordination[one])), float(np.median(coordination[other]))
        alike = abs(bonds[0] - bonds[1]) <= _SIMILAR_BONDING * max(*bonds, 1.0)
        apart = abs(offset) > max(_SMALLEST_OFFSET, _OFFSET_OVER_SPREAD * spread)
        if alike and apart and (worst is None or abs(offset) > abs(worst[0])):
            worst = offset, one, other
    if worst is None:
        return []
    offset, one, other = worst
    names = [structures.sources[structures.source_index[own[0]]] for own in (one, other)]
    return [
        Finding(
            "warning",
            "sources-apart",
            f"the energies of {names[0]} differ by {offset:+.3f} eV/atom from those of {names[1]}, "
            "although the atoms have similar numbers of bonds",
            one.tolist(),
            "Were they computed with a different functional, code or pseudopotential, or relative "
            "to another reference? Use the same reference for all, or train on one of them.",
        )
    ]


def _spread(values: FloatArray) -> float:
    return _SPREAD * float(np.median(np.abs(values - np.median(values))))
