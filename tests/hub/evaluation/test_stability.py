"""Molecular dynamics at constant energy: what holds, and what flies apart."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from hub.errors import DataError
from hub.evaluation.stability import crystal, run_dynamics, write_samples


class Uneven(Calculator):
    """Forces that are no derivatives of an energy: they heat."""

    implemented_properties = ("energy", "forces")

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        emt = self.atoms.copy()
        emt.calc = EMT()
        forces = emt.get_forces() + self.strength * self.atoms.get_velocities()
        self.results = {"energy": emt.get_potential_energy(), "forces": forces}


def test_energy_is_conserved_and_the_crystal_stays(tmp_path):
    atoms = bulk("Cu", cubic=True).repeat(2)
    before = atoms.positions.copy()
    found = run_dynamics(atoms, EMT(), 300, 0.5, timestep=4, seed=1)
    assert found.failure == ""
    assert found.samples[0].time == 0
    assert found.samples[-1].time == pytest.approx(0.5, abs=0.05)
    assert abs(found.drift) < 2
    assert found.of("coordination") == pytest.approx(12, abs=0.7)
    assert 2.0 < found.of("smallest_distance").min() < 2.55
    assert 100 < found.of("temperature").mean() < 600
    assert np.array_equal(atoms.positions, before)
    write_samples(tmp_path / "cu.csv", found)
    rows = list(csv.DictReader((tmp_path / "cu.csv").open()))
    assert len(rows) == len(found.samples)
    assert float(rows[-1]["energy"]) == found.samples[-1].energy


def test_what_gains_energy_is_seen():
    found = run_dynamics(bulk("Cu", cubic=True), Uneven(0.05), 300, 0.3, timestep=5)
    assert found.failure or found.drift > 5


def test_what_flies_apart_ends_early():
    found = run_dynamics(bulk("Cu", cubic=True), Uneven(30.0), 300, 5, timestep=5)
    assert found.failure
    assert found.samples[-1].time < 5


def test_atoms_on_top_of_each_other_end_it():
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 0.3]], cell=[8] * 3, pbc=True)
    found = run_dynamics(atoms, Uneven(0.0), 300, 1, timestep=0.001)
    assert "sum of their covalent radii" in found.failure


def test_crystals():
    assert len(crystal("Si")) == 64
    assert 50 <= len(crystal("Cu")) <= 120
    with pytest.raises(DataError, match="no crystal of"):
        crystal("Pu")


def test_the_command(random_directory, tmp_path, monkeypatch, capfd):
    from hub.cli.main import main

    monkeypatch.chdir(tmp_path)
    bulk("C", cubic=True).write("c.xyz")
    short = ["--time", "0.02", "--timestep", "20", "--temperature", "1"]
    arguments = [str(random_directory), *short, "--out", "over-time", "--json"]
    with pytest.raises(SystemExit) as left:
        main(["stability", "--structure", "c.xyz", *arguments])
    assert not left.value.code
    assert "coordination" in capfd.readouterr().out
    assert len(list((tmp_path / "over-time").iterdir())) == 1
    with pytest.raises(SystemExit) as left:
        main(["stability", str(random_directory)])
    assert left.value.code == 2
