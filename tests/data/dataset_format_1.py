"""Make ``dataset-format-1``: a dataset as release 0.1 wrote it, before labels had more than forces.

It must be run with that release (commit 577233a): whatever a calculation gave besides energy and
forces became a column of its own, under the name that it had in the file. Three structures of
argon, and numbers that mean nothing.
"""

import shutil
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hub.datasets.blocks import Labels
from hub.datasets.frames import Frames
from hub.datasets.labelling import add_label_set
from hub.datasets.layout import LabelSet
from hub.datasets.writer import DatasetWriter

PATH = Path(__file__).with_name("dataset-format-1")
N_STRUCTURES = 3


def structure(number: int) -> Atoms:
    """Return a labelled cell of 2 to 4 atoms (energy in eV, forces in eV/Å)."""
    rng = np.random.default_rng(number)
    n_atoms = number + 2
    atoms = Atoms(f"Ar{n_atoms}", rng.uniform(0, 5, (n_atoms, 3)), cell=np.eye(3) * 5, pbc=True)
    atoms.info = {"config_type": "liquid", "density": 1.0 + number}
    atoms.info["virial"] = np.diag([1.0, 2.0, 3.0]) + number
    atoms.calc = SinglePointCalculator(
        atoms,
        energy=-1.5 - number,
        free_energy=-1.6 - number,
        forces=rng.normal(size=(n_atoms, 3)),
        stress=np.arange(6.0) + number,
        magmoms=rng.normal(size=n_atoms),
    )
    return atoms


def main() -> None:
    """Write the dataset, with a second label set that has energies and forces alone."""
    first = PATH.with_name("first")
    frames = Frames("dft", "energy", "forces")
    with DatasetWriter(first, {"dft": LabelSet("DFT")}) as writer:
        writer.append(frames.block([structure(number) for number in range(N_STRUCTURES)]))
        writer.finish()
    labels = Labels(np.full(N_STRUCTURES, -0.5), np.full((9, 3), 0.25))
    add_label_set(first, PATH, "emt", LabelSet("EMT"), [labels])
    shutil.rmtree(first)


if __name__ == "__main__":
    main()
