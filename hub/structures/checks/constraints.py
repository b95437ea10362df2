"""Atoms that were held fixed, so that their forces are zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet


def check_constrained_atoms(structures: StructureSet) -> list[Finding]:
    """Find atoms that were held fixed and whose forces are exactly zero."""
    left_out = np.isnan(structures.force_labels) & ~np.isnan(structures.forces)
    atoms = left_out.any(axis=1)
    if not atoms.any():
        return []
    concerned = np.unique(structures.structure_of_atom[atoms])
    return [
        Finding(
            "warning",
            "constrained-atoms",
            f"{int(atoms.sum())} atoms in {len(concerned)} structures were held fixed and have "
            "forces that are exactly zero: these forces are excluded from training and from errors",
            concerned.tolist(),
            "The constraint set them to zero. Compute the true forces if these atoms matter.",
        )
    ]
