"""Structures with different charges or spins in one set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet


def check_electronic_states(structures: StructureSet) -> list[Finding]:
    """Find structures with different total charges or spins, which a potential cannot separate."""
    states, counts = np.unique(
        structures.electronic_states[structures.electronic_states != ""], return_counts=True
    )
    if len(states) < 2:
        return []
    most = states[counts.argmax()]
    stated = ", ".join(f"{count} with {state}" for state, count in zip(states, counts, strict=True))
    others = (structures.electronic_states != most) & (structures.electronic_states != "")
    return [
        Finding(
            "warning",
            "mixed-charge-or-spin",
            f"the structures have different total charges or spins: {stated}",
            np.flatnonzero(others).tolist(),
            "A potential sees only positions and elements, and learns an average of the states. "
            "Keep one state, unless the states have different compositions.",
        )
    ]
