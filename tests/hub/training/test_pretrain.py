"""Pre-training on argon trajectories."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase.io import read, write

from hub import finetune, load_model, pretrain
from hub.errors import DataError, TrainingError
from hub.evaluation import evaluate
from hub.structures import StructureSet
from hub.training.finetune import resume_run
from hub.training.job import PretrainJob
from hub.training.pretrain import resume_pretraining
from hub.training.pretrain_data import read_dataset
from hub.training.reporter import Reporter
from tests.hub.training.conftest import TINY, argon
from tests.hub.training.trajectories import (
    ABSURD,
    HALF_LABELLED,
    N_FRAMES,
    N_RUNS,
    UNLABELLED,
    write_trajectories,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_trajectories(tmp_path_factory.mktemp("data") / "argon")


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """Return the folder of a finished pre-training, and its results."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return pretrain(dataset, "lj", out=out, n_train=20, model_config=TINY, epochs=2)


def chosen_of(place, **settings):
    return read_dataset(PretrainJob(str(place), **settings), 4.0, Reporter())


def sides_of(chosen):
    return chosen.train, chosen.validation, chosen.test


def frames_of(chosen):
    return np.concatenate([side.structures.frame_index for side in sides_of(chosen)])


def test_spoilt_structures_are_left_out_and_counted(dataset) -> None:
    chosen = chosen_of(dataset, held_out=40)
    frames = frames_of(chosen)
    assert len(frames) == N_RUNS * N_FRAMES - 3
    assert not np.isin([UNLABELLED, HALF_LABELLED, ABSURD], frames).any()
    counts = chosen.origin["left_out"]
    assert counts == {
        "without lj labels": 1, "without all forces": 1, "with forces above 50 eV/Å": 1,
    }  # fmt: skip
    assert [note for note in chosen.notes if note.startswith("left out")] == [
        f"left out 1 structures {reason}" for reason in counts
    ]
    assert len(frames_of(chosen_of(dataset, held_out=40, max_force=51.0))) == 38


def test_whole_trajectories_are_held_out(dataset) -> None:
    chosen = chosen_of(dataset, n=12)
    train, validation, test = (
        set((side.structures.frame_index // N_FRAMES).tolist()) for side in sides_of(chosen)
    )
    assert len(train) == N_RUNS - 2
    assert not train & (validation | test)
    assert not validation & test
    assert list(validation) == chosen.origin["validation_trajectories"]
    assert list(test) == chosen.origin["test_trajectories"]


def test_without_trajectories_frames_are_held_out_which_is_said(tmp_path) -> None:
    chosen = chosen_of(write_trajectories(tmp_path / "d", spoilt=False, run_id=False))
    assert [len(side) for side in sides_of(chosen)] == [32, 4, 4]
    assert "has no column 'run_id'" in chosen.notes[0]


def test_a_condition_chooses(dataset) -> None:
    chosen = chosen_of(dataset, where="time < 2")
    assert (frames_of(chosen) % N_FRAMES < 2).all()
    assert chosen.origin["left_out"]["without lj labels"] == 0


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"labels": "ace"}, DataError, "has no label set 'ace' \\(label sets: lj"),
        ({"n_train": 37}, DataError, "37 training structures requested, but"),
        ({"where": "density > 1"}, DataError, "density"),
        ({"where": "run_id < 2"}, DataError, "2 trajectories are too few to hold out"),
        ({"recipe": "best"}, TrainingError, "unknown recipe 'best'"),
        ({"model_config": {"l": 1}}, TrainingError, "unknown setting 'l'"),
    ],
)
def test_what_cannot_be_done_leaves_no_folder(dataset, tmp_path, settings, kind, message) -> None:
    with pytest.raises(kind, match=message):
        pretrain(dataset, out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_results_and_card_say_what_was_done(run, dataset) -> None:
    folder, results = run
    assert json.loads((folder / "results.json").read_text()) == results
    data, training = results["training"]["data"], results["training"]
    assert (data["dataset"], data["labels"]["name"]) == (str(dataset), "lj")
    assert data["n_train"] + sum(data["left_out"].values()) >= 20
    assert training["recipe"]["name"] == "pretrain"
    assert (training["epochs"], training["processes"], training["parent"]) == (2, 1, None)
    assert results["errors"]["set"] == "test"
    card = (folder / "model" / "README.md").read_text()
    assert f"pre-trained on {data['n_train']} structures of argon" in card


def test_the_model_predicts_what_is_written(run) -> None:
    folder, _ = run
    frames = read(folder / "test-predictions.extxyz", ":")
    predictions = evaluate(load_model(folder, dtype="float32"), StructureSet.from_atoms(frames))
    written = [atoms.info["ML_energy"] for atoms in frames]
    np.testing.assert_allclose(predictions.energies, written, atol=1e-4)


def test_a_finished_run_is_not_trained_again(run) -> None:
    folder, results = run
    assert resume_pretraining(folder) == results
    with pytest.raises(TrainingError, match="is a run of `hub pretrain`") as refusal:
        resume_run(folder)
    assert refusal.value.hint == f"hub pretrain --out {folder} --resume"


def test_other_data_are_refused_when_resumed(tmp_path) -> None:
    data = write_trajectories(tmp_path / "data")
    folder, _ = pretrain(data, out=tmp_path / "run", model_config=TINY, epochs=1, n_train=5)
    (folder / "results.json").unlink()
    (tmp_path / "data").rename(tmp_path / "old")
    write_trajectories(data, spoilt=False)
    with pytest.raises(TrainingError, match="inputs have changed since the training in "):
        resume_pretraining(folder)


def test_a_file_of_structures_is_read_as_a_dataset(tmp_path):
    path = tmp_path / "argon.xyz"
    write(path, argon(14))
    options = {"n_train": 6, "held_out": 2, "model_config": TINY, "epochs": 1}
    folder, results = pretrain(path, out=tmp_path / "run", **options)
    data = results["training"]["data"]
    assert (data["n_train"], data["n_validation"], data["n_test"]) == (6, 1, 1)
    assert data["labels"]["source"] == "argon.xyz"
    path.unlink()  # it is in the folder
    (folder / "results.json").unlink()
    assert resume_pretraining(folder)["validation"] == results["validation"]


def test_no_more_trajectories_are_held_out_than_structures(dataset):
    chosen = chosen_of(dataset, held_out=1)
    assert [len(chosen.origin[f"{side}_trajectories"]) for side in ("validation", "test")] == [1, 1]


def test_layers_belong_to_random_weights(dataset, tmp_path):
    with pytest.raises(TrainingError, match="a model has its own architecture"):
        finetune(dataset, labels="lj", model="c-nep-pretrained", layers=2, out=tmp_path / "run")
    folder, _ = finetune(
        dataset, labels="lj", from_scratch=True, n_train=4, epochs=1, layers=1, features=2,
        cutoff=4.5, out=tmp_path / "run", allow=["missing-forces"],
    )  # fmt: skip
    config = json.loads((folder / "model" / "config.json").read_text())
    assert [config[name] for name in ("num_layers", "num_features", "r_max")] == [1, 2, 4.5]
