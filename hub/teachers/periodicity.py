"""Structures for programs that repeat every cell, whether the structure repeats or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.calculators.calculator import Calculator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

# No potential here reaches further; images this far apart do not feel one another.
VACUUM = 25.0


def fully_periodic(atoms: Atoms) -> Atoms:
    """Return a structure that repeats in all directions, of equal energy, forces and stress.

    Along directions in which `atoms` does not repeat, the images are `VACUUM` (Å) apart, so that
    a potential of finite range cannot tell. The order and orientation of the atoms are kept;
    the cell is right-handed.
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
        cell *= -1  # Some programs want right-handed cells; it is the same lattice.
    copy.set_cell(cell)
    copy.pbc = True
    return copy


class RepeatedEverywhere(Calculator):
    """Makes a calculator right for structures that repeat in some or no directions.

    To be named before the calculator's class among the bases.
    """

    def calculate(  # type: ignore[override] # ASE's own call gives all three
        self, atoms: Atoms, properties: Sequence[str], system_changes: Sequence[str]
    ) -> None:
        """Compute the periodic equivalent; stress only where all directions repeat."""
        super().calculate(fully_periodic(atoms), properties, system_changes)
        self.atoms = atoms.copy()
        if not atoms.pbc.all():
            self.results.pop("stress", None)  # It would be that of the cell with vacuum.
