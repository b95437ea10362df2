"""Predictions, errors, tables, plots, on models with random weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from PIL import Image

from hub.errors import IncompatibleModelError
from hub.evaluation import (
    ALL,
    Errors,
    Predictions,
    align_energy_zero,
    energy_zeros_differ,
    error_table,
    errors_by_group,
    evaluate,
    measure_errors,
    parity_plot,
    write_predictions,
)
from hub.potentials import calculator, load_model
from hub.structures import StructureSet
from registry.errors import StorageError
from tests.hub.potentials.small import hydrocarbon


def labelled(count, energy=-100.0, types=("bulk", "surface"), *, stress=False) -> StructureSet:
    """Return structures with made-up labels."""
    rng = np.random.default_rng(0)
    structures = []
    for index in range(count):
        atoms = hydrocarbon(index)
        forces = rng.normal(size=(len(atoms), 3))
        atoms.info["config_type"] = types[index % len(types)]
        labels = {"stress": rng.normal(0, 0.1, 6)} if stress else {}
        atoms.calc = SinglePointCalculator(atoms, energy=energy + index, forces=forces, **labels)
        structures.append(atoms)
    return StructureSet.from_atoms(structures, "made-up.xyz")


def off_by(structures, energy_per_atom, force, stress=0.0) -> Predictions:
    """Return predictions with known errors."""
    forces = [structures.forces[structures.atoms_of(i)] + force for i in range(len(structures))]
    energies = structures.energies + energy_per_atom * structures.n_atoms
    return Predictions(energies, tuple(forces), np.nan_to_num(structures.stresses) + stress)


def test_evaluating_is_what_the_calculator_computes(random_directory):
    structures = labelled(55)  # more than are in memory at once
    steps = []
    predictions = evaluate(
        load_model(random_directory), structures, lambda *step: steps.append(step)
    )
    assert steps == [(50, 55), (55, 55)]
    assert predictions.energies.shape == (55,)
    ours = calculator(random_directory, device="cpu")
    for index in (0, 49, 50, 54):
        atoms = structures.to_atoms(index)
        atoms.calc = ours
        assert predictions.energies[index] == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        assert np.abs(predictions.forces[index] - atoms.get_forces()).max() < 1e-9
        stress = atoms.get_stress(voigt=False)
        np.testing.assert_allclose(predictions.stresses[index], stress, atol=1e-9)


def test_only_what_repeats_in_three_directions_has_a_stress(random_directory):
    slab, cluster = hydrocarbon(1), hydrocarbon(2)
    slab.pbc = [True, True, False]
    cluster.pbc, cluster.cell = False, None
    structures = StructureSet.from_atoms([hydrocarbon(0), slab, cluster])
    stresses = evaluate(load_model(random_directory), structures).stresses
    assert np.isfinite(stresses).all(axis=(1, 2)).tolist() == [True, False, False]
    assert np.isnan(stresses[1:]).all()


def test_an_unknown_element_is_found_before_anything_is_computed(random_directory):
    structures = StructureSet.from_atoms([hydrocarbon(), Atoms("CO"), Atoms("N")], "some.xyz")
    with pytest.raises(IncompatibleModelError, match=r"some\.xyz\[1\] \(CO\) contains N, O"):
        evaluate(load_model(random_directory), structures)


def test_errors_overall_and_by_configuration_type():
    structures = labelled(10)
    predictions = off_by(structures, 0.02, 0.5)
    forces = list(predictions.forces)
    forces[1] = forces[1] + 1.0  # the first of the surfaces
    predictions = replace(predictions, forces=tuple(forces))
    errors = errors_by_group(structures, predictions)
    assert list(errors) == [ALL, "bulk", "surface"]
    assert [each.n_structures for each in errors.values()] == [10, 5, 5]
    for each in errors.values():
        assert each.energy_rmse == pytest.approx(20.0)
        assert each.energy_mae == pytest.approx(20.0)
    assert errors["bulk"].force_rmse == pytest.approx(0.5)
    assert errors["surface"].force_mae == pytest.approx(0.5 * 4 / 5 + 1.5 / 5)
    assert errors["surface"].force_rmse == pytest.approx(np.sqrt((4 * 0.25 + 2.25) / 5))


def test_errors_of_stresses():
    structures = labelled(4, stress=True)
    structures.stresses[3] = np.nan
    shear = np.zeros((3, 3))
    shear[0, 1] = shear[1, 0] = 0.009  # eV/Å^3
    groups = errors_by_group(structures, off_by(structures, 0.0, 0.0, shear))
    gpa = 0.009 * 160.21766208
    assert groups[ALL].stress_rmse == pytest.approx(gpa * np.sqrt(2 / 9))
    assert groups["bulk"].stress_mae == pytest.approx(gpa * 2 / 9)
    header, rows = error_table({"": groups})
    assert header[-4:] == ["STRESS RMSE", "MAE (GPa)", "RMSE", "MAE (meV/Å^3)"]
    assert rows[0][-4:] == ["0.68", "0.32", "4.2", "2.0"]
    # Results of older releases have no stresses.
    older = {name: value for name, value in groups[ALL].to_dict().items() if "stress" not in name}
    header, rows = error_table({"": {ALL: Errors.from_dict(older)}})
    assert "STRESS RMSE" not in header
    assert len(rows[0]) == len(header)
    assert Errors.from_dict(older).to_dict() == older | {"stress_rmse": None, "stress_mae": None}


def test_missing_labels_are_left_out():
    structures = labelled(4)
    predictions = off_by(structures, 0.01, 0.1)
    structures.energies[:] = np.nan
    structures.forces[: 3 * 16] = np.nan
    errors = measure_errors(structures, predictions)
    assert np.isnan(errors.energy_rmse)
    assert errors.force_rmse == pytest.approx(0.1)
    header, rows = error_table({"": {ALL: errors}})
    assert dict(zip(header, rows[0], strict=True))["ENERGY RMSE"] == "-"


def test_the_table_puts_models_below_each_other():
    structures = labelled(4)
    series = {
        label: errors_by_group(structures, off_by(structures, error, error))
        for label, error in (("before", 0.5), ("after", 0.0123))
    }
    header, rows = error_table(series)
    assert [row[:3] for row in rows[:3]] == [
        [ALL, "4", "before"],
        [ALL, "4", "after"],
        ["bulk", "2", "before"],
    ]
    assert all(len(row) == len(header) for row in rows)
    assert rows[0][3:] == ["500.0", "500.0", "0.500", "0.500"]
    assert rows[1][3:] == ["12.3", "12.3", "0.012", "0.012"]
    header, rows = error_table({"": series["after"]})
    assert "MODEL" not in header
    assert len(rows) == 3


def test_another_zero_of_energy_is_noticed():
    structures = labelled(12)
    near = off_by(structures, 0.0, 0.1)
    near.energies[:] += np.random.default_rng(1).normal(0, 0.3, 12)
    shifts, shifted = align_energy_zero(structures, near)
    assert not energy_zeros_differ(structures, near, shifted)
    hydrogen = structures.composition[:, structures.elements.index("H")]
    far = replace(near, energies=near.energies - 30.0 * structures.n_atoms - 3.0 * hydrogen)
    shifts, shifted = align_energy_zero(structures, far)
    assert energy_zeros_differ(structures, far, shifted)
    # Every crystal has six hydrogens in sixteen atoms, so only the sum is determined.
    assert shifts.of(structures)[0] / 16 == pytest.approx(30 + 3 * 6 / 16, abs=0.05)
    assert measure_errors(structures, shifted).energy_rmse < 30
    few = structures.select([0, 1])
    two = far.select(np.arange(2))
    _, shifted = align_energy_zero(few, two)
    assert not energy_zeros_differ(few, two, shifted)


def test_the_predictions_file_has_labels_and_predictions(tmp_path):
    structures = labelled(3, stress=True)
    structures.energies[1] = np.nan
    structures.stresses[0] = np.nan
    structures.forces[16:32] = np.nan
    stresses = np.arange(27.0).reshape(3, 3, 3)
    stresses += stresses.swapaxes(1, 2)
    stresses[1] = np.nan
    predictions = Predictions(
        np.array([1.5, 2.5, 3.5]), tuple(np.ones((16, 3)) * i for i in range(3)), stresses
    )
    path = tmp_path / "new" / "predictions.extxyz"
    write_predictions(path, structures, predictions)
    first, second, third = read(path, ":")
    assert first.info["REF_energy"] == structures.energies[0]
    assert np.abs(first.arrays["REF_forces"] - structures.forces[:16]).max() < 1e-7
    assert [atoms.info["ML_energy"] for atoms in (first, second, third)] == [1.5, 2.5, 3.5]
    assert (third.arrays["ML_forces"] == 2).all()
    assert [each.info.get("ML_stress") is not None for each in (first, second, third)] == [1, 0, 1]
    np.testing.assert_allclose(first.info["ML_stress"], stresses[0].ravel())
    np.testing.assert_allclose(third.info["REF_stress"], structures.stresses[2].ravel())
    assert "REF_stress" not in first.info
    assert "REF_energy" not in second.info
    assert "REF_forces" not in second.arrays
    assert third.info["source"] == "made-up.xyz[2]"
    assert third.info["config_type"] == "bulk"
    assert np.abs(first.positions - structures.positions[:16]).max() < 1e-7
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_unwritable_place_is_said(tmp_path):
    structures = labelled(1)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_predictions(tmp_path / "file" / "x.extxyz", structures, off_by(structures, 0, 0))


@pytest.mark.parametrize("count", [1, 60])
def test_the_plot_has_a_row_for_each_model(tmp_path, count):
    structures = labelled(count)
    before, after = off_by(structures, 1.0, 1.0), off_by(structures, 0.01, 0.01)
    sizes = {}
    for name, series in {
        "one": {"": after},
        "two": {"before": before, "after": after},
    }.items():
        parity_plot(tmp_path / f"{name}.png", series, structures)
        with Image.open(tmp_path / f"{name}.png") as image:
            sizes[name] = image.size
            colours = image.convert("RGB").getcolors(1 << 20)
            assert len(colours) > 20
    assert sizes["two"][0] == sizes["one"][0]
    assert sizes["two"][1] == 2 * sizes["one"][1]
    stressed = labelled(count, stress=True)
    parity_plot(tmp_path / "stress.png", {"": off_by(stressed, 0.01, 0.01, 0.01)}, stressed)
    with Image.open(tmp_path / "stress.png") as image:
        assert image.size[0] == pytest.approx(1.5 * sizes["one"][0], abs=2)


def test_a_plot_without_labels_says_so(tmp_path):
    structures = labelled(2)
    predictions = off_by(structures, 0.0, 0.0)
    structures.energies[:] = np.nan
    structures.forces[:] = np.nan
    parity_plot(tmp_path / "plot.png", {"": predictions}, structures)
    with Image.open(tmp_path / "plot.png") as image:
        assert image.size[0] > image.size[1]
