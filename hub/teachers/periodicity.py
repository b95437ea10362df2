"""Structures for programs that treat every cell as periodic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.calculators.calculator import Calculator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

# No potential here has a longer range, so images this far apart do not interact.
VACUUM = 25.0


def fully_periodic(atoms: Atoms) -> Atoms:
    """Return a fully periodic structure with the same energy, forces and stress.

    Along non-periodic directions of `atoms`, the images are `VACUUM` (Å) apart, beyond the range
    of a potential. The order and orientation of the atoms are kept; the cell is right-handed.
    """
    if atoms.pbc.all() and np.linalg.det(atoms.cell) > 0:
        return atoms
    copy: Atoms = atoms.copy()
    periodic = np.flatnonzero(atoms.pbc)
    free = np.flatnonzero(~atoms.pbc)
    # The right singular vectors beyond the periodic ones are perpendicular to all of them.
    _, _, directions = np.linalg.svd(np.asarray(atoms.cell)[periodic])
    cell = np.array(atoms.cell)
    for axis, direction in zip(free, directions[len(periodic) :], strict=True):
        along = atoms.positions @ direction
        extent = along.max() - along.min()
        cell[axis] = (extent + VACUUM) * direction
        copy.positions += (VACUUM / 2 - along.min()) * direction
    if np.linalg.det(cell) < 0:
        cell *= -1  # Some programs require right-handed cells; the lattice is the same.
    copy.set_cell(cell)
    copy.pbc = True
    return copy


class RepeatedEverywhere(Calculator):
    """Corrects a calculator for structures that are not periodic in all directions.

    List it before the calculator's class among the bases.
    """

    def calculate(  # type: ignore[override] # ASE's own call gives all three
        self, atoms: Atoms, properties: Sequence[str], system_changes: Sequence[str]
    ) -> None:
        """Compute the periodic equivalent; stress only if all directions are periodic."""
        super().calculate(fully_periodic(atoms), properties, system_changes)
        self.atoms = atoms.copy()
        if not atoms.pbc.all():
            self.results.pop("stress", None)  # it would refer to the cell with vacuum
