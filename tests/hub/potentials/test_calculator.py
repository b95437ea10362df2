"""Models as ASE calculators: the derivatives, the symmetries, the odd structures."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, graphene, nanotube
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.optimize import BFGS
from scipy.spatial.transform import Rotation

import hub
from hub.errors import DataError, IncompatibleModelError
from hub.potentials import calculator, load_model
from hub.potentials.batches import predict
from hub.structures.graphs import build_graph
from tests.hub.potentials.small import hydrocarbon


@pytest.fixture
def carbon_calculator(published):
    return hub.calculator("c-ace-pretrained", device="cpu")


def rattled_diamond():
    atoms = bulk("C", cubic=True)
    atoms.rattle(0.1, seed=3)
    return atoms


def check_derivatives(atoms):
    forces = calculate_numerical_forces(atoms, eps=1e-4, iatoms=[0, 5])
    assert np.abs(atoms.get_forces()[[0, 5]] - forces).max() < 1e-6
    stress = calculate_numerical_stress(atoms, eps=1e-5)
    assert np.abs(stress).max() > 1e-3
    assert np.abs(atoms.get_stress() - stress).max() < 1e-7


def test_forces_and_stress_are_derivatives(random_calculator):
    atoms = hydrocarbon()
    atoms.calc = random_calculator
    check_derivatives(atoms)


def test_forces_and_stress_of_a_published_checkpoint_are_derivatives(carbon_calculator):
    atoms = rattled_diamond()
    atoms.calc = carbon_calculator
    check_derivatives(atoms)


def test_energies_of_atoms_sum_to_the_energy(random_calculator):
    atoms = hydrocarbon()
    atoms.calc = random_calculator
    energy = atoms.get_potential_energy()
    assert atoms.get_potential_energies().shape == (16,)
    assert atoms.get_potential_energies().sum() == pytest.approx(energy, abs=1e-10)
    assert atoms.get_potential_energy(force_consistent=True) == energy


def test_symmetries(random_calculator):
    atoms = hydrocarbon()
    atoms.calc = random_calculator
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    assert np.abs(forces).max() > 0.01
    assert np.abs(forces.sum(axis=0)).max() < 1e-10

    rotation = Rotation.from_euler("xyz", (0.3, -1.1, 2.0)).as_matrix()
    mirror = np.diag((1.0, 1.0, -1.0))
    for matrix in (rotation, mirror):
        turned = Atoms(atoms.numbers, atoms.positions @ matrix, cell=atoms.cell @ matrix, pbc=True)
        turned.calc = random_calculator
        assert turned.get_potential_energy() == pytest.approx(energy, abs=1e-9)
        assert np.abs(turned.get_forces() - forces @ matrix).max() < 1e-9

    order = np.random.default_rng(0).permutation(len(atoms))
    shuffled = atoms[order]
    shuffled.positions += (0.7, -11.0, 25.0)
    shuffled.calc = random_calculator
    assert shuffled.get_potential_energy() == pytest.approx(energy, abs=1e-9)
    assert np.abs(shuffled.get_forces() - forces[order]).max() < 1e-9

    double = atoms.repeat((1, 2, 1))
    double.calc = random_calculator
    assert double.get_potential_energy() == pytest.approx(2 * energy, abs=1e-9)
    assert np.abs(double.get_stress() - atoms.get_stress()).max() < 1e-10


def test_it_predicts_what_the_training_loop_predicts(random_directory, random_calculator):
    model = load_model(random_directory)
    structures = [hydrocarbon(seed) for seed in range(3)] + [Atoms("H")]
    graphs = [build_graph(atoms, model.elements, model.cutoff) for atoms in structures]
    found = predict(model, graphs)
    for atoms, energy, force in zip(structures, found.energies, found.forces, strict=True):
        atoms.calc = random_calculator
        assert atoms.get_potential_energy() == pytest.approx(float(energy), abs=1e-10)
        assert np.abs(atoms.get_forces() - force).max() < 1e-10


def test_single_precision_is_near(random_directory, random_calculator):
    atoms = hydrocarbon()
    atoms.calc = calculator(random_directory, device="cpu", dtype="float32")
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = random_calculator
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-3)
    assert np.abs(forces - atoms.get_forces()).max() < 1e-3


def test_atoms_out_of_reach_feel_nothing(random_calculator):
    alone = Atoms("C")
    pair = Atoms("CH", [[0, 0, 0], [0, 0, 3.01]])
    near = Atoms("CH", [[0, 0, 0], [0, 0, 2.9]])
    hydrogen = Atoms("H")
    for atoms in (alone, pair, near, hydrogen):
        atoms.calc = random_calculator
    assert np.abs(alone.get_forces()).max() == 0
    assert np.abs(pair.get_forces()).max() == 0
    sum_of_atoms = alone.get_potential_energy() + hydrogen.get_potential_energy()
    assert pair.get_potential_energy() == pytest.approx(sum_of_atoms, abs=1e-12)
    assert np.abs(near.get_forces()).max() > 0


def test_molecules_have_no_stress(random_calculator):
    atoms = Atoms("CH", [[0, 0, 0], [0, 0, 1.1]], cell=np.eye(3) * 20)  # a box that means nothing
    atoms.calc = random_calculator
    atoms.get_potential_energy()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


@pytest.mark.parametrize(
    ("problem", "settings"),
    [
        ("not finite", {"positions": [[0, 0, 0], [0, 0, np.nan]]}),
        ("apart", {"positions": [[0, 0, 0], [0, 1e7, 1]]}),
        ("zero or parallel", {"pbc": True}),
        ("zero or parallel", {"pbc": True, "cell": [[1, 0, 0], [2, 0, 0], [0, 0, 3]]}),
    ],
)
def test_absurd_structures_are_refused(random_calculator, problem, settings):
    atoms = Atoms("CH", **{"positions": [[0, 0, 0], [0, 0, 1.1]], **settings})
    atoms.calc = random_calculator
    with pytest.raises(DataError, match=problem):
        atoms.get_potential_energy()


def test_slabs_and_tubes(random_calculator):
    """With a third cell vector or without: the same atoms, the same energy."""
    flat, slab = graphene(vacuum=None), graphene(vacuum=8.0)
    for atoms in (flat, slab):
        atoms.rattle(0.05, seed=1)
        atoms.pbc = (True, True, False)
        atoms.calc = random_calculator
    assert flat.cell.rank == 2
    assert flat.get_potential_energy() == pytest.approx(slab.get_potential_energy(), abs=1e-10)
    assert np.abs(slab.get_stress() - calculate_numerical_stress(slab, eps=1e-5)).max() < 1e-7
    with pytest.raises(PropertyNotImplementedError):
        flat.get_stress()
    tube = nanotube(4, 0)
    longer = tube.repeat((1, 1, 3))
    tube.calc = longer.calc = random_calculator
    energy = 3 * tube.get_potential_energy()
    tube.calc = None
    assert longer.get_potential_energy() == pytest.approx(energy, abs=1e-9)


def test_an_unknown_element_is_named(random_calculator):
    atoms = Atoms("CO", [[0, 0, 0], [0, 0, 1.2]])
    atoms.calc = random_calculator
    with pytest.raises(IncompatibleModelError, match="covers C, H, but CO contains O"):
        atoms.get_potential_energy()


@pytest.mark.parametrize("settings", [{"device": "cuda:99"}, {"dtype": "float16"}])
def test_what_is_not_there_is_refused(random_directory, settings):
    with pytest.raises(IncompatibleModelError):
        calculator(random_directory, **settings)


def test_it_relaxes_a_structure(carbon_calculator):
    atoms = rattled_diamond()
    atoms.calc = carbon_calculator
    before = atoms.get_potential_energy()
    assert BFGS(atoms, logfile=None).run(fmax=0.05, steps=60)
    assert atoms.get_potential_energy() < before - 0.1


def test_no_atoms_are_refused(random_calculator):
    with pytest.raises(DataError, match="no atoms"):
        Atoms(calculator=random_calculator).get_potential_energy()


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_it_computes_where_gradients_are_switched_off(random_directory, random_calculator, off):
    atoms = hydrocarbon()
    atoms.calc = random_calculator
    forces = atoms.get_forces()
    with off():
        for each in (random_calculator, calculator(random_directory, device="cpu")):
            each.reset()
            atoms.calc = each
            np.testing.assert_array_equal(atoms.get_forces(), forces)
        assert not torch.is_grad_enabled()


@pytest.mark.slow
def test_torch_is_left_as_it_was(random_directory):
    """In a process of its own, for NequIP sets things when a model is first built."""
    program = """
import random, sys
import numpy as np, torch
import hub
from hub.potentials.ase_calculator import ModelCalculator
from tests.hub.potentials.small import SMALL, hydrocarbon, random_model

torch.manual_seed(1), np.random.seed(1), random.seed(1)
state = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
for dtype in ("float64", "float32"):
    atoms = hydrocarbon()
    atoms.calc = hub.calculator(sys.argv[1], device="cpu", dtype=dtype)
    atoms.get_stress()
    print(atoms.get_potential_energy())
assert torch.get_default_dtype() == torch.float32
assert torch.equal(state[0], torch.get_rng_state())
assert (state[1] == np.random.get_state()[1]).all()
assert state[2] == random.getstate()
torch.nn.Linear(2, 2)(torch.ones(2, dtype=torch.float32))
"""
    command = [sys.executable, "-c", program, str(random_directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    atoms = hydrocarbon()
    atoms.calc = calculator(random_directory, device="cpu")
    double, single = map(float, done.stdout.split())
    assert double == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
    assert single == pytest.approx(double, abs=1e-3)


def test_importing_the_package_imports_no_torch():
    modules = "hub, hub.potentials.architectures, hub.potentials.nequip.onehot"
    program = f"import sys, {modules}; print('torch' in sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
