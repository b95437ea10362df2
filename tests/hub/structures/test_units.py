"""Units are told from the data alone: real files, and the same files in other units."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.units import Bohr, Hartree, Rydberg, kcal, mol

from hub.structures import StructureSet, read_structures
from hub.structures.checks import check_structures
from tests.hub.structures.conftest import labelled
from tests.hub.structures.test_reading import FILES
from tests.variants import few_fast

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

UNITS = {
    "Hartree, Hartree/Bohr": (Hartree, Hartree / Bohr, {"energies", "forces"}),
    "Hartree, Hartree/Å": (Hartree, Hartree, {"energies", "forces"}),
    "Rydberg, Rydberg/Bohr": (Rydberg, Rydberg / Bohr, {"energies", "forces"}),
    "kcal/mol": (kcal / mol, kcal / mol, {"energies", "forces"}),
    "meV": (1e-3, 1e-3, {"energies", "forces"}),
    "energies in Hartree": (Hartree, 1.0, {"energies"}),
    "energies in Rydberg": (Rydberg, 1.0, {"energies"}),
    "energies in kcal/mol": (kcal / mol, 1.0, {"energies"}),
    "forces in Hartree/Bohr": (1.0, Hartree / Bohr, {"forces"}),
}


@cache
def read(path: Path) -> StructureSet:
    """Return the structures of a file, read once for all units."""
    return read_structures(path).structures


def suspected(structures: StructureSet) -> set[str]:
    """Return which labels look like other units."""
    findings = [item for item in check_structures(structures) if item.code == "units"]
    return {item.message.split()[1] for item in findings if item.severity == "error"}


def in_units(structures: StructureSet, energy: float, force: float) -> StructureSet:
    return dataclasses.replace(
        structures, energies=structures.energies / energy, forces=structures.forces / force
    )


@pytest.mark.parametrize("name", FILES)
def test_real_files_have_no_errors(shared: Path, name: str) -> None:
    structures = read(shared / "data" / name)
    assert [item for item in check_structures(structures) if item.severity == "error"] == []


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("name", few_fast(FILES, 2))
def test_real_files_in_other_units_are_caught(shared: Path, name: str, units: str) -> None:
    energy, force, expected = UNITS[units]
    structures = read(shared / "data" / name)
    found = suspected(in_units(structures, energy, force))
    # Rydberg energies are near enough to escape where forces give the file away already.
    assert found >= expected - ({"energies"} if "forces" in expected else set())
    assert found <= expected


@pytest.mark.parametrize("units", UNITS)
def test_a_metal_in_other_units_is_caught(crystals: StructureSet, units: str) -> None:
    energy, force, expected = UNITS[units]
    assert suspected(crystals) == set()
    found = suspected(in_units(crystals, energy, force))
    assert found
    assert found <= expected


def test_twenty_five_structures_are_enough(shared: Path) -> None:
    structures = read(shared / "data" / "carbon-dft-amorphous-train.extxyz")
    for seed in range(5):
        few = structures.select(np.random.default_rng(seed).permutation(384)[:25])
        assert suspected(few) == set()
        assert "forces" in suspected(in_units(few, Hartree, Hartree / Bohr))


def test_positions_in_bohr_are_warned_of(crystals: StructureSet) -> None:
    stretched = dataclasses.replace(
        crystals, positions=crystals.positions / Bohr, cells=crystals.cells / Bohr
    )
    findings = [item for item in check_structures(stretched, cutoff=6.0) if item.code == "units"]
    assert any("Bohr" in item.message and item.severity == "warning" for item in findings)


def noble_gas() -> list[Atoms]:
    rng = np.random.default_rng(0)
    structures = []
    for _ in range(30):
        atoms = bulk("Ar", cubic=True, a=5.3).repeat(2)
        atoms.positions += 0.1 * rng.normal(size=(32, 3))
        atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0)
        structures.append(labelled(atoms, atoms.get_potential_energy(), atoms.get_forces()))
    return structures


def test_where_nothing_can_be_told_nothing_is_said(crystals: StructureSet) -> None:
    assert suspected(StructureSet.from_atoms(noble_gas())) == set()
    still = dataclasses.replace(crystals, forces=np.zeros_like(crystals.forces))
    assert suspected(still) == set()
    noise = 0.01 * np.random.default_rng(0).normal(size=crystals.forces.shape)
    assert suspected(dataclasses.replace(crystals, forces=noise)) == set()
