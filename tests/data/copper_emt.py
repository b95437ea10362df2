"""Make ``copper-emt.extxyz``: 60 small cells of copper with labels of ASE's EMT potential.

Strained and rattled fcc, every third one with a vacancy, in the units and layout of a DFT data
set. It is there to try the program out, and says nothing about copper.
"""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

PATH = Path(__file__).with_name("copper-emt.extxyz")
N_STRUCTURES = 60


def structure(number: int, rng: np.random.Generator) -> Atoms:
    """Return a labelled cell of 8 to 12 atoms (energy in eV, forces in eV/Å)."""
    atoms = bulk("Cu", cubic=True) * ((2, 1, 1) if number % 2 else (3, 1, 1))
    strain = np.eye(3) + rng.normal(scale=0.02, size=(3, 3))
    atoms.set_cell(atoms.cell @ strain, scale_atoms=True)
    atoms.positions += rng.normal(scale=rng.uniform(0.02, 0.2), size=atoms.positions.shape)
    vacancy = number % 3 == 0
    if vacancy:
        del atoms[rng.integers(len(atoms))]
    atoms.info["config_type"] = "vacancy" if vacancy else "bulk"
    atoms.calc = EMT()
    labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(0)
    write(PATH, [structure(number, rng) for number in range(N_STRUCTURES)], format="extxyz")


if __name__ == "__main__":
    main()
