"""Steps that are taken without waiting for the device, as on a GPU, here on the CPU."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from hub.errors import TrainingError
from hub.training import loop, stepper
from hub.training.state import load_state
from hub.training.steps import Losses
from tests.hub.training.conftest import history


@pytest.fixture
def ahead(start, monkeypatch):
    """Start trainings whose losses stay on the device."""

    def begin(**options):
        with monkeypatch.context() as patched:
            patched.setattr(stepper, "runs_ahead", lambda *_: True)
            return start(**options)

    return begin


def poison(trainer, number: int) -> None:
    """Make the loss of one step infinite."""
    step, calls = trainer._step, []

    def poisoned(parts):
        calls.append(parts)
        if len(calls) == number:
            parts = [
                replace(part, energies=torch.full_like(part.energies, 1e200)) for part in parts
            ]
        return step(parts)

    trainer._step = poisoned


def test_the_result_is_that_of_waiting_for_each_step(start, ahead, tmp_path):
    trainer, reference = ahead(folder=tmp_path / "ahead"), start(folder=tmp_path / "waiting")
    trainer.run()
    reference.run()
    for name, value in reference.potential.weights().items():
        torch.testing.assert_close(trainer.potential.weights()[name], value, rtol=1e-3, atol=1e-5)
    for row, other in zip(history(trainer), history(reference), strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-3)
        assert row["force_rmse"] == pytest.approx(other["force_rmse"], rel=1e-3)


def test_no_step_is_taken_after_one_that_diverged(ahead):
    trainer = ahead()
    poison(trainer, 1)
    before = trainer.potential.weights()
    batches = trainer.loader.batches(0, trainer.recipe.batch_size)
    assert not trainer._steps(batches, None)
    assert trainer.progress.step == 2
    after = trainer.potential.weights()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(not float(state["step"]) for state in trainer.stepper.optimizer.state.values())


def test_a_diverged_epoch_is_done_again_at_half_the_rate(ahead):
    trainer = ahead()
    poison(trainer, 4)
    trainer.run()
    rows = history(trainer)
    assert [row["steps_back"] for row in rows] == [0, 1, 1, 1]
    assert [row["learning_rate"] for row in rows] == [0.01] + [0.005] * 3
    assert all(math.isfinite(row["loss"]) for row in rows)
    state = load_state(trainer.directory)
    assert state["average"]["steps"] == 8  # the steps that were taken back are not averaged
    assert next(iter(state["optimizer"]["state"].values()))["step"] == 8


def test_a_poisoned_label_ends_with_a_way_out(ahead, graphs):
    wrong = replace(graphs[0], energy=torch.tensor(1e200).double())
    trainer = ahead(training=[wrong, *graphs[1:6]])
    before = trainer.potential.weights()
    with pytest.raises(TrainingError, match=r"not finite in epoch 1, .* 5 times"):
        trainer.run()
    assert load_state(trainer.directory) is None
    after = trainer.potential.weights()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_losses_are_read_within_long_epochs(ahead, monkeypatch):
    monkeypatch.setattr(loop, "_READ_EVERY", 1)
    trainer = ahead()
    poison(trainer, 1)
    batches = trainer.loader.batches(0, trainer.recipe.batch_size)
    assert not trainer._steps(batches, None)
    assert trainer.progress.step == 1


def test_a_training_goes_on_where_steps_are_waited_for(start, ahead, tmp_path):
    begun = ahead(folder=tmp_path / "run")
    begun._epoch(None)
    resumed = start(folder=tmp_path / "run")
    assert not resumed.stepper.optimizer.is_fused
    resumed.run()
    back = ahead(folder=tmp_path / "run")
    assert back.stepper.optimizer.is_fused
    assert [row["epoch"] for row in history(back)] == [1, 2, 3, 4]


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan)])
def test_losses_say_which_steps_must_not_be_taken(loss, norm):
    losses = Losses(torch.device("cpu"))

    def add(loss: float, norm: float) -> float:
        return float(losses.add(torch.tensor(loss).double(), torch.tensor(norm)))

    assert [add(2.0, 1.0), add(loss, norm), add(3.0, 1.0)] == [0, 1, 1]
    assert losses.take() == (2.0, False)
    assert add(4.0, 1.0) == 0
    assert losses.take() == (4.0, True)
