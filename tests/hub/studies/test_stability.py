"""Molecular dynamics at constant energy: what holds, and what flies apart."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from hub.errors import DataError
from hub.studies.stability import Conditions, crystal, run_dynamics


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


def test_energy_is_conserved_and_the_crystal_stays():
    atoms = bulk("Cu", cubic=True).repeat(2)
    before = atoms.positions.copy()
    found = run_dynamics(atoms, EMT(), Conditions(300, 0.5, timestep=4, seed=1))
    assert found.failure == ""
    assert found.samples[0].time == 0
    assert found.samples[-1].time == pytest.approx(0.5, abs=0.05)
    assert abs(found.drift) < 2
    assert found.of("coordination") == pytest.approx(12, abs=0.7)
    assert 2.0 < found.of("smallest_distance").min() < 2.55
    assert 100 < found.of("temperature").mean() < 600
    assert np.array_equal(atoms.positions, before)


def test_what_gains_energy_is_seen():
    found = run_dynamics(bulk("Cu", cubic=True), Uneven(0.05), Conditions(300, 0.3, timestep=5))
    assert found.failure or found.drift > 5


def test_what_flies_apart_ends_early():
    found = run_dynamics(bulk("Cu", cubic=True), Uneven(30.0), Conditions(300, 5, timestep=5))
    assert found.failure
    assert found.samples[-1].time < 5


def test_atoms_on_top_of_each_other_end_it():
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 0.3]], cell=[8] * 3, pbc=True)
    found = run_dynamics(atoms, Uneven(0.0), Conditions(300, 1, timestep=0.001))
    assert "sum of their covalent radii" in found.failure


class Left(Exception):
    """Somebody stopped it."""


@pytest.mark.parametrize("states", [1, 3, 5])
def test_what_is_resumed_becomes_what_it_would_have(states):
    # 1 ps of heating is 334 steps here, not a multiple of what is done between samples.
    atoms, conditions = bulk("Cu", cubic=True), Conditions(300, 0.8, timestep=3, seed=2)
    whole = run_dynamics(atoms, EMT(), conditions)
    kept = []

    def keep(state):
        kept.append(state)
        if len(kept) == states:
            raise Left

    with pytest.raises(Left):
        run_dynamics(atoms, EMT(), conditions, keep=keep)
    resumed = run_dynamics(atoms, EMT(), conditions, state=kept[-1])
    # EMT adds up neighbours in an order that depends on where atoms were before.
    for sample, expected in zip(resumed.samples, whole.samples, strict=True):
        assert astuple(sample) == pytest.approx(astuple(expected), rel=1e-9, abs=1e-9)
    assert whole.samples[-1].time == pytest.approx(0.8, abs=0.01)


def test_crystals():
    assert len(crystal("Si")) == 64
    assert 50 <= len(crystal("Cu")) <= 120
    with pytest.raises(DataError, match="cannot build a crystal of"):
        crystal("Pu")
