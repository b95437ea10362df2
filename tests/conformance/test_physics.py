"""Symmetries and derivatives that every potential must have."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.transform import Rotation

from tests.conformance.potentials import crystal, molecule, numbers, outputs, some_elements

STEP = 1e-4  # Å


def energy(potential, atoms) -> float:
    return float(numbers(outputs(potential, [atoms]).energies)[0])


def test_forces_are_minus_the_gradient_of_the_energy(potential):
    for atoms in (crystal(potential), molecule(potential)):
        forces = numbers(outputs(potential, [atoms]).forces)
        assert np.abs(forces).max() > 1e-3
        for atom, axis in ((0, 0), (1, 2), (len(atoms) - 1, 1)):
            ends = []
            for sign in (-1, 1):
                moved = atoms.copy()
                moved.positions[atom, axis] += sign * STEP
                ends.append(energy(potential, moved))
            slope = (ends[1] - ends[0]) / (2 * STEP)
            assert -slope == pytest.approx(forces[atom, axis], abs=2e-5 * np.abs(forces).max())


def test_the_stress_is_the_gradient_with_respect_to_strain(potential):
    atoms = crystal(potential)
    stress = numbers(outputs(potential, [atoms]).stresses)[0]
    assert np.abs(stress).max() > 1e-4
    assert np.allclose(stress, stress.T, atol=1e-9 * max(1, np.abs(stress).max()))
    for i, j in ((0, 0), (1, 1), (0, 1), (2, 0)):
        ends = []
        for sign in (-1, 1):
            strain = np.eye(3)
            strain[i, j] += sign * STEP / 2
            strain[j, i] += sign * STEP / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell @ strain, scale_atoms=True)
            ends.append(energy(potential, strained))
        slope = (ends[1] - ends[0]) / (2 * STEP) / atoms.get_volume()
        assert slope == pytest.approx(stress[i, j], abs=2e-5 * np.abs(stress).max())


def test_a_rotation_turns_forces_and_stress_and_nothing_else(potential):
    atoms, turn = crystal(potential), Rotation.from_rotvec([0.3, -1.1, 0.7]).as_matrix()
    turned = Atoms(atoms.symbols, atoms.positions @ turn.T, cell=atoms.cell @ turn.T, pbc=True)
    before, after = outputs(potential, [atoms]), outputs(potential, [turned])
    scale = max(1.0, np.abs(numbers(before.forces)).max())
    assert np.allclose(numbers(after.energies), numbers(before.energies), rtol=0, atol=1e-6)
    assert np.allclose(
        numbers(after.forces), numbers(before.forces) @ turn.T, rtol=0, atol=1e-6 * scale
    )
    expected = turn @ numbers(before.stresses)[0] @ turn.T
    assert np.allclose(numbers(after.stresses)[0], expected, rtol=0, atol=1e-6 * scale)
    features = numbers(before.features)
    assert features.shape[0] == len(atoms)
    assert features.std() > 0
    assert np.allclose(
        numbers(after.features), features, rtol=0, atol=1e-6 * np.abs(features).max()
    )


def test_a_translation_changes_nothing(potential):
    atoms = crystal(potential)
    moved = atoms.copy()
    moved.translate([0.3, 5.1, -2.7])
    moved.wrap()
    before, after = outputs(potential, [atoms]), outputs(potential, [moved])
    assert np.allclose(numbers(after.energies), numbers(before.energies), rtol=0, atol=1e-7)
    scale = max(1.0, np.abs(numbers(before.forces)).max())
    assert np.allclose(numbers(after.forces), numbers(before.forces), rtol=0, atol=1e-8 * scale)


def test_the_order_of_atoms_does_not_matter(potential):
    atoms = crystal(potential)
    order = np.random.default_rng(0).permutation(len(atoms))
    before, after = outputs(potential, [atoms]), outputs(potential, [atoms[order]])
    scale = max(1.0, np.abs(numbers(before.forces)).max())
    assert np.allclose(numbers(after.energies), numbers(before.energies), rtol=0, atol=1e-8)
    for one, other in (
        (after.forces, before.forces),
        (after.atomic_energies, before.atomic_energies),
        (after.features, before.features),
    ):
        assert np.allclose(numbers(one), numbers(other)[order], rtol=0, atol=1e-8 * scale)


def test_a_supercell_has_the_energy_of_its_cells(potential):
    atoms = crystal(potential)
    before, after = outputs(potential, [atoms]), outputs(potential, [atoms.repeat((2, 1, 1))])
    assert numbers(after.energies)[0] == pytest.approx(2 * numbers(before.energies)[0], abs=1e-7)
    scale = max(1.0, np.abs(numbers(before.forces)).max())
    twice = np.concatenate([numbers(before.forces)] * 2)
    assert np.allclose(numbers(after.forces), twice, rtol=0, atol=1e-8 * scale)
    assert np.allclose(numbers(after.stresses), numbers(before.stresses), rtol=0, atol=1e-8 * scale)


def test_atoms_without_neighbours_feel_nothing(potential):
    element = some_elements(potential)[0]
    alone = Atoms([element])
    apart = Atoms([element] * 2, [[0, 0, 0], [0, 0, 2 * potential.cutoff]])
    one, two = outputs(potential, [alone]), outputs(potential, [apart])
    assert np.isfinite(numbers(one.energies)).all()
    assert numbers(two.energies)[0] == pytest.approx(2 * numbers(one.energies)[0], abs=1e-9)
    assert not numbers(one.forces).any()
    assert not numbers(two.forces).any()
    in_a_cell = Atoms([element], cell=[3 * potential.cutoff] * 3, pbc=True)
    periodic = outputs(potential, [in_a_cell])
    assert numbers(periodic.energies)[0] == pytest.approx(numbers(one.energies)[0], abs=1e-9)
    assert not numbers(periodic.stresses).any()


def test_a_batch_is_its_structures_one_by_one(potential):
    element = some_elements(potential)[0]
    structures = [crystal(potential), Atoms([element]), molecule(potential), crystal(potential, 1)]
    together = outputs(potential, structures)
    one_by_one = [outputs(potential, [atoms]) for atoms in structures]
    scale = max(1.0, np.abs(numbers(together.forces)).max())
    for name in ("energies", "forces", "atomic_energies", "features"):
        joined = np.concatenate([numbers(getattr(each, name)) for each in one_by_one])
        found = numbers(getattr(together, name))
        assert np.allclose(found, joined, rtol=0, atol=1e-8 * scale), name
    for index in (0, 3):  # those with a volume
        expected = numbers(one_by_one[index].stresses)[0]
        assert np.allclose(numbers(together.stresses)[index], expected, rtol=0, atol=1e-8 * scale)


def test_atomic_energies_sum_to_the_energy(potential):
    output = outputs(potential, [crystal(potential)])
    assert output.atomic_energies.shape == (8,)
    total = numbers(output.atomic_energies).sum()
    assert total == pytest.approx(numbers(output.energies)[0], abs=1e-6)


def test_elements_are_told_apart(potential):
    if len(potential.elements) == 1:
        pytest.skip("it knows one element")
    atoms = crystal(potential)
    other = atoms.copy()
    other.symbols = [*atoms.symbols[1:], atoms.symbols[0]]
    assert abs(energy(potential, atoms) - energy(potential, other)) > 1e-4


def test_energy_terms_scale_and_shift_the_energy(fresh):
    atoms = crystal(fresh)
    count = {element: atoms.get_chemical_symbols().count(element) for element in fresh.elements}
    fresh.set_energy_shifts(dict.fromkeys(fresh.elements, 0.0))
    base = energy(fresh, atoms)
    fresh.set_energy_scales(2 * next(iter(fresh.energy_scales().values())))
    assert energy(fresh, atoms) == pytest.approx(2 * base, abs=1e-6)
    shifts = {element: 1.5 - number for number, element in enumerate(fresh.elements)}
    fresh.set_energy_shifts(shifts)
    assert fresh.energy_shifts() == pytest.approx(shifts)
    added = sum(count[element] * shifts[element] for element in count)
    assert energy(fresh, atoms) == pytest.approx(2 * base + added, abs=1e-6)
