"""Labels: present, finite, of known elements, and without a net force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Collection

    from hub.structures.arrays import BoolArray
    from hub.structures.structure_set import StructureSet

# Net force per atom in eV/Å. Rounding and grids leave a few thousandths in real data.
_NET_FORCE = 0.02


def check_elements(structures: StructureSet, model_elements: Collection[str]) -> list[Finding]:
    """Find elements that the model does not cover."""
    unknown = [symbol for symbol in structures.elements if symbol not in model_elements]
    if not unknown:
        return []
    columns = [structures.elements.index(symbol) for symbol in unknown]
    concerned = structures.composition[:, columns].any(axis=1)
    return [
        Finding(
            "error",
            "unknown-elements",
            f"the model covers {', '.join(model_elements)} but not {', '.join(unknown)}",
            np.flatnonzero(concerned).tolist(),
            "Choose a model that covers all elements, or remove these structures.",
        )
    ]


def complete_labels(structures: StructureSet) -> BoolArray:
    """Return (S,) whether the energy and all forces of a structure are finite numbers."""
    return np.isfinite(structures.energies) & _finite_forces(structures)


def _finite_forces(structures: StructureSet) -> BoolArray:
    finite = np.ones(len(structures), np.bool_)
    broken = ~np.isfinite(structures.forces).all(axis=1)
    finite[structures.structure_of_atom[broken]] = False
    return finite


def check_labels(structures: StructureSet) -> list[Finding]:
    """Find energies and forces that are missing, NaN or infinite."""
    findings = []
    for name, finite in (
        ("energy", np.isfinite(structures.energies)),
        ("forces", _finite_forces(structures)),
    ):
        if not finite.all():
            count = int((~finite).sum())
            findings.append(
                Finding(
                    "error",
                    f"missing-{name}",
                    f"{count} of {len(structures)} structures have {name} missing, NaN or infinite",
                    np.flatnonzero(~finite).tolist(),
                    "Remove these structures, or complete their labels.",
                )
            )
    return findings


def check_net_forces(structures: StructureSet) -> list[Finding]:
    """Find forces that do not sum to zero, as they must without external forces.

    Structures with fixed atoms are exempt.
    """
    padded = np.concatenate([structures.forces, np.zeros((1, 3))])
    net = np.add.reduceat(padded, structures.pointers[:-1], axis=0)
    per_atom = np.linalg.norm(net, axis=1) / structures.n_atoms
    free = np.ones(len(structures), np.bool_)
    free[structures.structure_of_atom[np.isnan(structures.force_labels).any(axis=1)]] = False
    concerned = np.flatnonzero(free & (per_atom > _NET_FORCE))
    if not len(concerned):
        return []
    worst = concerned[per_atom[concerned].argmax()]
    return [
        Finding(
            "warning",
            "net-force",
            f"the forces of {len(concerned)} structures do not sum to zero: up to "
            f"{per_atom[worst]:.3g} eV/Å per atom, in {structures.where(int(worst))}",
            concerned.tolist(),
            "Did the calculation converge, and does the file contain all atoms of the structure?",
        )
    ]
