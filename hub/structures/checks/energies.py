"""Energies that are inconsistent with the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding
from hub.structures.reference_energies import isolated_atoms, robust_fit

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

_OUTLIER = 10.0  # robust standard deviations
_SMALLEST_SPREAD = 1e-3  # eV/atom
_FEWEST_STRUCTURES = 10  # for outliers to mean anything
_FEWEST_IN_CLUSTER = 3
_GAP_OVER_WIDTH = 3.0
_SMALLEST_GAP = 0.5  # eV/atom
_DISAGREEING = 6.0  # robust standard deviations; a model explains most of the spread


def residual_energies(structures: StructureSet) -> FloatArray:
    """Return (S,) the residual energy per atom in eV after a robust fit of one energy per element.

    It is NaN for structures without energy and for isolated atoms, which have no binding energy.
    """
    used = np.isfinite(structures.energies) & ~isolated_atoms(structures)
    residuals = np.full(len(structures), np.nan)
    if used.any():
        sizes = structures.n_atoms[used]
        fractions = structures.composition[used] / sizes[:, None]
        per_atom = structures.energies[used] / sizes
        residuals[used] = per_atom - fractions @ robust_fit(fractions, per_atom)
    return residuals


def compare_energies(structures: StructureSet, predicted: FloatArray) -> list[Finding]:
    """Find energies that disagree with (S,) total energies in eV that a model predicts.

    The difference of the zeros of energy is fitted first. The model need not be accurate: only
    differences that stand out from those of the other structures are reported.
    """
    differences = residual_energies(replace(structures, energies=structures.energies - predicted))
    used = np.isfinite(differences)
    if used.sum() < _FEWEST_STRUCTURES:
        return []
    centred = np.abs(differences - np.median(differences[used]))
    spread = max(1.4826 * float(np.median(centred[used])), _SMALLEST_SPREAD)
    limit = max(_SMALLEST_GAP, _DISAGREEING * spread)
    concerned = np.flatnonzero(used & (centred > limit))
    if not len(concerned):
        return []
    worst = int(concerned[centred[concerned].argmax()])
    return [
        Finding(
            "warning",
            "energy-mismatch",
            f"the energies of {len(concerned)} structures disagree with the model's: by up to "
            f"{centred[worst]:.2f} eV/atom (typically {spread:.2f}), in {structures.where(worst)}",
            concerned.tolist(),
            "They dominate the loss. If they are wrong, leave these structures out.",
        )
    ]


def check_mixed_references(residuals: FloatArray, coordination: FloatArray) -> list[Finding]:
    """Find two groups of structures whose energies have different reference zeros.

    They show as a gap in the residual energies per atom of at least 0.5 eV and three times the
    width of the wider group. Bulk and small clusters may show such a gap for a good reason, so
    groups with very different numbers of bonds per atom are accepted.
    """
    order = np.argsort(residuals)[: np.isfinite(residuals).sum()]
    if len(order) < 2 * _FEWEST_IN_CLUSTER:
        return []
    ordered = residuals[order]
    gap_after = int(np.diff(ordered).argmax())
    low, high = order[: gap_after + 1], order[gap_after + 1 :]
    gap = float(ordered[gap_after + 1] - ordered[gap_after])
    width = float(max(np.ptp(residuals[low]), np.ptp(residuals[high])))
    smaller, larger = sorted((low, high), key=len)
    if (
        len(smaller) < _FEWEST_IN_CLUSTER
        or gap < max(_SMALLEST_GAP, _GAP_OVER_WIDTH * width)
        or not _similar_bonding(coordination, smaller, larger)
    ):
        return []
    return [
        Finding(
            "error",
            "mixed-references",
            f"the energies of {len(smaller)} structures are separated by {gap:.2f} eV/atom from "
            f"those of the other {len(larger)}",
            np.sort(smaller).tolist(),
            "Are some energies relative to isolated atoms and others not, or from a different "
            "functional, code or unit? Use the same reference for all.",
        )
    ]


def _similar_bonding(coordination: FloatArray, one: IntArray, other: IntArray) -> bool:
    few, many = sorted((np.median(coordination[one]), np.median(coordination[other])))
    return bool(many <= 1.5 * few + 0.1)


def check_energy_outliers(
    structures: StructureSet, residuals: FloatArray, excluded: BoolArray
) -> list[Finding]:
    """Find energies per atom far from the others.

    Parameters
    ----------
    structures
        All structures.
    residuals
        (S,) from `residual_energies`.
    excluded
        (S,) structures already reported by another finding.
    """
    used = np.isfinite(residuals) & ~excluded
    if used.sum() < _FEWEST_STRUCTURES:
        return []
    centred = np.abs(residuals - np.median(residuals[used]))
    spread = max(1.4826 * float(np.median(centred[used])), _SMALLEST_SPREAD)
    concerned = np.flatnonzero(used & (centred > _OUTLIER * spread))
    if not len(concerned):
        return []
    worst = concerned[centred[concerned].argmax()]
    return [
        Finding(
            "warning",
            "energy-outliers",
            f"{len(concerned)} structures have outlying energies per atom: up to "
            f"{centred[worst]:.2f} eV/atom from the median (typical spread: {spread:.3f}), in "
            f"{structures.where(int(worst))}",
            concerned.tolist(),
            "Did these calculations converge?",
        )
    ]
