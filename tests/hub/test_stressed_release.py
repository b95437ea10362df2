"""What the first release with stresses and streams has written opens, goes on, is evaluated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

import hub
from hub.datasets.loading import load_dataset
from hub.errors import TrainingError
from hub.evaluation import evaluate
from hub.evaluation.metrics import ALL, measure_errors
from hub.structures import read_structures
from hub.studies.curve_trainings import train_curve
from hub.training.finetune import resume_run
from hub.training.job import Job
from hub.training.pretrain import resume_pretraining
from hub.training.run_files import read_results
from tests.hub.test_older_release import predictions
from tests.hub.training.conftest import write_data

RELEASE = Path(__file__).parents[1] / "data" / "release-2"
NAMES = ("small", "finished", "unfinished", "pretraining")
CURVE = (["small"], [4], 1)  # its starts, sizes and number of seeds


@pytest.fixture
def release(tmp_path, monkeypatch):
    folder = shutil.copytree(RELEASE, tmp_path / "release")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HUB_REGISTRIES", f"lab={folder / 'registry'}")
    return folder


def assert_same(name):
    expected = json.loads((RELEASE / "predictions.json").read_bytes())[name]
    found = predictions(name)
    assert found.keys() == expected.keys() == {"energy", "forces", "stress"}
    for kind, values in found.items():
        assert np.allclose(values, expected[kind], rtol=0, atol=1e-6), kind


def state_of(folder):
    import torch

    data = (folder / "training-state.pt").read_bytes()
    (folder / "state").write_bytes(data[data.index(b"\n") + 1 :])
    state = torch.load(folder / "state", weights_only=True)
    (folder / "state").unlink()
    return state["progress"]


def test_its_models_predict_the_same(release) -> None:
    for name in ("small", "finished"):
        assert_same(name)


def test_its_fine_tuning_goes_on_to_the_same_model(release) -> None:
    progress = state_of(release / "unfinished")
    assert (progress["epoch"], progress["step"]) == (2, 0)
    results = resume_run(release / "unfinished")
    assert results["training"]["recipe"]["stress_weight"] > 0
    assert_same("unfinished")


@pytest.mark.slow
def test_its_streamed_pre_training_goes_on_in_mid_epoch_to_the_same_model(
    release, monkeypatch
) -> None:
    monkeypatch.setattr("hub.training.pretrain_data.MOST_ATOMS_IN_MEMORY", 0)
    progress = state_of(release / "pretraining")
    assert (progress["epoch"], progress["step"]) == (1, 1)
    results = resume_pretraining(release / "pretraining")
    assert results["training"]["epochs"] == 3
    assert results["errors"]["after"][ALL]["stress_rmse"] > 0
    assert_same("pretraining")


def test_its_finished_training_is_left_alone(release) -> None:
    assert resume_run(release / "finished") == read_results(release / "finished")


def test_its_finished_training_is_evaluated_to_the_same_errors(release) -> None:
    test = read_structures([release / "finished" / "test-predictions.extxyz"]).structures
    potential = hub.load_model("finished", device="cpu", dtype="float32")
    errors = measure_errors(test, evaluate(potential, test)).to_dict()
    expected = read_results(release / "finished")["errors"]["after"][ALL]
    assert errors["stress_rmse"] > 0
    assert errors == pytest.approx(expected, rel=1e-4)


def go_on_with_curve(**settings):
    """Return the points of the curve, all of which must be finished already."""
    before = {path: path.stat().st_mtime_ns for path in Path("curve").glob("*/*/*/*")}
    job = Job(("alloy.extxyz",), max_epochs=2, device="cpu", **settings)
    points = train_curve(job, *CURVE, Path("curve"), resume=True)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    return points


def make_older(training, structures):
    """Make of a run what a release without stresses would have written."""
    recipe, results = json_of(training / "recipe.json"), json_of(training / "results.json")
    del recipe["stress_weight"]
    results["training"]["data"]["sha256"] = structures.digest(stresses=False)
    (training / "recipe.json").write_text(json.dumps(recipe))
    (training / "results.json").write_text(json.dumps(results))


def json_of(path):
    return json.loads(path.read_bytes())


def test_its_learning_curve_needs_no_more_training(release) -> None:
    (point,) = go_on_with_curve()
    assert (point.start, point.size, point.seed) == ("small", 4, 0)


def test_a_learning_curve_from_before_stresses_goes_on_without_them(release) -> None:
    structures = read_structures(["alloy.extxyz"]).structures
    make_older(release / "curve" / "small" / "4-structures" / "seed-0", structures)
    with pytest.raises(TrainingError, match=r"stress_weight was 0\.0"):
        go_on_with_curve()
    assert len(go_on_with_curve(stress_weight=0.0)) == 1
    frames = read("alloy.extxyz", ":")
    frames[3].positions[0, 0] += 0.01
    write_data(Path("alloy.extxyz"), frames)
    with pytest.raises(TrainingError, match="the data have changed"):
        go_on_with_curve(stress_weight=0.0)


def test_a_learning_curve_of_data_without_stresses_goes_on(release) -> None:
    frames = read("alloy.extxyz", ":")
    for atoms in frames:
        del atoms.calc.results["stress"]
    write_data(Path("alloy.extxyz"), frames)
    structures = read_structures(["alloy.extxyz"]).structures
    assert not structures.has_stress.any()
    make_older(release / "curve" / "small" / "4-structures" / "seed-0", structures)
    assert len(go_on_with_curve()) == 1


def test_a_training_with_stresses_is_not_taken_for_one_of_other_stresses(release) -> None:
    frames = read("alloy.extxyz", ":")
    for atoms in frames:
        atoms.calc.results["stress"] *= 2
    write_data(Path("alloy.extxyz"), frames)
    with pytest.raises(TrainingError, match="the data have changed"):
        go_on_with_curve()


def test_its_registry_gives_model_and_dataset(release) -> None:
    hub.pull("lab/alloy-model@1.0.0")
    expected = json.loads((RELEASE / "predictions.json").read_bytes())["finished"]
    assert np.allclose(predictions("alloy-model")["stress"], expected["stress"], rtol=0, atol=1e-6)
    structures = load_dataset("lab/alloy-data", "emt")
    assert (len(structures), structures.elements) == (24, ("Au", "Cu"))
    assert structures.has_stress.all()
    assert structures.digest() == read_structures(["alloy.extxyz"]).structures.digest()
