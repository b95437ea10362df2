"""Stresses of another unit or sign."""

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
_FEWEST = 5  # structures, from which on labels are compared with a model's stresses
_OPPOSITE = -0.8  # correlation
_ALIKE = 0.5
_OTHER_UNIT = 30.0  # a model that knows such structures is never wrong by this factor
_ADVICE = (
    "VASP prints kB, positive under compression; others GPa. Say what they are with "
    "--stress-convention, or leave them out with --stress-key none."
)


def check_stress_unit(structures: StructureSet) -> list[Finding]:
    """Find stresses that no such structures can have."""
    given = np.flatnonzero(np.isfinite(structures.stresses).all(axis=(1, 2)))
    largest = np.abs(structures.stresses[given]).max(axis=(1, 2))
    if not len(given) or np.median(largest) < _HIGHEST:
        return []
    message = (
        f"half of the stresses are beyond {1000 * np.median(largest) / _HIGHEST:.0f} GPa, if they "
        "are in eV/Å^3"
    )
    return [Finding("error", "stress-unit", message, given.tolist(), _ADVICE)]


def compare_stresses(structures: StructureSet, predicted: FloatArray) -> list[Finding]:
    """Compare the stress labels with (S, 3, 3) stresses in eV/Å^3 that a model predicts.

    The model need not be good: only another sign or unit is found, and only where it is plain.
    """
    given = np.isfinite(structures.stresses).all(axis=(1, 2))
    given &= np.isfinite(predicted).all(axis=(1, 2))
    if given.sum() < _FEWEST:
        return []
    # As six numbers each: the others are the same ones again.
    upper = np.triu_indices(3)
    labels = structures.stresses[given][:, *upper].ravel()
    guesses = predicted[given][:, *upper].ravel()
    alike = correlation(labels, guesses)
    ratio = float(np.linalg.norm(labels) / max(float(np.linalg.norm(guesses)), 1e-15))
    concerned = np.flatnonzero(given).tolist()
    if alike < _OPPOSITE:
        message = f"the stresses are opposite to the model's (correlation {alike:.2f})"
        return [Finding("error", "stress-sign", message, concerned, _ADVICE)]
    if alike > _ALIKE and not 1 / _OTHER_UNIT < ratio < _OTHER_UNIT:
        message = f"the stresses are {ratio:.3g} times as large as the model's"
        return [Finding("error", "stress-unit", message, concerned, _ADVICE)]
    return []
