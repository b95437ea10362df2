"""Stresses: how they are written, whose they are, and what they cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read as read_ase
from ase.io import write
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hub.datasets.importing import file_source, import_dataset
from hub.datasets.loading import load_dataset, read_files_or_dataset
from hub.errors import DataError
from hub.structures import StructureSet, read_structures
from hub.structures.checks import check_structures
from hub.structures.checks.stresses import compare_stresses
from hub.structures.stress_labels import StressReading
from hub.structures.stresses import (
    CONVENTIONS,
    EV_PER_A3_IN_GPA,
    are_bulk,
    as_tensor,
    from_voigt,
    stress_of_virial,
    to_voigt,
)
from hub.structures.writing import write_labelled

if TYPE_CHECKING:
    from pathlib import Path

COMPONENTS = arrays(np.float64, 6, elements=st.floats(-1e3, 1e3))


def crystals(count: int = 8) -> list[Atoms]:
    """Return strained and rattled copper, labelled by EMT."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell @ (np.eye(3) + rng.normal(0, 0.02, (3, 3))), scale_atoms=True)
        atoms.rattle(0.05, rng=rng)
        atoms.calc = EMT()
        results = {
            "energy": atoms.get_potential_energy(),
            "forces": atoms.get_forces(),
            "stress": atoms.get_stress(),
        }
        atoms.calc = SinglePointCalculator(atoms, **results)
        found.append(atoms)
    return found


def written(path: Path, frames: list[Atoms], name: str, scale: float, *, both: bool = False):
    """Write crystals with their stress under another name, unit or sign."""
    copies = []
    for atoms in frames:
        copy = atoms.copy()
        results = dict(atoms.calc.results)
        stress = from_voigt(results.pop("stress"))
        copy.calc = SinglePointCalculator(copy, **results)
        copy.info[name] = scale * stress
        if both:
            copy.info["virial"] = -stress * atoms.get_volume()
        copies.append(copy)
    write(path, copies, format="extxyz")
    return path


def expected(frames: list[Atoms]) -> np.ndarray:
    return from_voigt(np.array([atoms.calc.results["stress"] for atoms in frames]))


@given(COMPONENTS)
def test_all_ways_to_write_a_tensor_are_the_same(values: np.ndarray) -> None:
    tensor = from_voigt(values)
    np.testing.assert_array_equal(to_voigt(tensor), values)
    for given_as in (values, tensor, tensor.ravel(), tensor.tolist()):
        np.testing.assert_array_equal(as_tensor(given_as), tensor)


@pytest.mark.parametrize("value", ["text", [1, 2, 3], np.arange(9.0), np.eye(2), None, [[1], [2]]])
def test_what_is_no_symmetric_tensor_is_none(value) -> None:
    assert as_tensor(value) is None


def test_the_virial_is_minus_the_derivative_of_the_energy_by_strain() -> None:
    atoms = crystals(1)[0]
    strain = 1e-5
    virial = np.zeros((3, 3))
    for axis in range(3):
        energies = []
        for sign in (1, -1):
            copy = atoms.copy()
            stretch = np.eye(3)
            stretch[axis, axis] += sign * strain
            copy.set_cell(copy.cell @ stretch, scale_atoms=True)
            copy.calc = EMT()
            energies.append(copy.get_potential_energy())
        virial[axis, axis] = -(energies[0] - energies[1]) / (2 * strain)
    found = stress_of_virial(virial[None], atoms.cell.array[None])[0]
    np.testing.assert_allclose(np.diag(found), atoms.calc.results["stress"][:3], atol=1e-6)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_each_convention_is_understood(tmp_path, convention) -> None:
    frames = crystals()
    path = written(tmp_path / "a.xyz", frames, "stress", 1 / CONVENTIONS[convention])
    found = read_structures(path, stress=StressReading(convention=convention))
    assert found.stress_keys == ("stress",)
    np.testing.assert_allclose(found.structures.stresses, expected(frames), atol=1e-7)


def test_a_virial_stands_for_the_stress(tmp_path) -> None:
    frames = crystals()
    path = tmp_path / "a.xyz"
    written(path, frames, "unrelated", 1.0, both=True)
    found = read_structures(path)
    assert found.stress_keys == ("virial",)
    np.testing.assert_allclose(found.structures.stresses, expected(frames), atol=1e-7)
    flipped = read_structures(path, stress=StressReading(convention="compression"))
    np.testing.assert_allclose(flipped.structures.stresses, -expected(frames), atol=1e-7)


@pytest.mark.parametrize("convention", [name for name in CONVENTIONS if name != "ase"])
def test_a_stress_that_its_virial_contradicts_is_an_error_that_names_the_option(
    tmp_path, convention
) -> None:
    path = written(tmp_path / "a.xyz", crystals(), "stress", 1 / CONVENTIONS[convention], both=True)
    with pytest.raises(
        DataError, match=f"according to the virial, stress has the .* {convention}"
    ) as caught:
        read_structures(path)
    assert f"--stress-convention {convention}" in caught.value.hint
    odd = written(tmp_path / "b.xyz", crystals(), "stress", 7.0, both=True)
    with pytest.raises(DataError, match="contradict each other") as caught:
        read_structures(odd)
    assert "--stress-key none" in caught.value.hint
    assert read_structures(odd, stress=StressReading("none")).stress_keys == ()
    named = read_structures(odd, stress=StressReading("virial"))
    np.testing.assert_allclose(named.structures.stresses, expected(crystals()), atol=1e-7)


def test_a_key_that_is_not_there_is_named(tmp_path) -> None:
    path = written(tmp_path / "a.xyz", crystals(), "stress", 1.0)
    with pytest.raises(DataError, match="no structure has a stress under the key 'sigma'"):
        read_structures(path, stress=StressReading("sigma"))


def test_structures_with_vacuum_or_without_a_cell_have_none(tmp_path) -> None:
    slab = fcc111("Cu", (2, 2, 3), vacuum=8.0)
    slab.pbc = True
    dimer = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.4]], cell=[20] * 3, pbc=True)
    open_crystal = bulk("Cu", cubic=True)
    open_crystal.pbc = False
    frames = [*crystals(2), slab, dimer, open_crystal]
    for atoms in frames[2:]:
        forces = np.full((len(atoms), 3), 0.1)
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=forces, stress=np.ones(6))
    write(tmp_path / "a.xyz", frames, format="extxyz")
    found = read_structures(tmp_path / "a.xyz")
    has_stress = np.isfinite(found.structures.stresses).all(axis=(1, 2))
    assert has_stress.tolist() == [True, True, False, False, False]
    assert "stresses of 3 structures are ignored: vacuum, no cell, or all zeros" in found.notes


def test_a_molecule_in_a_crowded_cell_is_bulk_and_one_in_a_skewed_cell_is_measured() -> None:
    water = molecule("H2O", cell=[6] * 3, pbc=True)
    skewed = bulk("Cu", cubic=True)
    skewed.set_cell(skewed.cell @ np.array([[1, 0, 0], [4, 1, 0], [0, 3, 1]]))
    emptied = molecule("H2O", cell=[12] * 3, pbc=True)
    found = StructureSet.from_atoms([water, emptied, skewed])
    bulky = are_bulk(found.positions, found.cells, found.pbc, found.pointers)
    assert bulky.tolist() == [True, False, True]


def test_stresses_that_are_all_zero_are_no_labels(tmp_path) -> None:
    path = written(tmp_path / "a.xyz", crystals(), "stress", 0.0)
    found = read_structures(path)
    assert np.isnan(found.structures.stresses).all()
    assert "stress is zero everywhere: not used as a label" in found.notes


def test_stresses_in_kilobar_are_an_error_of_their_own(tmp_path) -> None:
    frames = crystals()
    for atoms in frames:
        atoms.calc.results["stress"] = atoms.calc.results["stress"] * EV_PER_A3_IN_GPA * 10 + 100
    findings = check_structures(StructureSet.from_atoms(frames))
    (found,) = [each for each in findings if each.code == "stress-unit"]
    assert found.severity == "error"
    assert "--stress-convention" in found.advice


def test_a_model_finds_the_sign_and_the_unit() -> None:
    structures = StructureSet.from_atoms(crystals(12))
    rng = np.random.default_rng(1)
    rough = structures.stresses * (1 + rng.normal(0, 0.2, (12, 1, 1)))
    assert compare_stresses(structures, rough) == []
    assert [each.code for each in compare_stresses(structures, -rough)] == ["stress-sign"]
    for factor in (160.0, 1 / 160.0):
        assert [each.code for each in compare_stresses(structures, factor * rough)] == [
            "stress-unit"
        ]
    unrelated = np.abs(rng.normal(size=rough.shape)) * rough.std()
    assert compare_stresses(structures, unrelated) == []
    assert compare_stresses(structures, np.full_like(rough, np.nan)) == []


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_an_imported_dataset_has_the_stresses_of_its_files(tmp_path, convention) -> None:
    path = written(tmp_path / "a.xyz", crystals(), "stress", 1 / CONVENTIONS[convention])
    reading = StressReading(convention=convention)
    import_dataset(file_source(path, stress=reading), "copper")
    loaded = load_dataset("copper")
    direct = read_structures(path, stress=reading).structures
    np.testing.assert_allclose(loaded.stresses, direct.stresses, atol=1e-12)
    import_dataset(file_source(path, stress=StressReading("none")), "without")
    assert np.isnan(load_dataset("without").stresses).all()


@pytest.mark.parametrize(("unit", "factor"), [("GPa", EV_PER_A3_IN_GPA), ("kbar", 1602.1766208)])
def test_a_declared_unit_is_honoured(tmp_path, unit, factor) -> None:
    frames = crystals()
    write_with(tmp_path / "a.xyz", frames, factor, {"stress-unit": unit})
    found = read_structures(tmp_path / "a.xyz")
    np.testing.assert_allclose(found.structures.stresses, expected(frames), atol=1e-7)
    assert any(f"stress-unit is {unit}" in note for note in found.notes)
    write_with(tmp_path / "b.xyz", frames, factor, {"stress-unit": "psi"})
    with pytest.raises(DataError, match="declares the unit 'psi'"):
        read_structures(tmp_path / "b.xyz")


def write_with(path: Path, frames: list[Atoms], scale: float, info: dict[str, str]) -> None:
    copies = read_ase(written(path, frames, "stress", scale), ":")
    for atoms in copies:
        atoms.info |= info
    write(path, copies, format="extxyz")


def test_a_declared_convention_goes_before_that_which_is_asked_for(tmp_path) -> None:
    frames = crystals()
    structures = StructureSet.from_atoms(frames)
    write_labelled(tmp_path / "test.xyz", structures)
    for convention in CONVENTIONS:
        found = read_structures(tmp_path / "test.xyz", stress=StressReading(convention=convention))
        np.testing.assert_allclose(found.structures.stresses, expected(frames), atol=1e-7)
    write_labelled(tmp_path / "named.xyz", structures, stress_key="sigma")
    found = read_structures(tmp_path / "named.xyz", stress=StressReading("sigma", "gpa"))
    np.testing.assert_allclose(found.structures.stresses, expected(frames), atol=1e-7)


def test_several_entries_that_differ_are_an_error(tmp_path) -> None:
    path = written(tmp_path / "a.xyz", crystals(), "stress", 1.0)
    copies = read_ase(path, ":")
    for atoms in copies:
        atoms.info["total_stress"] = 2 * from_voigt(atoms.calc.results["stress"])
    write(path, copies, format="extxyz")
    with pytest.raises(DataError, match="several entries could be the stress") as caught:
        read_structures(path)
    assert "--stress-key" in caught.value.hint


def test_a_dataset_says_itself_what_its_stresses_are(tmp_path) -> None:
    import_dataset(file_source(written(tmp_path / "a.xyz", crystals(), "stress", 1.0)), "copper")
    assert read_files_or_dataset(["copper"]).structures.has_stress.all()
    for asked in (StressReading("none"), StressReading(convention="gpa")):
        with pytest.raises(DataError, match="copper is a dataset, whose stresses") as caught:
            read_files_or_dataset(["copper"], stress=asked)
        assert "--stress-weight 0" in caught.value.hint
