"""Losses, weights, labels and validation errors that are not finite."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from hub.errors import TrainingError
from hub.training.state import load_state
from tests.hub.training.conftest import RECIPE, history, same_weights, tiny_model


def test_an_epoch_that_is_not_finite_is_done_again_at_half_the_rate(start, monkeypatch) -> None:
    trainer = start(folder=start().directory / "once")
    rates: list[float] = []
    step = trainer._step

    def step_or_not(parts) -> tuple[float, bool]:
        rates.append(trainer.stepper.optimizer.rate)
        return (math.nan, False) if len(rates) == 4 else step(parts)

    monkeypatch.setattr(trainer, "_step", step_or_not)
    trainer.run()
    assert rates == [0.01] * 4 + [0.005] * 6
    rows = history(trainer)
    assert [row["steps_back"] for row in rows] == [0, 1, 1, 1]
    assert [row["learning_rate"] for row in rows] == [0.01] + [0.005] * 3
    state = load_state(trainer.directory)
    assert state["average"]["steps"] == 8  # the step that was taken back is not averaged
    assert next(iter(state["optimizer"]["state"].values()))["step"] == 8


def test_stepping_back_restores_all_of_the_state(start, monkeypatch, tmp_path) -> None:
    slow = start(RECIPE.with_changes(learning_rate=0.005), folder=tmp_path / "slow")
    slow.run()
    trainer = start(folder=tmp_path / "back")
    step, calls = trainer._step, []

    def step_or_not(parts) -> tuple[float, bool]:
        calls.append(parts)
        return (math.inf, False) if len(calls) == 2 else step(parts)

    monkeypatch.setattr(trainer, "_step", step_or_not)
    trainer.run()
    assert same_weights(trainer, slow)


def test_a_poisoned_label_ends_with_a_way_out(start, graphs) -> None:
    poisoned = [replace(graphs[0], energy=torch.tensor(1e200).double()), *graphs[1:6]]
    trainer = start(training=poisoned)
    before = tiny_model(graphs).weights()
    with pytest.raises(TrainingError, match=r"not finite in epoch 1, .* 5 times") as caught:
        trainer.run()
    assert "hub check" in caught.value.hint
    assert load_state(trainer.directory) is None
    after = trainer.potential.weights()
    assert all(torch.isfinite(after[name]).all() for name in before)


@pytest.mark.parametrize("value", [1e30, -1e20])
def test_a_large_poisoned_label_never_gets_into_the_weights(start, graphs, value) -> None:
    poisoned = [replace(graphs[0], energy=torch.tensor(value).double()), *graphs[1:6]]
    trainer = start(training=poisoned)
    with pytest.raises(TrainingError, match="not finite"):
        trainer.run()
    assert all(torch.isfinite(tensor).all() for tensor in trainer.potential.weights().values())


def test_validation_errors_that_are_never_finite_are_an_error(start, graphs) -> None:
    poisoned = [replace(graphs[6], forces=torch.full_like(graphs[6].forces, 1e200)), graphs[7]]
    trainer = start(validation=poisoned)
    with pytest.raises(TrainingError, match="validation errors are not finite") as caught:
        trainer.run()
    assert "hub check" in caught.value.hint
