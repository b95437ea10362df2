"""Write structures with their labels, for ASE and other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ase.constraints import FixAtoms
from ase.io import write

from hub.structures.stress_labels import DECLARED
from registry.outputs import file_beside

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ase import Atoms

    from hub.structures.structure_set import StructureSet

ENERGY, FORCES = "REF_energy", "REF_forces"


def write_labelled(
    path: Path,
    structures: StructureSet,
    energy_key: str = ENERGY,
    forces_key: str = FORCES,
    stress_key: str | None = None,
) -> None:
    """Write structures with labels under these names, the whole file or nothing.

    Without `stress_key`, stresses are named after the energies, ``REF_stress`` for ``REF_energy``.
    The file declares that they are in ASE's convention, whatever convention the reader is given.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    numbers = range(len(structures))
    keys = (energy_key, forces_key, stress_key)
    write_frames(path, (labelled_atoms(structures, number, *keys) for number in numbers))


def write_frames(path: Path, frames: Iterable[Atoms]) -> None:
    """Write an extended XYZ file of ASE structures without the results of their calculators.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    with file_beside(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for atoms in frames:
            write(file, atoms, format="extxyz", write_results=False)


def labelled_atoms(
    structures: StructureSet,
    index: int,
    energy_key: str = ENERGY,
    forces_key: str = FORCES,
    stress_key: str | None = None,
) -> Atoms:
    """Return a structure for ASE, with its labels among its entries as for `write_labelled`."""
    atoms = structures.to_atoms(index)
    labels = atoms.calc.results if atoms.calc else {}
    if "energy" in labels:
        atoms.info[energy_key] = labels["energy"]
    stress_key = stress_key or energy_key.replace("energy", "stress")
    if "stress" in labels and stress_key != energy_key:
        atoms.info[stress_key] = structures.stresses[index].ravel()
        atoms.info[DECLARED] = "ase"
    if "forces" in labels:
        atoms.arrays[forces_key] = labels["forces"]
    held = structures.constrained[structures.atoms_of(index)]
    if held.any():
        atoms.set_constraint(FixAtoms(mask=held))
    return atoms
