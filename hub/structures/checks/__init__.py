"""Checks of a structure set before training: errors stop it, warnings do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.structures.checks.evidence import Evidence
from hub.structures.checks.findings import Finding, blocking
from hub.structures.checks.table import Check, all_findings, require_error_codes
from hub.structures.neighbours import NeighbourLists

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from hub.structures.structure_set import StructureSet

__all__ = ["Check", "Evidence", "Finding", "blocking", "check_structures", "require_error_codes"]


def check_structures(
    structures: StructureSet,
    model_elements: Collection[str] | None = None,
    cutoff: float = 4.0,
    progress: Callable[[int, int | None], None] | None = None,
    lists: NeighbourLists | None = None,
) -> list[Finding]:
    """Look for common mistakes in a file of structures.

    Parameters
    ----------
    structures
        Structures to check.
    model_elements
        Elements that the model covers; any if not given.
    cutoff
        Cutoff of the model, in Å.
    progress
        Called with the number of structures whose neighbours are done, and their total.
    lists
        Neighbour lists of `structures` with this cutoff, if they are needed afterwards.

    Returns
    -------
    Findings, errors first.
    """
    lists = lists or NeighbourLists(structures, cutoff, most_kept=0)
    findings = all_findings(Evidence(lists, model_elements, progress))
    return sorted(findings, key=lambda finding: finding.severity != "error")
