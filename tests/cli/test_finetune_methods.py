"""Methods of fine-tuning, rules when to stop, committees and forgetting, as a person types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.io import read, write

import hub as library
from hub.potentials.batches import predict
from hub.potentials.building import build_potential
from hub.potentials.committee.potential import join
from hub.potentials.directory import write_model
from hub.potentials.loading import load_model
from hub.structures import StructureSet
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.training.data import read_data
from hub.training.folds import leave_out
from hub.training.job import Job
from hub.training.reporter import Reporter
from tests.hub.training.conftest import alloy, argon, labelled, write_data


@pytest.fixture(scope="session")
def general(tmp_path_factory):
    """Crystals that are rattled more strongly."""
    frames = argon(6, seed=9)
    return write_data(tmp_path_factory.mktemp("general") / "general.xyz", frames)


@pytest.fixture
def tune(hub, trained):
    """Return a function that fine-tunes a finished run for two epochs."""

    def run(*arguments: object, code: int = 0):
        done = hub("finetune", "--model", trained, "--epochs", 2, *arguments)
        assert done.code == code, done.err
        assert "Traceback" not in done.err
        return done

    return run


@pytest.mark.parametrize("method", ["readout", "freeze:interaction-0", "lora:2", "l2-sp", "replay"])
def test_a_method_is_recorded_and_gives_an_ordinary_model(
    tune, command, many_crystals, method
) -> None:
    done = tune(
        "--data", many_crystals, "--n-train", 6, "--out", "run", "--method", method, "--json"
    )
    assert done.json["training"]["method"] == method
    assert f"method:            {method} (" in done.err
    lineage = command("show", "run", "--lineage").out
    assert f"--method {method}" in lineage
    architecture = json.loads(Path("run/model/config.json").read_text())["architecture"]
    assert architecture == "nequip-onehot"
    calculator = library.calculator("run", device="cpu")
    assert np.isfinite(calculator.get_property("energy", argon(1)[0]))


@pytest.mark.slow
def test_fewer_numbers_are_trained(tune, many_crystals) -> None:
    numbers = {}
    assert "method:" not in tune("--data", many_crystals, "--n-train", 6, "--out", "full").err
    for name in ("freeze:embedding", "readout", "lora:1"):
        done = tune("--data", many_crystals, "--n-train", 6, "--out", name[:4], "--method", name)
        line = next(line for line in done.err.splitlines() if line.startswith("method:"))
        numbers[name] = int(line.split("(")[1].split()[0].replace(",", ""))
    assert numbers["readout"] < numbers["lora:1"] < numbers["freeze:embedding"]


def test_replay_says_why_it_makes_structures_and_replays_given_ones(
    tune, command, many_crystals, general
) -> None:
    done = tune("--data", many_crystals, "--n-train", 6, "--out", "made", "--method", "replay")
    assert "replaying 200 structures made around the training data, since the card of" in done.err
    given = ("--method", f"replay:{general}", "--replayed", 2)
    done = tune("--data", many_crystals, "--n-train", 6, "--out", "given", *given)
    assert f"replaying 6 structures of {general}" in done.err
    assert "--replayed 2" in command("show", "given", "--lineage").out
    done = tune("--data", many_crystals, "--out", "none", "--method", "replay:missing.xyz", code=1)
    assert "missing.xyz" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "best"), "unknown method 'best'"),
        (("--method", "lora:x"), "rank of LoRA"),
        (("--replayed", "2"), "--replayed requires --method replay"),
        (("--method", "freeze:head"), "cannot freeze the model up to 'head'"),
        (("--group-rates", "head=2"), "unknown parameter group 'head'"),
        (("--group-rates", "readout"), "invalid --group-rates"),
        (("--keep", "committee"), "a committee requires several trainings"),
        (("--stop", "all", "--seeds", "2"), "leaves no validation structures"),
        (("--stop", "k-fold", "--n-train", "1"), "too few for cross-validation"),
        (("--general", "missing.xyz"), "missing.xyz"),
    ],
)
def test_invalid_requests_are_errors_that_leave_nothing(
    tune, crystals, tmp_path, arguments, message
) -> None:
    few = write_data(tmp_path / "few.xyz", argon(4))
    data = few if "k-fold" in arguments else crystals
    done = tune("--data", data, "--out", "run", *arguments, code=1)
    assert message in done.err
    assert "hint:" in done.err
    assert not (tmp_path / "run").exists()


def test_random_weights_have_no_start_to_keep(finetune, crystals) -> None:
    done = finetune("--data", crystals, "--out", "run", "--method", "l2-sp")
    assert done.code == 1
    assert "--method l2-sp requires a model to start from" in done.err


def test_all_trains_on_the_validation_structures_too(finetune, many_crystals) -> None:
    held, everything = (
        finetune("--data", many_crystals, "--n-train", 6, "--out", stop, "--stop", stop, "--json")
        for stop in ("last", "all")
    )
    numbers = [done.json["training"]["data"] for done in (held, everything)]
    assert [(each["n_train"], each["n_validation"]) for each in numbers] == [(6, 10), (16, 0)]
    assert everything.json["validation"]["force_rmse"] is None
    assert everything.json["errors"]["set"] == "test"
    assert everything.json["training"]["best_epoch"] == 2
    assert "none are left for choosing an epoch" in everything.err
    card = Path("all/model/README.md").read_text()
    assert "epoch 2 of 2 was kept, without validation structures" in card


def test_without_a_test_set_the_training_set_is_named(finetune, crystals) -> None:
    done = finetune("--data", crystals, "--out", "run", "--stop", "all", "--json")
    assert done.json["errors"]["set"] == "training"
    assert done.json["errors"]["n_structures"] == 8


@pytest.mark.slow
def test_cross_validation_chooses_the_epoch_and_is_resumed(finetune, hub, many_crystals) -> None:
    arguments = ("--data", many_crystals, "--n-train", 6, "--stop", "k-fold", "--epochs", 4)
    done = finetune(*arguments, "--out", "run", "--json")
    found = done.json["cross_validation"]
    assert found["folds"] == 3
    assert 1 <= found["epoch"] <= 4
    assert done.json["training"]["epochs"] == found["epoch"]
    assert done.json["training"]["data"]["n_train"] == 16
    # As if it had been killed after the second fold.
    shutil.copytree("run", "killed")
    folder = Path("killed")
    shutil.rmtree(folder / "model")
    shutil.rmtree(folder / "fold-2")
    for name in ("results.json", "training-state.pt", "metrics.csv", "parity.png"):
        (folder / name).unlink()
    resumed = hub("finetune", "--out", "killed", "--resume", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["cross_validation"] == found
    assert resumed.json["errors"] == done.json["errors"]


def test_folds_leave_out_each_structure_once(trained, many_crystals, tmp_path) -> None:
    frames = [*read(many_crystals, ":")]
    alone = Atoms("Ar", cell=[20.0] * 3, pbc=True)
    isolated = labelled(alone, LennardJones(sigma=3.4, epsilon=0.0104, rc=5.0))
    data = tmp_path / "data.xyz"
    write(data, [*frames, isolated], format="extxyz")
    job = Job(data=(str(data),), model=str(trained), n_train=6, stop="k-fold", seed=3)
    recipe = job.resolved_recipe()
    splits = list(leave_out(job, recipe, read_data(job, Reporter())))
    assert len(splits) == 3
    left_out = np.concatenate([each.validation for each in splits])
    assert len(left_out) == len(set(left_out.tolist())) == 16
    for each in splits:
        assert not set(each.train.tolist()) & set(each.validation.tolist())
        assert len(frames) in each.train  # the isolated atom
        assert len(each.train) + len(each.validation) == 17


@pytest.mark.slow
def test_a_committee_is_published_and_evaluated_like_any_model(
    tune, command, many_crystals, tmp_path
) -> None:
    arguments = ("--data", many_crystals, "--n-train", 6, "--seeds", 3, "--keep", "committee")
    done = tune(*arguments, "--out", "run", "--json")
    assert done.json["seeds"]["best"] is None
    assert done.json["errors"]["set"] == "test"
    assert "a bootstrap sample has" in done.err
    config = json.loads((tmp_path / "run/model/config.json").read_text())
    assert (config["architecture"], len(config["members"])) == ("committee", 3)
    members = [library.calculator(f"run/seed-{seed}", device="cpu") for seed in range(3)]
    committee = library.calculator("run", device="cpu")
    atoms = argon(1, seed=4)[0]
    energies = [each.get_property("energy", atoms) for each in members]
    assert committee.get_property("energy", atoms) == pytest.approx(np.mean(energies), abs=1e-9)
    assert committee.get_property("energy_spread", atoms) > 0
    named = ("--name", "ar-committee", "--version", "1.0.0", "--license", "MIT")
    command("publish", "run", *named, "--to", tmp_path / "group")
    shown = command("show", "ar-committee", HUB_REGISTRIES=f"group={tmp_path / 'group'}").out
    assert "committee" in shown
    again = command(
        "evaluate", "ar-committee", "--data", many_crystals, "--json",
        HUB_REGISTRIES=f"group={tmp_path / 'group'}",
    )  # fmt: skip
    assert again.json


@pytest.mark.slow
def test_members_of_a_committee_are_exported_one_by_one(
    command, tmp_path, trained, many_crystals
) -> None:
    first = load_model(trained)
    other = build_potential(first.config, seed=5)
    other.set_energy_scales(0.1)
    (tmp_path / "committee").mkdir()
    write_model(tmp_path / "committee", join([first, other]))
    arguments = ("export", "committee", "--format", "nequip-package")
    done = command(*arguments, code=4)
    assert "a committee of 2 members, which are exported one by one" in done.err
    assert "Choose one with --member, from 0 to 1." in done.err
    assert "from 0 to 1" in command(*arguments, "--member", 2, code=4).err
    done = command("export", trained, "--format", "nequip-package", "--member", 0, code=4)
    assert "not a committee" in done.err
    path = Path(command(*arguments, "--member", 1).out.strip())
    assert path.name == "committee-1.nequip.zip"
    command("import", path, "--name", "ar-member")
    atoms = argon(1, seed=3)[0]
    found = library.calculator("ar-member", device="cpu").get_property("energy", atoms)
    graphs = build_graphs(NeighbourLists(StructureSet.from_atoms([atoms]), 4.0), ["Ar"])
    assert found == pytest.approx(predict(other, graphs).energies[0], abs=1e-6)


def test_members_have_different_bootstrap_samples(tune, many_crystals) -> None:
    done = tune(
        "--data", many_crystals, "--n-train", 12, "--seeds", 2, "--keep", "committee",
        "--out", "run", "--epochs", 1,
    )  # fmt: skip
    assert done.code == 0
    digests = {
        json.loads(Path(f"run/seed-{seed}/results.json").read_text())["training"]["data"][
            "train_sha256"
        ]
        for seed in (0, 1)
    }
    assert len(digests) == 2


def test_forgetting_is_measured_on_general_labels(tune, command, many_crystals, general) -> None:
    done = tune(
        "--data", many_crystals, "--n-train", 6, "--out", "run", "--general", general, "--json"
    )
    found = done.json["forgetting"]
    assert found["n_structures"] == 6
    for name in ("energy_rmse", "force_rmse"):
        ratio = found["after"][name] / found["before"][name]
        assert found["ratio"][name] == pytest.approx(ratio, rel=1e-3)
    (evaluation,) = library.evaluate("run", general, dtype="float32", device="cpu")
    assert evaluation.errors["all structures"].force_rmse == pytest.approx(
        found["after"]["force_rmse"], rel=1e-4
    )
    card = Path("run/model/README.md").read_text()
    assert f"Far from the training data ({general}): energy error" in card
    assert "times that before training" in card
    done = command("evaluate", "run", "--report", "report.html")
    assert f"{general}: energy error" in Path("report.html").read_text()


def test_without_general_labels_the_drift_is_measured(tune, many_crystals) -> None:
    done = tune("--data", many_crystals, "--n-train", 6, "--out", "run")
    assert "around the probes: predictions for" in done.err
    found = json.loads(Path("run/results.json").read_text())["forgetting"]
    assert found["drift"]["force_rmse"] > 0
    frozen = tune(
        "--data", many_crystals, "--n-train", 6, "--out", "still", "--json",
        "--group-rates", "embedding=0,interaction=0,readout=0",
    )  # fmt: skip
    assert frozen.json["forgetting"]["drift"] == {"energy_rmse": 0.0, "force_rmse": 0.0}


def test_general_structures_of_other_elements_are_refused(tune, crystals, tmp_path) -> None:
    data = write_data(tmp_path / "alloy.xyz", alloy(4))
    done = tune("--data", crystals, "--out", "run", "--general", data, code=6)
    assert "does not cover" in done.err
    assert "--general" in done.err
