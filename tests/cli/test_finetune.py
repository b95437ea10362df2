"""``hub finetune`` as a person types it, on crystals small enough to train in a second."""

from __future__ import annotations

import csv
import json
import statistics
from dataclasses import asdict

import numpy as np
import pytest
from ase.io import read

import hub as library
from hub.evaluation import Errors, evaluate, measure_errors
from hub.potentials.loading import load_model
from hub.structures import read_structures
from hub.structures.fingerprints import fingerprints
from tests.hub.training.conftest import argon, write_data


def test_the_plan_is_on_stderr_and_the_table_on_stdout(finetune, crystals) -> None:
    done = finetune("--data", crystals, "--out", "run")
    assert done.code == 0
    header, row = done.out.splitlines()
    assert header.split()[:4] == ["STRUCTURES", "NUMBER", "MODEL", "ENERGY"]
    assert row.startswith("all structures  1       trained from scratch")
    told = [line.partition(":") for line in done.err.splitlines()]
    plan = {name: text.strip() for name, _, text in told if text.startswith("  ")}
    assert plan["model"].startswith("random weights (Ar, cutoff 4 Å")
    assert plan["data"] == f"8 structures of 4 atoms (Ar) in {crystals}"
    assert plan["labels"] == "energy (eV), forces (eV/Å)"
    assert plan["reference energy"].startswith("Ar -0.")
    assert plan["recipe"].startswith("default-from-scratch: Adam 0.01 (cosine)")
    assert plan["steps"].startswith("2 per epoch, at most 2 epochs")
    assert plan["device"].startswith("cpu")
    assert plan["run folder"] == "run"
    assert "errors on the validation set (1 structure):" in done.err
    assert "note:              there is no test set" in done.err
    assert "model: run/model; plots: run/parity.png" in done.err


def test_the_run_folder(trained, crystals) -> None:
    names = {path.name for path in trained.iterdir()} - {".lock", ".mlip-hub"}
    assert names == {
        "inputs.json", "metrics.csv", "model", "parity.png", "recipe.json", "results.json",
        "run.json", "test-predictions.extxyz", "training-state.pt",
    }  # fmt: skip
    with (trained / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert (trained / "parity.png").read_bytes().startswith(b"\x89PNG")
    model = trained / "model"
    assert {path.name for path in model.iterdir()} == {
        "README.md", "config.json", "probe.json", "weights.safetensors",
    }  # fmt: skip
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in model.iterdir())
    card = (model / "README.md").read_text()
    assert "A model trained from scratch on 7 structures of argon.xyz" in card
    results = json.loads((trained / "results.json").read_text())
    training = results["training"]
    assert training["parent"] is None
    assert training["data"]["sha256"] == read_structures(crystals).structures.digest()
    assert (training["epochs"], training["seed"], training["recipe"]["max_epochs"]) == (2, 0, 2)
    assert training["seconds"] > 0
    assert set(training["versions"]) >= {"python", "mlip-hub", "torch", "nequip"}


def test_the_errors_are_those_of_the_written_model(trained) -> None:
    results = json.loads((trained / "results.json").read_text())
    predictions = read_structures(
        trained / "test-predictions.extxyz", energy_key="REF_energy", forces_key="REF_forces"
    ).structures
    predicted = evaluate(load_model(trained, dtype="float32"), predictions)
    errors = measure_errors(predictions, predicted)
    reported = results["errors"]["after"]["all structures"]
    reported = asdict(Errors.from_dict(reported))
    assert asdict(errors) == pytest.approx(reported, rel=1e-4, nan_ok=True)
    frames = read(trained / "test-predictions.extxyz", ":")
    written = np.array([atoms.info["ML_energy"] for atoms in frames])
    np.testing.assert_allclose(written, predicted.energies, rtol=1e-5)


def test_json_is_all_there_is_on_stdout(finetune, crystals) -> None:
    done = finetune("--data", crystals, "--out", "run", "--json")
    assert done.code == 0
    assert done.json["folder"] == "run"
    assert done.json["errors"]["before"] is None
    assert done.json["errors"]["set"] == "validation"


def test_quiet_prints_the_result_alone(hub, crystals) -> None:
    done = hub(
        "-q", "finetune", "--from-scratch", "--epochs", 1, "--data", crystals, "--out", "run"
    )
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 2


def test_folders_are_numbered(finetune, crystals, tmp_path) -> None:
    for expected in ("argon", "argon-2"):
        done = finetune("--data", crystals, "--json")
        assert done.json["folder"] == f"runs/{expected}"
        assert (tmp_path / "runs" / expected / "results.json").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing option '--data'"),
        (("--data", "a.xyz", "--recipe", "best"), "'best' is not one of 'default', 'paper'"),
        (("--data", "a.xyz", "--epochs", "0"), "0 is not in the range x>=1"),
        (("--data", "a.xyz", "--seed", "-1"), "-1 is not in the range"),
        (("--data", "a.xyz", "--learning-rate", "0"), "0.0 is not in the range 0<x<=100"),
        (("--data", "a.xyz", "--n-train", "many"), "'many' is not a valid integer"),
        (("--resume", "run"), "--resume is now a flag: write --out run --resume"),
        (("--resume=run", "--json"), "--resume is now a flag: write --out run --resume"),
    ],
)
def test_wrong_usage(hub, arguments, says) -> None:
    done = hub("finetune", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_a_missing_file_is_named_and_leaves_no_folder(finetune, tmp_path) -> None:
    done = finetune("--data", "nowhere.xyz", "--out", "run")
    assert done.code == 1
    assert "nowhere.xyz" in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_too_few_structures(finetune, crystals, tmp_path) -> None:
    done = finetune("--data", crystals, "--n-train", 30, "--out", "run")
    assert done.code == 1
    assert "30 training structures requested, but 8 are available" in done.err
    assert "--n-train" in done.err
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_empty(finetune, crystals, tmp_path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    done = finetune("--data", crystals, "--out", "run")
    assert done.code == 1
    assert "error: run is not empty" in done.err
    assert "--resume" in done.err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]
    done = finetune("--data", crystals, "--out", "run/notes.txt")
    assert done.code == 1
    assert "cannot make a run folder" in done.err


def test_an_unknown_device(finetune, crystals, tmp_path) -> None:
    for device in ("gpu9", "cuda:99"):
        done = finetune("--data", crystals, "--device", device, "--out", "run")
        assert done.code == 6
        assert f"the device '{device}' is not available" in done.err
        assert not (tmp_path / "run").exists()


def test_an_unknown_model(hub, crystals) -> None:
    done = hub("finetune", "--data", crystals, "--model", "c-ace-pretraind")
    assert done.code == 3
    assert "c-ace-pretrained" in done.err


def test_offline_and_not_cached(hub, crystals, monkeypatch) -> None:
    monkeypatch.setenv("HUB_OFFLINE", "1")
    done = hub("finetune", "--data", crystals)
    assert done.code == 5
    assert "hint: " in done.err


def test_absurd_labels_stop_with_a_way_out(finetune, tmp_path) -> None:
    frames = argon(8)
    frames[2].calc.results["energy"] = 1e30
    data = write_data(tmp_path / "absurd.xyz", frames)
    done = finetune("--data", data, "--out", "run")
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "hint: " in done.err


def test_several_seeds(finetune, many_crystals, tmp_path) -> None:
    arguments = ("--data", many_crystals, "--n-train", 6, "--seeds", 2, "--seed", 3)
    done = finetune(*arguments, "--out", "run", "--json")
    assert done.code == 0
    run = tmp_path / "run"
    singles = {
        seed: json.loads((run / f"seed-{seed}" / "results.json").read_text()) for seed in (3, 4)
    }
    summary = done.json["seeds"]
    assert summary["seeds"] == [3, 4]
    for name in ("energy_rmse", "force_rmse"):
        values = [single["errors"]["after"]["all structures"][name] for single in singles.values()]
        assert summary[f"after_{name}"] == {
            "mean": pytest.approx(statistics.mean(values)),
            "std": pytest.approx(statistics.stdev(values)),
        }
    best = min(singles, key=lambda seed: singles[seed]["validation"]["force_rmse"])
    assert summary["best"] == best
    for name in ("model/weights.safetensors", "test-predictions.extxyz", "parity.png"):
        assert (run / name).read_bytes() == (run / f"seed-{best}" / name).read_bytes()
    tests = [
        read_structures(
            run / f"seed-{seed}" / "test-predictions.extxyz", "REF_energy", "REF_forces"
        ).structures
        for seed in (3, 4)
    ]
    # Half of the 12 that the first seed leaves over; the others are there for the second to draw.
    assert len(tests[0]) == 6
    assert fingerprints(tests[0]) == fingerprints(tests[1])
    inputs = [json.loads((run / f"seed-{seed}" / "inputs.json").read_text()) for seed in (3, 4)]
    assert inputs[0]["test data"] == inputs[1]["test data"]
    assert inputs[0]["training data"] != inputs[1]["training data"]


def test_the_table_of_several_seeds(finetune, crystals) -> None:
    done = finetune("--data", crystals, "--seeds", 2, "--out", "run")
    assert done.code == 0
    assert "over seeds 0, 1 (best by validation: " in done.out
    assert "meV/atom, " in done.out.splitlines()[-1]
    assert "errors on the validation set (1 structure, seed " in done.err
    # What holds for all seeds is said once.
    assert done.err.count("\ndevice:") == 1
    assert done.err.count("for training and 1 for validation") == 2


def test_as_a_function(trained, crystals, from_scratch, tmp_path) -> None:
    architecture = from_scratch[1].partition("=")[2]
    folder, results = library.finetune(
        crystals, model=architecture, out=tmp_path / "run", from_scratch=True, epochs=2
    )
    assert folder == tmp_path / "run"
    expected = json.loads((trained / "results.json").read_text())
    assert results["errors"] == expected["errors"]
