"""What the release that knew one architecture has written opens, goes on and predicts the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import hub
from hub.datasets.loading import load_dataset
from hub.training.finetune import resume_run
from hub.training.pretrain import resume_pretraining
from hub.training.run_files import read_results
from tests.hub.training.conftest import alloy

RELEASE = Path(__file__).parents[1] / "data" / "release-1"
NAMES = ("small", "finished", "unfinished", "pretraining")
EXPECTED = json.loads((RELEASE / "predictions.json").read_bytes())


@pytest.fixture
def release(tmp_path, monkeypatch):
    folder = shutil.copytree(RELEASE, tmp_path / "release")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HUB_REGISTRIES", f"lab={folder / 'registry'}")
    return folder


def predictions(place):
    atoms = alloy(3, seed=7)[2]
    atoms.calc = hub.calculator(place, device="cpu")
    return {
        "energy": atoms.get_potential_energy(),
        "forces": atoms.get_forces().tolist(),
        "stress": atoms.get_stress().tolist(),
    }


def assert_same(found, name):
    assert found.keys() == {"energy", "forces", "stress"}
    for kind, values in found.items():
        assert np.allclose(values, EXPECTED[name][kind], rtol=0, atol=1e-6), kind


def test_its_models_predict_the_same(release):
    for name in ("small", "finished"):
        assert_same(predictions(name), name)


def test_its_trainings_go_on_to_the_same_model(release):
    resume_run(release / "unfinished")
    resume_pretraining(release / "pretraining")
    for name in NAMES[2:]:
        assert_same(predictions(name), name)


def test_its_finished_training_is_left_alone(release):
    assert resume_run(release / "finished") == read_results(release / "finished")


def test_its_registry_gives_model_and_dataset(release):
    hub.pull("lab/alloy-model@1.0.0")
    assert_same(predictions("alloy-model"), "finished")
    structures = load_dataset("lab/alloy-data", "emt")
    assert (len(structures), structures.elements) == (16, ("Au", "Cu"))
    assert np.isfinite(structures.forces).all()
