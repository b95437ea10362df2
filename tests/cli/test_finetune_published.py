"""Fine-tuning a published checkpoint on real DFT data, where both are here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from safetensors.torch import load_file, save_file

from hub import load_model
from hub.evaluation import evaluate, measure_errors
from hub.pulling import pull
from hub.structures import read_structures
from tests.hub.training.conftest import alloy, write_data

MODEL = "c-ace-pretrained"


@pytest.fixture
def carbon(shared, tmp_path) -> tuple[Path, Path]:
    """Return files of 35 and of 10 amorphous structures."""
    files = []
    for name, count in (("train", 35), ("test", 10)):
        frames = read(shared / "data" / f"carbon-dft-amorphous-{name}.extxyz", f":{count}")
        for atoms in frames:
            atoms.calc = None
        files.append(write_data(tmp_path / f"{name}.extxyz", frames))
    return files[0], files[1]


@pytest.mark.slow
def test_eight_structures(published, carbon, hub) -> None:
    data, test = carbon
    arguments = ("--data", data, "--n-train", 8, "--test", test, "--epochs", 3, "--out", "run")
    done = hub("finetune", *arguments, "--json")
    assert done.code == 0
    assert f"builtin/{MODEL}@1.0.0 sha256:" in done.err
    assert "stored predictions reproduced" in done.err
    errors, training = done.json["errors"], done.json["training"]
    assert training["parent"]["name"] == MODEL
    assert training["parent"]["digest"][:12] in done.err
    before, after = (errors[name]["all structures"] for name in ("before", "after"))
    assert all(np.isfinite(row["force_rmse"]) for row in (before, after))
    structures = read_structures(test).structures
    raw = evaluate(load_model(MODEL, dtype="float32"), structures)
    shift = training["energy_shift_eV_per_atom"]["C"]
    expected = measure_errors(
        structures, replace(raw, energies=raw.energies + shift * structures.n_atoms)
    )
    assert expected.energy_rmse == pytest.approx(before["energy_rmse"], rel=1e-3)
    assert expected.force_rmse == pytest.approx(before["force_rmse"], rel=1e-3)
    # The shift is of the training structures and fits the test structures too.
    assert before["energy_rmse"] < 200
    assert after["energy_rmse"] < before["energy_rmse"]
    assert after["force_rmse"] < 1.5 * before["force_rmse"]
    config = json.loads(Path("run/model/config.json").read_text())
    assert config["avg_num_neighbors"] == load_model(MODEL).config.avg_num_neighbors


def test_one_altered_weight_is_not_started_from(published, carbon, hub, tmp_path) -> None:
    """Float32, in which training computes, would not show so small a change."""
    model = pull(MODEL, to=tmp_path / "altered")
    path = model / "weights.safetensors"
    weights = load_file(path)
    largest = weights["layer2_convnet.conv.linear_2.weight"].abs().argmax()
    weights["layer2_convnet.conv.linear_2.weight"][largest] *= 1.05
    path.unlink()
    save_file(weights, path)
    done = hub("finetune", "--data", carbon[0], "--model", model, "--out", "run")
    assert done.code == 4
    assert "altered does not reproduce its stored predictions: off by 6" in done.err
    assert not (tmp_path / "run").exists()


def test_another_element_is_refused(published, hub, tmp_path) -> None:
    data = write_data(tmp_path / "alloy.xyz", alloy(8))
    done = hub("finetune", "--data", data)
    assert done.code == 1
    assert "unknown-elements: the model covers C but not Au, Cu" in done.err
    assert "hint: " in done.err
    assert [path.name for path in tmp_path.iterdir() if path.name != "runs"] == ["alloy.xyz"]


@pytest.mark.slow
def test_pre_training_pays(published, carbon, hub) -> None:
    """25 structures, equally many epochs: the fine-tuned model is clearly the better one."""
    data, test = carbon
    rows = {}
    for name, options in (("fine-tuned", ()), ("from scratch", ("--from-scratch",))):
        arguments = ("--data", data, "--n-train", 25, "--test", test, "--epochs", 5, "--json")
        done = hub("finetune", *arguments, *options)
        assert done.code == 0
        rows[name] = done.json["errors"]["after"]["all structures"]
    assert rows["fine-tuned"]["energy_rmse"] < 0.7 * rows["from scratch"]["energy_rmse"]
    assert rows["fine-tuned"]["force_rmse"] < 0.8 * rows["from scratch"]["force_rmse"]
