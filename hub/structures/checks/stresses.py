"""Stresses with the wrong unit or sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding
from hub.structures.checks.work import correlation
from hub.structures.stresses import EV_PER_A3_IN_GPA

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray
    from hub.structures.structure_set import StructureSet

_HIGHEST = 1000 / EV_PER_A3_IN_GPA  # eV/Å^3: more than in the centre of a giant planet, typically
_FEWEST = 5  # structures needed to compare labels with a model's stresses
_OPPOSITE = -0.8  # correlation
_ALIKE = 0.5
_OTHER_UNIT = 30.0  # a model that knows such structures is never wrong by this factor
_ADVICE = (
    "VASP prints kB, positive under compression; others GPa. Give the convention with "
    "--stress-convention, or ignore the stresses with --stress-key none."
)


def check_stress_unit(structures: StructureSet) -> list[Finding]:
    """Find stresses that are physically impossible."""
    given = np.flatnonzero(structures.has_stress)
    largest = np.abs(structures.stresses[given]).max(axis=(1, 2))
    if not len(given) or np.median(largest) < _HIGHEST:
        return []
    message = (
        f"half of the stresses exceed {1000 * np.median(largest) / _HIGHEST:.0f} GPa if they "
        "are in eV/Å^3"
    )
    return [Finding("error", "stress-unit", message, given.tolist(), _ADVICE)]


def compare_stresses(structures: StructureSet, predicted: FloatArray) -> list[Finding]:
    """Compare the stress labels with (S, 3, 3) stresses in eV/Å^3 that a model predicts.

    The model need not be accurate: only a clearly different sign or unit is reported.
    """
    given = structures.has_stress & np.isfinite(predicted).all(axis=(1, 2))
    if given.sum() < _FEWEST:
        return []
    # Six numbers each, since the tensor is symmetric.
    upper = np.triu_indices(3)
    labels = structures.stresses[given][:, *upper].ravel()
    guesses = predicted[given][:, *upper].ravel()
    alike = correlation(labels, guesses)
    ratio = float(np.linalg.norm(labels) / max(float(np.linalg.norm(guesses)), 1e-15))
    concerned = np.flatnonzero(given).tolist()
    if alike < _OPPOSITE:
        message = f"the stresses have the opposite sign to the model's (correlation {alike:.2f})"
        return [Finding("error", "stress-sign", message, concerned, _ADVICE)]
    if alike > _ALIKE and not 1 / _OTHER_UNIT < ratio < _OTHER_UNIT:
        message = f"the stresses are {ratio:.3g} times as large as the model's"
        return [Finding("error", "stress-unit", message, concerned, _ADVICE)]
    return []
