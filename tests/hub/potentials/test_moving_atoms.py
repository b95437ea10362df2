"""The calculator keeps the neighbours of atoms that move, and looks for them anew where it must."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet

from hub.potentials import calculator
from hub.potentials.ase_calculator import ModelCalculator
from hub.structures.graphs import build_graph
from tests.hub.potentials.small import SMALL, hydrocarbon, random_model


def moving(atoms, steps=25):
    """Yield the atoms on a random walk, now and then back in their cell, or in a larger one."""
    rng = np.random.default_rng(2)
    for step in range(steps):
        atoms.positions += 0.03 * rng.normal(size=atoms.positions.shape)
        if step % 9 == 5:
            atoms.wrap()
        if step == 17:
            atoms.set_cell(atoms.cell * 1.01, scale_atoms=True)
        yield atoms


def assert_as_new(atoms, potential):
    """Compare with a calculator that has seen no other structure; rounding is the same, too."""
    fresh = atoms.copy()
    fresh.calc = ModelCalculator(potential)
    assert atoms.get_potential_energy() == fresh.get_potential_energy()
    np.testing.assert_array_equal(atoms.get_forces(), fresh.get_forces())
    if atoms.pbc.any():
        np.testing.assert_array_equal(atoms.get_stress(), fresh.get_stress())


@pytest.mark.parametrize("pbc", [True, (True, True, False), False])
def test_moving_atoms_keep_their_neighbour_list(pbc):
    potential = random_model().eval()
    atoms = hydrocarbon()
    atoms.pbc = pbc
    atoms.calc = ModelCalculator(potential)
    for moved in moving(atoms):
        assert_as_new(moved, potential)
    assert atoms.calc.neighbours.builds < 15


def test_structures_in_turn_have_their_own_neighbours():
    potential = random_model().eval()
    shared = ModelCalculator(potential)
    structures = [hydrocarbon(), hydrocarbon(1), hydrocarbon().repeat((1, 1, 2)), Atoms("CH")]
    structures[3].positions[1, 2] = 1.1
    for moved in zip(*(moving(atoms, 12) for atoms in structures), strict=True):
        for atoms in moved:
            atoms.calc = shared
            assert_as_new(atoms, potential)


def test_dynamics_seldom_search_for_neighbours(random_directory):
    atoms = hydrocarbon()
    atoms.calc = calculator(random_directory, device="cpu")
    atoms.set_momenta(0.2 * np.random.default_rng(0).normal(size=(16, 3)))
    VelocityVerlet(atoms, 0.5 * units.fs).run(40)
    assert atoms.calc.neighbours.builds < 10


def test_every_change_that_matters_is_noticed(random_calculator):
    atoms = hydrocarbon()
    atoms.calc = random_calculator
    seen = {atoms.get_potential_energy()}
    atoms.numbers[3] = 7 - atoms.numbers[3]  # carbon to hydrogen, or the reverse
    seen.add(atoms.get_potential_energy())
    atoms.positions[0, 0] += 1e-6
    seen.add(atoms.get_potential_energy())
    atoms.set_cell(atoms.cell * 1.01)
    seen.add(atoms.get_potential_energy())
    atoms.pbc = (True, False, True)
    seen.add(atoms.get_potential_energy())
    del atoms[5]
    seen.add(atoms.get_potential_energy())
    assert len(seen) == 6


def test_another_potential_can_be_put_in():
    first, longer = random_model().eval(), random_model(replace(SMALL, r_max=4.0)).eval()
    atoms = hydrocarbon()
    atoms.calc = ModelCalculator(first)
    before = atoms.get_potential_energy()
    atoms.calc.potential = longer
    atoms.calc.reset()
    assert atoms.get_potential_energy() != before
    assert_as_new(atoms, longer)


def test_a_second_property_costs_nothing(monkeypatch):
    potential = random_model().eval()
    atoms = hydrocarbon()
    atoms.calc = ModelCalculator(potential)
    forces = atoms.get_forces()
    monkeypatch.setattr(potential, "forward", None)
    atoms.get_potential_energy(), atoms.get_stress()
    atoms.set_initial_magnetic_moments(np.ones(len(atoms)))  # of no matter to the model
    np.testing.assert_array_equal(atoms.get_forces(), forces)


def test_a_copied_calculator_goes_on_by_itself():
    potential = random_model().eval()
    atoms, other = hydrocarbon(), hydrocarbon()
    atoms.calc = ModelCalculator(potential)
    atoms.get_forces()
    other.calc = copy.deepcopy(atoms.calc)
    for moved in moving(other, 5):
        assert_as_new(moved, potential)
    assert atoms.calc.neighbours.builds == 1
    assert_as_new(atoms, potential)


def test_threads_may_share_a_neighbour_list():
    potential = random_model().eval()
    shared = ModelCalculator(potential).neighbours

    def walk(seed):
        atoms = hydrocarbon(seed)
        for moved in moving(atoms):
            found, _ = shared.of(moved, potential.cutoff)
            expected = build_graph(moved, potential.elements, potential.cutoff)
            assert (found.edges == expected.edges.numpy()).all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(walk, range(8))) == [None] * 8
