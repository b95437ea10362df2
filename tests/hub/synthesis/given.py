"""Structures of copper and gold with labels, to make others around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

TEACHER = "ase:ase.calculators.emt.EMT"
POOR = "ase:ase.calculators.lj.LennardJones"
SMALL = {"layers": 1, "features": 2, "l_max": 1, "cutoff": 3.5}


def copper(count: int, seed: int = 0, formula: str = "Cu") -> list[Atoms]:
    """Rattled cells of four atoms, with energy and forces of EMT."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        atoms = bulk("Cu", "fcc", a=3.6 * rng.uniform(0.97, 1.03), cubic=True)
        if formula == "CuAu":
            atoms.symbols[number % 4] = "Au"
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        atoms.info["config_type"] = "crystal" if number % 2 else "strained"
        atoms.calc = EMT()
        atoms.info["REF_energy"] = atoms.get_potential_energy()
        atoms.arrays["REF_forces"] = atoms.get_forces()
        found.append(atoms)
    return found


def write_copper(path: Path, count: int, **how: object) -> Path:
    """Write such cells to a file."""
    write(path, copper(count, **how), format="extxyz", write_results=False)  # type: ignore[arg-type]
    return path
