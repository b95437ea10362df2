"""The saved state of a training: whole, of this training and finite, or refused."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.datasets.dataset import Dataset
from hub.errors import TrainingError
from hub.training.finetune import resume_run
from hub.training.loader import GraphLoader
from hub.training.loop import Trainer
from hub.training.methods.full import Full
from hub.training.pretrain import resume_pretraining
from hub.training.recipe import DEFAULT
from hub.training.run_files import STATE_NAME, read_results
from hub.training.state import load_state, save_state
from tests.hub.training.conftest import tiny_model

STATE = {"weights": {"a": torch.arange(6.0), "b": torch.ones(2).double()}, "epoch": 3}
RELEASE = Path(__file__).parent / "data" / "release-0"  # made by data/release_0.py


@pytest.fixture
def release(tmp_path, monkeypatch):
    """Run folders and their data as an older release left them."""
    folder = shutil.copytree(RELEASE, tmp_path / "release")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    save_state(folder, STATE)
    return folder, (folder / STATE_NAME).read_bytes()


def test_a_state_is_read_as_it_was_written(saved):
    folder, data = saved
    (folder / STATE_NAME).write_bytes(data)
    state = load_state(folder)
    assert state["epoch"] == 3
    assert torch.equal(state["weights"]["a"], STATE["weights"]["a"])
    assert not list(folder.glob("*.tmp"))


@settings(deadline=None)
@given(data=st.data())
def test_no_bit_may_change(saved, data):
    folder, content = saved
    place = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 100))
    bit = data.draw(st.integers(0, 7))
    spoilt = bytearray(content)
    spoilt[place] ^= 1 << bit
    (folder / STATE_NAME).write_bytes(spoilt)
    with pytest.raises(TrainingError, match=r"training-state\.pt is corrupted") as failure:
        load_state(folder)
    assert "Delete it" in failure.value.hint


@settings(deadline=None)
@given(data=st.data())
def test_no_byte_may_be_missing_or_added(saved, data):
    folder, content = saved
    kept = data.draw(st.integers(0, len(content) - 1))
    for spoilt in (content[:kept], content + content[kept:]):
        (folder / STATE_NAME).write_bytes(spoilt)
        with pytest.raises(TrainingError, match="is corrupted"):
            load_state(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_state_that_is_not_finite_is_refused(tmp_path, value):
    save_state(tmp_path, {"optimizer": {"state": {0: {"exp_avg": torch.tensor([0.0, value])}}}})
    with pytest.raises(TrainingError, match="not finite"):
        load_state(tmp_path)


def trainer(directory, graphs) -> Trainer:
    recipe = DEFAULT.with_changes(max_epochs=1)
    potential = tiny_model(graphs)
    return Trainer(
        Full(potential), GraphLoader(graphs[:4], potential, 0), graphs[4:], recipe, directory
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("average"),
        lambda state: state["progress"].pop("epoch"),
        lambda state: state["progress"].update(best_epoch=7),
        lambda state: state["progress"].update(steps_back="no"),
        lambda state: state["weights"].popitem(),
        lambda state: state.update(best={}),
        lambda state: state["average"].update(averages=state["average"]["averages"][1:]),
        lambda state: state["average"]["averages"].__setitem__(0, torch.zeros(1)),
        lambda state: state["optimizer"].update(param_groups=[]),
    ],
)
def test_another_training_s_state_is_refused(tmp_path, graphs, spoil):
    trained = trainer(tmp_path, graphs)
    trained.run()
    state = load_state(tmp_path)
    spoil(state)
    save_state(tmp_path, state)
    with pytest.raises(TrainingError, match="is not a state of this training") as failure:
        trainer(tmp_path, graphs)
    assert "Delete it" in failure.value.hint


def test_what_is_no_state_at_all_is_refused(tmp_path, graphs):
    save_state(tmp_path, [1.0])
    with pytest.raises(TrainingError, match="is not the state of a training") as failure:
        trainer(tmp_path, graphs)
    assert "Delete it" in failure.value.hint


def test_weights_that_are_not_finite_are_taken_back(tmp_path, graphs, monkeypatch):
    """One step ends in NaN though its loss does not: the epoch is repeated, and goes well."""
    training = trainer(tmp_path, graphs)
    step, calls = training.stepper.optimizer.step, []

    def spoil_once():
        step()
        calls.append(None)
        if len(calls) == 1:
            training.stepper.method.parameters[0].data.fill_(torch.nan)

    monkeypatch.setattr(training.stepper.optimizer, "step", spoil_once)
    monkeypatch.setattr(
        training, "_step", lambda parts: (training.stepper.optimizer.step() or 1.0, False)
    )
    training.run()
    assert training.progress.steps_back == 1
    assert all(value.isfinite().all() for value in training.best.values())


def test_a_training_that_diverges_keeps_the_best_weights_that_are_finite(tmp_path, graphs):
    training = trainer(tmp_path, graphs)
    training.run()
    training.recipe = training.recipe.with_changes(max_epochs=2, learning_rate=1e38)
    training.run()
    assert load_state(tmp_path)["progress"]["best_epoch"] == training.progress.best_epoch == 1
    assert all(value.isfinite().all() for value in training.potential.parameters())


def test_a_training_that_diverges_at_once_ends_with_an_error(tmp_path, graphs):
    training = trainer(tmp_path, graphs)
    training.recipe = training.recipe.with_changes(max_epochs=1, learning_rate=1e30)
    with pytest.raises(TrainingError, match="not finite in any epoch") as failure:
        training.run()
    assert "--learning-rate" in failure.value.hint


@pytest.mark.parametrize("name", ["unfinished", "pretraining"])
def test_an_older_release_s_run_is_resumed(release, caplog, name):
    resume = resume_run if name == "unfinished" else resume_pretraining
    with caplog.at_level(logging.WARNING):
        results = resume(release / name)
    assert "written by an older release and has no sha256" in caplog.text
    assert results["training"]["epochs"] == (4 if name == "unfinished" else 3)
    assert (release / name / "model" / "weights.safetensors").exists()
    assert (release / name / STATE_NAME).read_bytes().startswith(b"mlip-hub training state")
    if name == "unfinished":
        finished = read_results(release / "finished")["errors"]["after"]["all structures"]
        resumed = results["errors"]["after"]["all structures"]
        # That release knew no stresses, and these data have none.
        assert (resumed.pop("stress_rmse"), resumed.pop("stress_mae")) == (None, None)
        assert resumed == pytest.approx(finished, rel=0.01)


def test_an_older_release_s_run_is_finished(release):
    assert resume_run(release / "finished") == read_results(release / "finished")


def test_an_older_release_s_dataset_is_opened(release):
    dataset = Dataset(release / "dataset")
    assert (dataset.n_structures, dataset.elements) == (16, ("Ar",))
    assert dataset.label_sets["lj"].teacher == "Lennard-Jones"
    assert len(dataset.load("lj", where="run_id >= 1")) == 12


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_changed_bit_in_the_numbers_of_an_older_state_is_noticed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("old")
    content = bytearray((RELEASE / "unfinished" / STATE_NAME).read_bytes())
    tensors = content.index(b"/data/0")
    place = data.draw(st.integers(tensors + 100, len(content) // 2))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    (folder / STATE_NAME).write_bytes(content)
    try:
        found, whole = load_state(folder), load_state(RELEASE / "unfinished")
    except TrainingError:
        return
    assert str(found) == str(whole)  # it was padding
