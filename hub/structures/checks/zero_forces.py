"""Forces that are exactly zero although symmetry does not require it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding
from hub.structures.checks.pair_force import pair_basis

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray
    from hub.structures.structure_set import StructureSet

_FEWEST = 3
_LOOKED_AT = 50
_BY_SYMMETRY = 1e-5


def check_zero_forces(structures: StructureSet, usable: BoolArray) -> list[Finding]:
    """Find structures whose forces are all exactly zero although symmetry does not require it.

    Parameters
    ----------
    structures
        All structures.
    usable
        (S,) which of them allow a neighbour list.
    """
    moved = np.zeros(len(structures), np.bool_)
    moved[structures.structure_of_atom[(structures.forces != 0).any(axis=1)]] = True
    still = np.flatnonzero(~moved & usable & (structures.n_atoms > 1))
    concerned = [
        index for index in still[:_LOOKED_AT].tolist() if not _is_symmetric(structures, index)
    ]
    if len(concerned) < _FEWEST:
        return []
    everywhere = not moved.any()
    count = len(concerned) if len(still) <= _LOOKED_AT else len(still)
    return [
        Finding(
            "error",
            "zero-forces",
            f"all forces of {'all' if everywhere else count} structures are exactly zero"
            if everywhere
            else f"{count} of {len(structures)} structures have forces that are all exactly zero",
            [] if everywhere else concerned,
            "Were forces computed? Name the right entry with --forces-key, or remove these "
            "structures: a model would learn zero forces.",
        )
    ]


def _is_symmetric(structures: StructureSet, index: int) -> bool:
    """Whether pair forces of any form cancel on each atom."""
    design = pair_basis(structures, index)[0]
    return bool(np.abs(design).max(initial=0.0) < _BY_SYMMETRY)
