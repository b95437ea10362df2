"""Energies that are physically impossible.

The lower bound is that of the Thomas-Fermi atom, -0.7687 Z^(7/3) Hartree, which lies below the
all-electron energy of every atom, relativistic ones included, by more than any binding energy.
Source: E. H. Lieb, Rev. Mod. Phys. 53, 603 (1981).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet

_THOMAS_FERMI = -0.7687 * 27.211386  # eV
_MARGIN = 1.1
_HIGHEST = 1000.0  # eV/atom; only overlapping atoms may have more


def check_absurd_energies(structures: StructureSet) -> list[Finding]:
    """Find energies below or above the physical limits of these elements, in eV."""
    lowest = structures.composition @ (
        _MARGIN * _THOMAS_FERMI * structures.atomic_numbers ** (7 / 3)
    )
    energies = structures.energies
    findings = []
    for concerned, what, limit in (
        (energies < lowest, "below the lower limit for their elements", lowest),
        (
            energies > _HIGHEST * structures.n_atoms,
            "above the upper limit",
            _HIGHEST * structures.n_atoms,
        ),
    ):
        indices = np.flatnonzero(concerned & np.isfinite(energies))
        if len(indices):
            first = int(indices[0])
            findings.append(
                Finding(
                    "error",
                    "absurd-energies",
                    f"{len(indices)} structures have energies {what}: {energies[first]:.6g} eV for "
                    f"{structures.formula(first)} (limit: {limit[first]:.4g} eV)",
                    indices.tolist(),
                    "Are they in a different unit (kcal/mol, meV, ...), or placeholders?",
                )
            )
    return findings
