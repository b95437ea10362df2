"""Energies per atom that were given as total energies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding
from hub.structures.reference_energies import robust_fit

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.checks.work import Work
    from hub.structures.structure_set import StructureSet

_FEWEST_STRUCTURES = 6
_SIZES_APART = 1.4  # the largest over the smallest
_SIZE_GROUPS = 8
_CLEAR = 4.0  # times better explained as energies per atom
_SPREAD = (0.1, 0.25)  # relative spread over the sizes: too large, and small
_HIGHEST = -0.5  # eV; energies per atom are lower, unless they are relative to a reference
_FACTOR = (0.75, 1.35)
_CORRELATION = 0.9


def check_energies_per_atom(
    structures: StructureSet, isolated: BoolArray, pairs: tuple[Work, ...]
) -> list[Finding]:
    """Find energies that do not grow with the number of atoms, or are too small by this factor.

    Parameters
    ----------
    structures
        All structures.
    isolated
        (S,) whether each is an isolated atom.
    pairs
        Energy differences implied by the forces.
    """
    sign = _too_small_by_size(pairs)
    if not sign and not _are_totals(pairs):
        sign = _do_not_grow(structures, isolated)
    if not sign:
        return []
    return [
        Finding(
            "error",
            "energies-per-atom",
            f"the energies look like energies per atom: {sign}",
            [],
            "Total energies are required: multiply each by the number of atoms of its structure.",
        )
    ]


def _do_not_grow(structures: StructureSet, isolated: BoolArray) -> str:
    """Compare how well one energy per element fits the energies as totals and per atom."""
    used = np.isfinite(structures.energies) & ~isolated
    sizes = structures.n_atoms[used]
    if used.sum() < _FEWEST_STRUCTURES:
        return ""
    edges = np.unique(np.quantile(sizes, np.linspace(0, 1, _SIZE_GROUPS), method="nearest"))
    if edges[-1] < _SIZES_APART * edges[0]:
        return ""
    fractions = structures.composition[used] / sizes[:, None]
    energies = structures.energies[used]
    groups = np.searchsorted(edges, sizes)
    as_total, as_per_atom = (
        _spread_over_groups(fractions, values, groups) for values in (energies / sizes, energies)
    )
    if as_total < _SPREAD[0] or as_per_atom > _SPREAD[1] or as_total < _CLEAR * as_per_atom:
        return ""
    if np.median(energies) > _HIGHEST:
        return ""  # relative to a crystal, slabs of any thickness have only surface energy
    return (
        f"they do not grow with the number of atoms ({sizes.min()} to {sizes.max()}), but stay "
        f"near {np.median(energies):.4g} eV"
    )


def _spread_over_groups(fractions: FloatArray, values: FloatArray, groups: IntArray) -> float:
    """Return the relative spread of the groups after a fit of one value per element."""
    residuals = values - fractions @ robust_fit(fractions, values)
    medians = [float(np.median(residuals[groups == group])) for group in np.unique(groups)]
    size = float(np.median(np.abs(values)))
    return float(np.std(medians)) / size if size else np.inf


def _are_totals(pairs: tuple[Work, ...]) -> bool:
    """Whether energy differences are as large as the forces imply."""
    return any(
        work.correlation > _CORRELATION
        and 0.5 < float(work.said @ work.labelled) / float(work.said @ work.said) < 2.0
        for work in pairs
    )


def _too_small_by_size(pairs: tuple[Work, ...]) -> str:
    """Say whether only energies multiplied by the number of atoms agree with the forces."""
    for work in pairs:
        if work.correlation < _CORRELATION:
            continue
        power = float(work.said @ work.said)
        total = float(work.said @ work.labelled) / power
        per_atom = float(work.said @ (work.labelled * work.n_atoms)) / power
        if _FACTOR[0] < per_atom < _FACTOR[1] and total < 0.5:
            return (
                f"their differences are {1 / total:.3g} times smaller than the forces imply, and "
                f"the structures have {work.n_atoms.min()} to {work.n_atoms.max()} atoms"
            )
    return ""
