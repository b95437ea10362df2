"""Electronic steps that did not converge, if the file says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet


def check_convergence(structures: StructureSet) -> list[Finding]:
    """Find structures whose electronic steps did not converge, if the file says so."""
    concerned = np.flatnonzero(structures.unconverged)
    if not len(concerned):
        return []
    return [
        Finding(
            "warning",
            "not-converged",
            f"the electronic steps of {len(concerned)} structures did not converge, or reached the "
            "maximum number of steps",
            concerned.tolist(),
            "Their energies and forces may be far off. Recompute them with more steps (VASP: "
            "NELM), or remove them.",
        )
    ]
