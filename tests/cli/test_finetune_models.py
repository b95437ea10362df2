"""``hub finetune --model``: from another model of one's own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hub.evaluation import evaluate, measure_errors
from hub.potentials.loading import load_model
from hub.structures import read_structures
from tests.hub.training.conftest import alloy, argon, write_data


def test_from_scratch_with_the_architecture_of_a_model(hub, trained, crystals, tmp_path) -> None:
    config = json.loads((trained / "model" / "config.json").read_text())
    config |= {"num_layers": 2, "num_features": 8, "r_max": 3.5}
    model = tmp_path / "small"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(config))
    arguments = ("--from-scratch", "--epochs", 1, "--data", crystals, "--out", "run")
    done = hub("finetune", "--model", model, *arguments)
    assert done.code == 0
    found = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert (found["num_layers"], found["num_features"], found["r_max"]) == (2, 8, 3.5)
    # It belongs to the weights, which are new.
    assert found["avg_num_neighbors"] != config["avg_num_neighbors"]


def test_a_fine_tuned_run_can_be_fine_tuned(hub, trained, crystals, tmp_path) -> None:
    done = hub(
        "finetune", "--model", trained, "--data", crystals, "--epochs", 1, "--out", "run", "--json"
    )
    assert done.code == 0
    assert "stored predictions reproduced" in done.err
    structures = read_structures(
        tmp_path / "run" / "test-predictions.extxyz", "REF_energy", "REF_forces"
    ).structures
    before = done.json["errors"]["before"]["all structures"]
    predicted = evaluate(load_model(trained, dtype="float32"), structures)
    errors = measure_errors(structures, predicted)
    assert before["force_rmse"] == pytest.approx(errors.force_rmse, rel=1e-4)


def test_elements_that_the_model_does_not_know(hub, trained, tmp_path) -> None:
    data = write_data(tmp_path / "alloy.xyz", alloy(8))
    done = hub("finetune", "--model", trained, "--data", data)
    assert done.code == 1
    assert "unknown-elements: the model covers Ar but not Au, Cu" in done.err
    assert "alloy.xyz" in done.err


def test_before_is_the_parent_with_the_shift_of_the_training_data(hub, trained, tmp_path) -> None:
    """Energies from another zero: the shift is found on the training set and used for the test."""
    frames = argon(10, seed=7)
    for atoms in frames:
        atoms.calc.results["energy"] -= 1000.0 * len(atoms)
    data = write_data(tmp_path / "data.xyz", frames[:6])
    test = write_data(tmp_path / "test.xyz", frames[6:])
    arguments = ("--data", data, "--test", test, "--epochs", 1, "--json")
    done = hub("finetune", "--model", trained, *arguments)
    assert done.code == 0
    structures = read_structures(test).structures
    raw = evaluate(load_model(trained, dtype="float32"), structures)
    shift = done.json["training"]["energy_shift_eV_per_atom"]["Ar"]
    assert shift == pytest.approx(-1000, abs=0.1)
    errors = measure_errors(
        structures, replace(raw, energies=raw.energies + shift * structures.n_atoms)
    )
    before = done.json["errors"]["before"]["all structures"]
    assert errors.energy_rmse == pytest.approx(before["energy_rmse"], rel=1e-3)
    assert errors.force_rmse == pytest.approx(before["force_rmse"], rel=1e-3)
    assert before["energy_rmse"] < 1000
