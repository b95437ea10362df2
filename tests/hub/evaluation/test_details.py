"""Errors in detail, on predictions whose errors are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hub.evaluation.details import ALL_ATOMS, ALL_COMPOSITIONS, measure_details
from hub.potentials.batches import Predictions
from hub.structures import StructureSet
from hub.structures.stresses import EV_PER_A3_IN_GPA

FORMULAS = ("CH4", "C2H8", "C3H12", "H2", "H4", "CO2", "C")


def labelled(formulas=FORMULAS) -> StructureSet:
    """Return molecules in boxes with random labels."""
    rng = np.random.default_rng(0)
    structures = []
    for formula in formulas:
        atoms = Atoms(formula, cell=np.eye(3) * 9, pbc=True)
        atoms.positions = rng.uniform(0, 9, (len(atoms), 3))
        forces, stress = rng.normal(size=(len(atoms), 3)), rng.normal(0, 0.1, 6)
        atoms.calc = SinglePointCalculator(atoms, energy=rng.normal(), forces=forces, stress=stress)
        structures.append(atoms)
    return StructureSet.from_atoms(structures, "made-up.xyz")


def exact(structures: StructureSet) -> Predictions:
    forces = np.split(structures.forces.copy(), structures.pointers[1:-1])
    return Predictions(structures.energies.copy(), tuple(forces), structures.stresses.copy())


def test_forces_by_element():
    structures = labelled()
    predictions = exact(structures)
    for index, forces in enumerate(predictions.forces):
        numbers = structures.numbers[structures.atoms_of(index)]
        forces[numbers == 6] += [0.3, 0.0, -0.4]
    found = measure_details(structures, predictions).forces
    assert list(found)[:4] == [ALL_ATOMS, "C", "H", "O"]
    assert (found["H"].rmse, found["H"].mae) == (0, 0)
    assert found["H"].cosine == pytest.approx(1)
    assert found["C"].rmse == pytest.approx(0.5 / 3**0.5)
    assert found["C"].mae == pytest.approx(0.7 / 3)
    assert found["C"].cosine < 1
    assert found[ALL_ATOMS].n_atoms == sum(found[symbol].n_atoms for symbol in "CHO")


def test_forces_by_size_cover_all_atoms_once():
    structures = labelled()
    sizes = np.array([0.05, 0.1, 0.7, 1.0, 3.0, 7.0, 10.0, 500.0])
    structures.forces[:] = 0.0
    structures.forces[: len(sizes), 1] = sizes
    structures.forces[len(sizes) :] = np.nan
    predictions = exact(structures)
    for forces in predictions.forces:
        forces[:] = -2.0 * np.nan_to_num(forces, nan=1.0)
    found = measure_details(structures, predictions).forces
    bins = {name: each for name, each in found.items() if "eV/Å" in name}
    assert [each.n_atoms for each in bins.values()] == [1, 1, 1, 1, 1, 1, 2]
    assert next(iter(bins)) == "below 0.1 eV/Å"
    assert list(bins)[-1] == "10 eV/Å or more"
    assert bins["1 to 2 eV/Å"].rmse == pytest.approx(3 / 3**0.5)
    assert found[ALL_ATOMS].n_atoms == len(sizes)
    assert found[ALL_ATOMS].cosine == pytest.approx(-1)


def test_energy_differences_are_those_of_all_pairs():
    structures = labelled()
    rng = np.random.default_rng(3)
    errors = rng.normal(size=len(structures))  # eV/atom
    wrong = replace(exact(structures), energies=structures.energies + errors * structures.n_atoms)
    found = measure_details(structures, wrong).differences
    methane = [abs(a - b) for a, b in combinations(1000 * errors[:3], 2)]
    assert list(found) == [ALL_COMPOSITIONS, "CH4", "H"]  # CO2 has no partner, C is an atom
    assert (found["CH4"].n_structures, found["CH4"].n_pairs) == (3, 3)
    assert found["CH4"].rmse == pytest.approx(np.sqrt(np.mean(np.square(methane))))
    assert found["CH4"].mae == pytest.approx(np.mean(methane))
    pairs = [*methane, abs(1000 * (errors[3] - errors[4]))]
    assert found[ALL_COMPOSITIONS].n_pairs == 4
    assert found[ALL_COMPOSITIONS].rmse == pytest.approx(np.sqrt(np.mean(np.square(pairs))))


def test_energy_differences_do_not_depend_on_the_zeros():
    structures = labelled()
    zeros = structures.composition @ np.array([3.0, -7.0, 11.0])
    moved = replace(exact(structures), energies=structures.energies + zeros)
    found = measure_details(structures, moved).differences
    assert found[ALL_COMPOSITIONS].rmse == pytest.approx(0, abs=1e-9)


def test_pressures_and_deviators():
    structures = labelled()
    predictions = exact(structures)
    predictions.stresses[:] -= np.eye(3) * 0.02  # a higher pressure
    predictions.stresses[-1] = np.nan
    found = measure_details(structures, predictions).stresses
    assert found.n_structures == len(structures) - 1
    assert found.pressure_bias == pytest.approx(0.02 * EV_PER_A3_IN_GPA)
    assert found.pressure_rmse == pytest.approx(0.02 * EV_PER_A3_IN_GPA)
    assert found.deviator_rmse == pytest.approx(0, abs=1e-9)


def test_without_labels_there_are_no_details():
    structures = labelled()
    predictions = exact(structures)
    for labels in (structures.energies, structures.forces, structures.stresses):
        labels[:] = np.nan
    found = measure_details(structures, predictions).to_dict()
    assert found == {"forces": {}, "energy_differences": {}, "stresses": None}
