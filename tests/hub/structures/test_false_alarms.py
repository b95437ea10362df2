"""Good data of every kind that people compute: nothing that would stop a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.cluster import Octahedron
from ase.optimize import BFGS

from hub.structures import StructureSet
from hub.structures.checks import blocking, check_structures
from tests.hub.structures.conftest import labelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

METALS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")


def computed(atoms: Atoms) -> Atoms:
    atoms.calc = EMT()
    found = labelled(atoms, atoms.get_potential_energy(), atoms.get_forces())
    found.info = {}
    return found


def relaxation(atoms: Atoms) -> list[Atoms]:
    """Return the steps of a relaxation, the last ones with hardly any force."""
    atoms.calc = EMT()
    frames: list[Atoms] = []
    optimizer = BFGS(atoms, logfile=None)
    optimizer.attach(lambda: frames.append(computed(atoms.copy())))
    optimizer.run(fmax=1e-3, steps=40)
    return frames


def rattled(atoms: Atoms, size: float, seed: int) -> Atoms:
    atoms = atoms.copy()
    atoms.rattle(size, seed=seed)
    return atoms


def crystals() -> Iterator[Atoms]:
    for symbol in METALS:
        yield computed(bulk(symbol, cubic=True))


def crystal_relaxations() -> Iterator[Atoms]:
    for seed, symbol in enumerate(("Cu", "Al", "Au")):
        yield from relaxation(rattled(bulk(symbol, cubic=True).repeat((2, 1, 1)), 0.1, seed))


def ends_of_relaxations() -> Iterator[Atoms]:
    for seed in range(12):
        yield relaxation(rattled(bulk(METALS[seed % 7], cubic=True), 0.05, seed))[-1]


def molecules() -> Iterator[Atoms]:
    for seed in range(40):
        atoms = molecule(("H2O", "CH4", "C2H6", "CH3CH2OH", "N2", "CO", "NH3", "C6H6")[seed % 8])
        yield computed(rattled(atoms, 0.05, seed))


def molecule_relaxations() -> Iterator[Atoms]:
    for seed, name in enumerate(("H2O", "CH3CH2OH", "NH3")):
        yield from relaxation(rattled(molecule(name), 0.05, seed))


def clusters() -> Iterator[Atoms]:
    for seed in range(12):
        atoms = Octahedron("Cu", 3 + seed % 3, cutoff=seed % 2)
        yield computed(rattled(atoms, 0.05, seed))
    yield from relaxation(rattled(Octahedron("Au", 3), 0.1, 0))


def slabs() -> Iterator[Atoms]:
    for seed in range(12):
        atoms = fcc111("Cu", (2, 2, 2 + seed % 3), vacuum=6)
        yield computed(rattled(atoms, 0.05, seed))


def compressed_cells() -> Iterator[Atoms]:
    for seed, scale in enumerate(np.linspace(0.8, 1.15, 24)):
        atoms = bulk("Cu", cubic=True).repeat(2)
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        yield computed(rattled(atoms, 0.03, seed))


def equation_of_state() -> Iterator[Atoms]:
    for scale in np.linspace(0.9, 1.1, 15):
        yield computed(bulk("Al", "fcc", a=4.0 * scale, cubic=True))


def alloys() -> Iterator[Atoms]:
    rng = np.random.default_rng(0)
    for seed in range(20):
        atoms = bulk("Cu", cubic=True, a=3.8).repeat(2)
        atoms.symbols[rng.permutation(32)[: rng.integers(0, 32)]] = "Au"
        yield computed(rattled(atoms, 0.08, seed))


def everything() -> Iterator[Atoms]:
    for kind in (crystals, molecules, clusters, slabs, compressed_cells, alloys):
        yield from kind()


@pytest.mark.parametrize(
    "kind",
    [
        crystals, crystal_relaxations, ends_of_relaxations, molecules, molecule_relaxations,
        clusters, slabs, compressed_cells, equation_of_state, alloys, everything,
    ],
)  # fmt: skip
def test_good_data_have_no_errors(kind) -> None:
    structures = StructureSet.from_atoms(list(kind()))
    assert blocking(check_structures(structures)) == []
