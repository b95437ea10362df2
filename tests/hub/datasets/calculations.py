"""Structures with everything that a calculation may give."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hub.structures.stresses import from_voigt

PER_STRUCTURE = {"free_energy": (), "stress": (6,), "dipole": (3,), "magmom": ()}
PER_ATOM = {"magmoms": (), "charges": (), "energies": (), "stresses": (6,)}


def calculated(number: int, n_atoms: int, scale: float = 1.0) -> Atoms:
    """Return a structure with results of full precision; also a virial, in ``info``."""
    rng = np.random.default_rng([number, n_atoms])

    def draw(*shape: int) -> Any:
        return rng.normal(size=shape) * scale if shape else float(rng.normal() * scale)

    atoms = Atoms(
        rng.choice([6, 8, 26], n_atoms), rng.uniform(0, 9, (n_atoms, 3)), cell=np.eye(3) * 9
    )
    atoms.pbc = (True, True, number % 2)
    results = {name: draw(*shape) for name, shape in PER_STRUCTURE.items()}
    virial = -atoms.get_volume() * from_voigt(results["stress"])
    atoms.info = {"density": draw(), "virial": virial}
    results |= {name: draw(n_atoms, *shape) for name, shape in PER_ATOM.items()}
    energy, forces = draw() * 1e5, draw(n_atoms, 3)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, **results)
    return atoms


def same_labels(one: Atoms, other: Atoms, *, but: tuple[str, ...] = ()) -> None:
    """Require that two structures have the same labels, to the last bit."""
    expected = {name: v for name, v in one.calc.results.items() if name not in but}
    assert other.calc.results.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(other.calc.results[name], value, err_msg=name, strict=False)
        assert np.asarray(other.calc.results[name]).dtype == np.float64, name
    if "virial" in one.info and "virial" not in but:
        np.testing.assert_array_equal(other.info["virial"], one.info["virial"])
