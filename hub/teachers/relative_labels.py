"""Labels relative to isolated atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.blocks import Labels
from hub.datasets.names import STRESS
from hub.structures.stresses import to_voigt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.structures.arrays import BoolArray
    from hub.structures.structure_set import StructureSet
    from hub.teachers.labelling import Labelled


def relative_to_atoms(
    labelled: Labelled, structures: StructureSet, isolated_atoms: Mapping[str, float]
) -> tuple[Labels, dict[int, str]]:
    """Subtract the energies of isolated atoms.

    Parameters
    ----------
    labelled
        Labels of a teacher.
    structures
        The structures.
    isolated_atoms
        Energy in eV by chemical symbol.

    Returns
    -------
    The labels, with the property ``stress``, and why structures have none, by index. Structures
    with an element of unknown energy have none.
    """
    each = np.array([isolated_atoms.get(symbol, np.nan) for symbol in structures.elements])
    unknown: BoolArray = np.any(structures.composition[:, np.isnan(each)] > 0, axis=1)
    energies = labelled.energies - structures.composition @ np.nan_to_num(each)
    energies[unknown] = np.nan
    forces = labelled.forces.copy()
    forces[unknown[structures.structure_of_atom]] = np.nan
    stresses = to_voigt(labelled.stresses)
    stresses[unknown] = np.nan
    absent = [s for s, energy in zip(structures.elements, each, strict=True) if np.isnan(energy)]
    reason = f"the energy of an isolated atom is unknown for {' and '.join(absent)}"
    without = dict.fromkeys(np.flatnonzero(unknown).tolist(), reason)
    return Labels(energies, forces, {STRESS: stresses}), without | labelled.failures
