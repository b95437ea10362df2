"""Faults of labels that a file does not show: each made from good data, and found by its code."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import write
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet
from ase.units import Hartree, kcal, mol

import hub.structures.checks
from hub.structures import StructureSet, read_structures
from hub.structures.checks import blocking, check_structures, require_error_codes
from hub.structures.checks.energies import compare_energies
from hub.structures.checks.table import ERROR_CODES
from tests.hub.structures.conftest import copper, labelled


def codes(structures: StructureSet) -> dict[str, list[int]]:
    return {item.code: item.structures for item in check_structures(structures)}


def message(structures: StructureSet, code: str) -> str:
    (found,) = [item for item in check_structures(structures) if item.code == code]
    return found.message


def dynamics(atoms: Atoms, steps: int, interval: int = 5) -> list[Atoms]:
    """Return frames of a short run at constant energy."""
    atoms.calc = EMT()
    MaxwellBoltzmannDistribution(atoms, temperature_K=900, rng=np.random.default_rng(0))
    frames = []
    run = VelocityVerlet(atoms, 2 * units.fs)
    for _ in range(steps):
        run.run(interval)
        frames.append(labelled(atoms, atoms.get_potential_energy(), atoms.get_forces()))
    return frames


@pytest.fixture(scope="module")
def trajectory() -> StructureSet:
    return StructureSet.from_atoms(dynamics(bulk("Cu", cubic=True).repeat(2), 40))


@pytest.fixture(scope="module")
def conformers() -> StructureSet:
    """Molecules that shake, each turned somewhere else, far apart in the file."""
    rng = np.random.default_rng(1)
    frames = []
    for _ in range(80):
        atoms = molecule("CH3CH2OH")
        atoms.positions += 0.06 * rng.normal(size=(9, 3))
        atoms.calc = EMT()
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.sign(np.linalg.det(turn))
        atoms.positions = atoms.positions @ turn + rng.normal(size=3)
        frames.append(labelled(atoms, energy, forces @ turn))
    return StructureSet.from_atoms(frames)


def test_good_labels_have_no_errors(trajectory, conformers, crystals) -> None:
    for structures in (trajectory, conformers, crystals):
        assert blocking(check_structures(structures)) == []


def test_forces_of_the_opposite_sign(trajectory, conformers) -> None:
    for structures in (trajectory, conformers):
        opposite = dataclasses.replace(structures, forces=-structures.forces)
        assert "forces-opposite" in codes(opposite)
        assert "correlation is -" in message(opposite, "forces-opposite")


@pytest.mark.parametrize(("shift", "where"), [(1, "previous"), (-1, "next")])
def test_energies_of_another_frame(trajectory, shift: int, where: str) -> None:
    energies = np.roll(trajectory.energies, -shift)
    kept = np.arange(1, len(trajectory) - 1)
    shifted = dataclasses.replace(trajectory, energies=energies).select(kept)
    opposite = {"previous": "next", "next": "previous"}[where]
    assert f"that of the {opposite} frame" in message(shifted, "labels-shifted")
    assert "labels-shifted" not in codes(trajectory)


def test_forces_that_are_all_zero(crystals) -> None:
    still = dataclasses.replace(crystals, forces=np.zeros_like(crystals.forces))
    assert message(still, "zero-forces") == "all forces of all structures are exactly zero"
    forces = crystals.forces.copy()
    forces[: 5 * 32] = 0
    assert codes(dataclasses.replace(crystals, forces=forces))["zero-forces"] == [0, 1, 2, 3, 4]


def test_zero_forces_by_symmetry_are_right() -> None:
    frames = []
    for scale in np.linspace(0.9, 1.1, 12):
        atoms = bulk("Cu", cubic=True, a=3.6 * scale)
        atoms.calc = EMT()
        frames.append(labelled(atoms, atoms.get_potential_energy(), np.zeros((4, 3))))
    assert blocking(check_structures(StructureSet.from_atoms(frames))) == []


def mixed_sizes() -> StructureSet:
    frames = []
    rng = np.random.default_rng(2)
    for repeat in (1, 1, 2, 2, (2, 2, 1), (2, 1, 1), (3, 1, 1), 1, 2, (2, 1, 1)):
        atoms = bulk("Cu", cubic=True).repeat(repeat)
        atoms.positions += 0.1 * rng.normal(size=atoms.positions.shape)
        atoms.calc = EMT()
        energy = atoms.get_potential_energy() - 3.5 * len(atoms)
        frames.append(labelled(atoms, energy, atoms.get_forces()))
    return StructureSet.from_atoms(frames)


def test_energies_per_atom(trajectory, conformers) -> None:
    """Told by sizes where they differ, and by the forces where they do not."""
    for structures in (mixed_sizes(), trajectory, conformers):
        assert "energies-per-atom" not in codes(structures)
        per_atom = dataclasses.replace(
            structures, energies=structures.energies / structures.n_atoms
        )
        assert "energies-per-atom" in codes(per_atom)
        assert "units" not in codes(per_atom)


def test_energies_in_hartree_beside_forces_in_ev(conformers) -> None:
    energies = conformers.energies / Hartree
    found = message(dataclasses.replace(conformers, energies=energies), "units")
    assert re.search(r"energies look about 2[5-9] times too small", found)


@pytest.mark.parametrize("energy", [-154.7 * Hartree / (kcal / mol), 1e6, -1e10])
def test_energies_that_cannot_be(conformers, energy: float) -> None:
    energies = conformers.energies.copy()
    energies[[4, 9]] = energy
    assert codes(dataclasses.replace(conformers, energies=energies))["absurd-energies"] == [4, 9]


@pytest.mark.parametrize(
    ("symbol", "energy"),
    [("H", -13.6), ("He", -79.0), ("C", -1037.0), ("Au", -535_650.0), ("U", -764e3)],
)
def test_all_electron_energies_can_be(symbol: str, energy: float) -> None:
    atom = labelled(Atoms(symbol), energy, np.zeros((1, 3)))
    assert "absurd-energies" not in codes(StructureSet.from_atoms([atom]))


def test_forces_in_two_units(crystals) -> None:
    forces = crystals.forces.copy()
    forces[20 * 32 :] /= Hartree / units.Bohr
    found = codes(dataclasses.replace(crystals, forces=forces))
    assert found["mixed-units"] == list(range(20, 30))


def test_two_sources_on_different_scales() -> None:
    one, other = (StructureSet.from_atoms(copper(20, seed), f"{seed}.xyz") for seed in (0, 1))
    assert "sources-apart" not in codes(StructureSet.concatenate([one, other]))
    moved = dataclasses.replace(other, energies=other.energies - 0.4 * other.n_atoms)
    found = message(StructureSet.concatenate([one, moved]), "sources-apart")
    assert re.search(r"0.xyz differ by \+0\.[34]\d+ eV/atom from those of 1.xyz", found)


def constrained(count: int = 12) -> list[Atoms]:
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(count):
        atoms = fcc111("Cu", (2, 2, 3), vacuum=6)
        atoms.positions += 0.08 * rng.normal(size=atoms.positions.shape)
        atoms.calc = EMT()
        forces = atoms.get_forces()
        forces[:4] = 0
        fixed = labelled(atoms, atoms.get_potential_energy(), forces)
        fixed.set_constraint(FixAtoms(range(4)))
        fixed.info = {}
        frames.append(fixed)
    return frames


@pytest.mark.parametrize("name", ["data.traj", "data.xyz", "data.db"])
def test_forces_that_a_constraint_made_zero_are_left_out(tmp_path: Path, name: str) -> None:
    from hub.evaluation.metrics import measure_errors
    from hub.potentials.batches import Predictions
    from hub.structures.graphs import build_graphs
    from hub.structures.neighbours import NeighbourLists

    frames = constrained()
    if name.endswith("xyz"):
        for atoms in frames:
            atoms.arrays["REF_forces"] = atoms.calc.results["forces"]
        write(tmp_path / name, frames, columns=["symbols", "positions", "move_mask", "REF_forces"])
    else:
        write(tmp_path / name, frames)
    structures = read_structures(tmp_path / name).structures
    assert structures.constrained[:12].tolist() == [True] * 4 + [False] * 8
    found = codes(structures)
    assert found["constrained-atoms"] == list(range(12))
    assert "net-force" not in found
    (graph, *_) = build_graphs(NeighbourLists(structures, 4.0), ["Cu"])
    assert np.isnan(graph.forces[:4].numpy()).all()
    assert np.isfinite(graph.forces[4:].numpy()).all()
    predicted = structures.forces + np.where(structures.forces == 0, 100.0, 0.1)
    predictions = Predictions(
        structures.energies, tuple(np.split(predicted, 12)), structures.stresses
    )
    errors = measure_errors(structures, predictions)
    assert errors.force_rmse == pytest.approx(0.1)


def test_true_forces_of_constrained_atoms_are_kept() -> None:
    frames = constrained(1)
    frames[0].calc.results["forces"][:4] = 0.3
    structures = StructureSet.from_atoms(frames)
    assert np.isfinite(structures.force_labels).all()
    assert structures.select([0]).constrained.sum() == 4
    assert StructureSet.concatenate([structures, structures]).constrained.sum() == 8


def test_charges_and_spins(crystals) -> None:
    frames = copper(12)
    for number, atoms in enumerate(frames):
        atoms.info |= {"charge": int(number < 3), "spin": 1}
    found = message(StructureSet.from_atoms(frames), "mixed-charge-or-spin")
    assert "9 with charge 0, spin 1" in found
    assert "3 with charge 1, spin 1" in found


def test_steps_that_did_not_converge() -> None:
    frames = copper(12)
    frames[7].info["scf_converged"] = False
    frames[3].info["converged"] = True
    assert codes(StructureSet.from_atoms(frames))["not-converged"] == [7]


@pytest.mark.parametrize("name", ["IsolatedAtom", "isolated_atom", "isolated atom", "Single-Atom"])
def test_an_isolated_atom_that_is_called_so(name: str) -> None:
    from hub.structures.reference_energies import fit_reference_energies

    atom = labelled(Atoms("Cu", cell=[7] * 3, pbc=True), -0.25, np.zeros((1, 3)))
    atom.info["config_type"] = name
    structures = StructureSet.from_atoms([*copper(12), atom])
    references = fit_reference_energies(structures)
    assert (references.energies["Cu"], references.method) == (-0.25, "isolated atoms")
    assert codes(structures) == {}


def test_relaxed_structures_say_nothing_about_units() -> None:
    """What a relaxation leaves of forces follows no law of distances."""
    rng = np.random.default_rng(4)
    frames = []
    for symbol, a in (("Cu", 3.6), ("Al", 4.05), ("Ag", 4.1), ("Ni", 3.5), ("Au", 4.08)) * 3:
        atoms = bulk(symbol, cubic=True, a=a * rng.uniform(0.99, 1.01)).repeat((2, 1, 1))
        forces = 0.005 * rng.normal(size=(8, 3))
        atoms.positions += 1e-3 * rng.normal(size=(8, 3))
        frames.append(labelled(atoms, -3.0 * 8, forces - forces.mean(axis=0)))
    assert "units" not in codes(StructureSet.from_atoms(frames))


def test_the_codes_that_can_be_allowed_are_those_of_errors() -> None:
    from hub.errors import DataError

    folder = Path(hub.structures.checks.__file__).parent
    source = "\n".join(path.read_text() for path in folder.glob("*.py"))
    written = re.findall(r'Finding\(\s*"error",\s+"([a-z-]+)"', source)
    assert {*written, "missing-energy", "missing-forces", "cell", "positions"} == set(ERROR_CODES)
    with pytest.raises(DataError, match="unknown error code: nonsense"):
        require_error_codes(["units", "nonsense"])


def test_energies_that_disagree_with_a_model_are_named() -> None:
    rng = np.random.default_rng(0)
    frames = [bulk("Cu", cubic=True, a=3.5 + 0.03 * number) for number in range(20)]
    structures = StructureSet.from_atoms(frames)
    truth = -3.0 + 0.5 * rng.normal(size=20)  # eV/atom
    rough = 4 * (truth + 1.7 + 0.05 * rng.normal(size=20))  # another zero, and some error
    labels = 4 * truth
    assert not compare_energies(dataclasses.replace(structures, energies=labels), rough)
    labels[[3, 11]] -= 4 * 4.2
    (found,) = compare_energies(dataclasses.replace(structures, energies=labels), rough)
    assert (found.code, found.severity, found.structures) == ("energy-mismatch", "warning", [3, 11])
    assert "by up to 4.2" in found.message
    labels[5:] = np.nan
    assert not compare_energies(dataclasses.replace(structures, energies=labels), rough)
