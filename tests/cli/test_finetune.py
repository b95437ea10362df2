"""``hub finetune`` as a person types it, on crystals small enough to train in a second."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read

import hub as library
from hub.evaluation import Errors, evaluate, measure_errors
from hub.potentials.loading import load_model
from hub.structures import read_structures
from hub.structures.fingerprints import fingerprints
from tests.hub.training.conftest import alloy, argon, labelled, write_data

if TYPE_CHECKING:
    from pathlib import Path


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
    assert plan["steps"].startswith("2 an epoch, at most 2 epochs")
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
        (("--resume", "run"), "--resume is a flag now: write --out run --resume"),
        (("--resume=run", "--json"), "--resume is a flag now: write --out run --resume"),
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
    assert "30 training structures are asked for, but 8 are available" in done.err
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
    assert "no run folder can be made" in done.err


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


def test_a_test_file_is_never_trained_on(finetune, crystals, tmp_path) -> None:
    held_out = read(crystals, "2:5")
    test = write_data(tmp_path / "held-out.xyz", [*held_out, *argon(3, seed=9)])
    done = finetune("--data", crystals, "--test", test, "--out", "run", "--json")
    assert done.code == 0
    assert "3 structures are also in the test set and not trained on" in done.err
    assert f"6 structures of 4 atoms (Ar) in {test}" in done.err
    errors, data = done.json["errors"], done.json["training"]["data"]
    assert (errors["set"], errors["n_structures"]) == ("test", 6)
    assert (data["n_train"], data["n_validation"]) == (4, 1)
    frames = read(tmp_path / "run" / "test-predictions.extxyz", ":")
    for predicted, given in zip(frames, read(test, ":"), strict=True):
        np.testing.assert_allclose(predicted.positions, given.positions, atol=1e-7)


def test_configuration_types_have_rows(finetune, crystals, tmp_path) -> None:
    frames = argon(5, seed=2)
    for index, atoms in enumerate(frames):
        atoms.info["config_type"] = "melt" if index % 2 else "crystal"
    test = write_data(tmp_path / "test.xyz", frames)
    done = finetune("--data", crystals, "--test", test)
    assert [line.split()[:2] for line in done.out.splitlines()[1:]] == [
        ["all", "structures"],
        ["crystal", "3"],
        ["melt", "2"],
    ]


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


def test_two_elements_from_scratch(finetune, tmp_path) -> None:
    data = write_data(tmp_path / "alloy.xyz", alloy(9))
    done = finetune("--data", data, "--n-train", 6, "--out", "run")
    assert done.code == 0
    assert "random weights (Au, Cu, cutoff 4 Å" in done.err
    config = load_model("run").config
    assert config.type_names == ("Au", "Cu")
    assert config.energy_reference == "that of the training data (alloy.xyz)"


def test_as_a_function(trained, crystals, tmp_path) -> None:
    folder, results = library.finetune(crystals, out=tmp_path / "run", from_scratch=True, epochs=2)
    assert folder == tmp_path / "run"
    expected = json.loads((trained / "results.json").read_text())
    assert results["errors"] == expected["errors"]


def test_single_atoms_and_molecules(finetune, tmp_path) -> None:
    few = [Atoms("Ar", pbc=False), Atoms("Ar2", [[0, 0, 0], [0, 0, 3.8]])]
    few = [labelled(atoms, LennardJones(sigma=3.4, epsilon=0.0104)) for atoms in few]
    data = write_data(tmp_path / "mixed.xyz", [*argon(8), *few])
    done = finetune("--data", data)
    assert done.code == 0
    assert "1 isolated atoms are added to the training set" in done.err
    assert "of 1 to 4 atoms" in done.err


def test_a_label_set_of_a_dataset_trains_as_its_file_does(
    hub, finetune, crystals, tmp_path
) -> None:
    assert (
        hub("import", crystals, "--name", "argon", "--labels", "emt", "--license", "MIT").code == 0
    )
    from_file = finetune("--data", crystals, "--out", "file", "--json").json
    done = finetune("--data", "argon@1", "--labels", "emt", "--out", "dataset", "--json")
    assert done.code == 0, done.err
    assert done.json["training"]["data"]["sha256"] == from_file["training"]["data"]["sha256"]
    assert done.json["errors"] == from_file["errors"]
    assert "labels/emt" in done.err
    wrong = finetune("--data", "argon@1", "--labels", "ace", "--out", "none")
    assert wrong.code != 0
    assert "emt" in wrong.err
    two = finetune("--data", "argon@1", "--data", "argon@1", "--labels", "emt", "--out", "none")
    assert "a dataset is trained on alone" in two.err


def test_a_dataset_with_one_label_set_needs_no_labels(hub, finetune, crystals, tmp_path) -> None:
    assert hub("import", crystals, "--name", "argon", "--license", "MIT").code == 0
    for data in ("argon@1", "argon"):
        done = finetune("--data", data, "--epochs", 1, "--json")
        assert done.code == 0, done.err
        assert done.json["training"]["data"]["forces_key"] == "labels/reference/forces"
    unknown = finetune("--data", "argon@2", "--out", "none")
    assert (unknown.code, "local has 1.0.0" in unknown.err) == (3, True)
    missing = finetune("--data", "aragon", "--out", "none")
    assert (missing.code, "there is no file aragon" in missing.err) == (1, True)


def doubled(path: Path, frames: list[Atoms]) -> Path:
    """Write structures, and the first three again with another energy."""
    again = [frame.copy() for frame in frames[:3]]
    for frame, original in zip(again, frames, strict=False):
        energy, forces = original.get_potential_energy() + 1, original.get_forces()
        frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces)
    return write_data(path, [*frames, *again])


def test_what_is_allowed_is_written_down(finetune, tmp_path) -> None:
    data = doubled(tmp_path / "data.xyz", argon(12))
    done = finetune("--data", data)
    assert done.code == 1
    assert "contradicting-duplicates" in done.err
    assert "--allow contradicting-duplicates" in done.err
    done = finetune("--data", data, "--allow", "contradicting-duplicates", "--out", "run")
    assert done.code == 0
    assert "allowed:           contradicting-duplicates: 3 structures" in done.err
    assert "note:              3 structures are the same as others before them" in done.err
    run = tmp_path / "run"
    assert json.loads((run / "run.json").read_text())["allow"] == ["contradicting-duplicates"]
    training = json.loads((run / "results.json").read_text())["training"]
    assert training["data"]["allowed_findings"][0].startswith("contradicting-duplicates: ")
    card = (run / "model" / "README.md").read_text()
    assert "The data have a finding that was allowed: contradicting-duplicates" in card
    done = finetune("--data", data, "--allow", "anything")
    assert done.code == 1
    assert "no finding that stops training is called anything" in done.err


def test_a_run_of_a_release_without_allow_is_opened(hub, trained, tmp_path) -> None:
    run = tmp_path / "old"
    shutil.copytree(trained, run)
    job = json.loads((run / "run.json").read_text())
    del job["allow"]
    (run / "run.json").write_text(json.dumps(job))
    assert hub("finetune", "--out", run, "--resume").code == 0
    del job["seed"]
    (run / "run.json").write_text(json.dumps(job))
    assert "run.json is corrupted" in hub("finetune", "--out", run, "--resume").err


def test_a_wrapped_test_file_is_never_trained_on(finetune, tmp_path) -> None:
    frames = argon(16)
    data = write_data(tmp_path / "data.xyz", frames)
    for frame in frames[:4]:
        frame.positions += 1.7
        frame.wrap()
    test = write_data(tmp_path / "test.xyz", frames[:4])
    done = finetune("--data", data, "--test", test, "--out", "run")
    assert done.code == 0
    assert "4 structures are also in the test set and not trained on" in done.err
    data = json.loads((tmp_path / "run" / "results.json").read_text())["training"]["data"]
    assert data["n_train"] + data["n_validation"] == 12


def test_forces_that_a_constraint_made_zero_are_not_trained_on(finetune, tmp_path) -> None:
    frames = argon(12)
    for frame in frames:
        frame.arrays["move_mask"] = np.array([False, True, True, True])
        frame.arrays["REF_forces"] = frame.calc.results.pop("forces")
        frame.arrays["REF_forces"][0] = 0
        frame.info["REF_energy"] = frame.calc.results.pop("energy")
        frame.calc = None
    done = finetune("--data", write_data(tmp_path / "data.xyz", frames), "--out", "run")
    assert done.code == 0
    assert "constrained-atoms: 12 atoms in 12 structures were held fixed" in done.err
