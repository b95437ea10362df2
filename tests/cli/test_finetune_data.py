"""What ``hub finetune`` makes of data: test sets, elements, datasets, findings that are allowed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read

from hub.potentials.loading import load_model
from tests.hub.training.conftest import alloy, argon, labelled, write_data

if TYPE_CHECKING:
    from pathlib import Path


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


def test_two_elements_from_scratch(hub, tmp_path) -> None:
    data = write_data(tmp_path / "alloy.xyz", alloy(9))
    done = hub(
        "finetune", "--from-scratch", "--epochs", 2, "--data", data, "--n-train", 6, "--out", "run"
    )
    assert done.code == 0
    assert "random weights (Au, Cu, cutoff 4 Å" in done.err
    config = load_model("run").config
    assert config.type_names == ("Au", "Cu")
    assert config.energy_reference == "that of the training data (alloy.xyz)"


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
    assert "a dataset must be given alone" in two.err


def test_a_dataset_with_one_label_set_needs_no_labels(hub, finetune, crystals, tmp_path) -> None:
    assert hub("import", crystals, "--name", "argon", "--license", "MIT").code == 0
    for data in ("argon@1", "argon"):
        done = finetune("--data", data, "--epochs", 1, "--json")
        assert done.code == 0, done.err
        assert done.json["training"]["data"]["forces_key"] == "labels/reference/forces"
    unknown = finetune("--data", "argon@2", "--out", "none")
    assert (unknown.code, "local has 1.0.0" in unknown.err) == (3, True)
    missing = finetune("--data", "aragon", "--out", "none")
    assert (missing.code, "file aragon not found" in missing.err) == (1, True)


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
    assert "note:              3 structures are duplicates of earlier ones" in done.err
    run = tmp_path / "run"
    assert json.loads((run / "run.json").read_text())["allow"] == ["contradicting-duplicates"]
    training = json.loads((run / "results.json").read_text())["training"]
    assert training["data"]["allowed_findings"][0].startswith("contradicting-duplicates: ")
    card = (run / "model" / "README.md").read_text()
    assert "The data have a finding that was allowed: contradicting-duplicates" in card
    done = finetune("--data", data, "--allow", "anything")
    assert done.code == 1
    assert "unknown error code: anything" in done.err


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
