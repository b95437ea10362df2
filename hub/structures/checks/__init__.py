"""The checks before a structure set is trained on: errors stop, warnings do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.absurd import check_absurd_energies
from hub.structures.checks.constraints import check_constrained_atoms
from hub.structures.checks.convergence import check_convergence
from hub.structures.checks.duplicates import check_duplicates, check_trajectory_neighbours
from hub.structures.checks.electronic_states import check_electronic_states
from hub.structures.checks.energies import (
    check_energy_outliers,
    check_mixed_references,
    residual_energies,
)
from hub.structures.checks.findings import Finding, blocking, require_error_codes
from hub.structures.checks.geometry import (
    check_cells,
    check_distances,
    check_lonely_atoms,
    survey_neighbours,
)
from hub.structures.checks.labels import (
    check_elements,
    check_labels,
    check_net_forces,
    complete_labels,
)
from hub.structures.checks.signs import check_opposite_forces, check_shifted_labels
from hub.structures.checks.sizes import check_energies_per_atom
from hub.structures.checks.sources import check_sources
from hub.structures.checks.units import check_length_unit, check_units
from hub.structures.checks.work import work_along_frames, work_between_neighbours
from hub.structures.checks.zero_forces import check_zero_forces
from hub.structures.reference_energies import isolated_atoms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from hub.structures.structure_set import StructureSet

__all__ = ["Finding", "blocking", "check_structures", "require_error_codes"]


def check_structures(
    structures: StructureSet,
    model_elements: Collection[str] | None = None,
    cutoff: float = 4.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[Finding]:
    """Look for what commonly goes wrong with a file of structures.

    Parameters
    ----------
    structures
        What to check.
    model_elements
        The elements that the model knows; any if not given.
    cutoff
        Of the model, in Å.
    progress
        Called with the number of structures whose neighbours were looked at, and their total.

    Returns
    -------
    Findings, errors first.
    """
    cell_findings, usable = check_cells(structures)
    surveyed = survey_neighbours(structures, usable, cutoff, progress)
    residuals = residual_energies(structures)
    mixed = check_mixed_references(residuals, surveyed.coordination)
    in_other_reference = np.zeros(len(structures), np.bool_)
    in_other_reference[[index for finding in mixed for index in finding.structures]] = True
    # Units can be judged only where the labels are whole and count from one zero.
    sound = usable & complete_labels(structures) & ~in_other_reference
    along, between = (
        look(structures, sound) for look in (work_along_frames, work_between_neighbours)
    )
    per_atom = check_energies_per_atom(structures, isolated_atoms(structures), (along, between))
    absurd = check_absurd_energies(structures)
    opposite = check_opposite_forces(along, between)
    findings = [
        *(check_elements(structures, model_elements) if model_elements is not None else []),
        *check_labels(structures),
        *cell_findings,
        *check_zero_forces(structures, usable),
        *opposite,
        *([] if opposite else check_shifted_labels(structures, along)),
        *absurd,
        *per_atom,
        *check_units(structures, sound, None if per_atom or absurd else (along, between)),
        *check_length_unit(structures, surveyed.shortest),
        *mixed,
        *([] if mixed else check_sources(structures, residuals, surveyed.coordination)),
        *check_duplicates(structures),
        *check_distances(surveyed),
        *check_lonely_atoms(structures, surveyed, cutoff),
        *check_constrained_atoms(structures),
        *check_convergence(structures),
        *check_electronic_states(structures),
        *check_net_forces(structures),
        *check_energy_outliers(structures, residuals, in_other_reference),
        *check_trajectory_neighbours(structures),
    ]
    return sorted(findings, key=lambda finding: finding.severity != "error")
