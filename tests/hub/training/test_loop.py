"""The training loop on eight argon crystals and a tiny model."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from hub.errors import TrainingError
from hub.potentials.batches import collate, predict
from hub.potentials.nequip.potential import NequIPPotential
from hub.training import loop
from hub.training.process_group import ALONE
from hub.training.state import load_state
from hub.training.steps import loss_of, validation_errors
from tests.hub.training.conftest import RECIPE, history, same_weights, tiny_model


def test_it_learns(start) -> None:
    trainer = start(RECIPE.with_changes(max_epochs=12))
    trainer.run()
    rows = history(trainer)
    assert [row["epoch"] for row in rows] == list(range(1, 13))
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    assert all(math.isfinite(value) for row in rows for value in row.values())


def test_each_epoch_sees_each_structure_once(start, monkeypatch) -> None:
    trainer = start(RECIPE.with_changes(batch_size=4))
    seen: list[list[float]] = []
    step = trainer._step
    monkeypatch.setattr(
        trainer,
        "_step",
        lambda parts: [seen.append(parts[0].energies.tolist()), step(parts)][1],
    )
    trainer.run()
    assert trainer.steps_per_epoch == 2
    assert [len(batch) for batch in seen] == [4, 2] * 4
    epochs = [seen[index] + seen[index + 1] for index in range(0, 8, 2)]
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert len(set(epochs[0])) == 6
    assert len(set(map(tuple, epochs))) > 1  # in another order each time


def test_a_batch_that_is_divided_takes_the_same_steps(start, tmp_path, monkeypatch) -> None:
    whole = start(RECIPE.with_changes(max_epochs=2), folder=tmp_path / "whole")
    whole.run()
    monkeypatch.setattr(NequIPPotential, "max_edges", 1)
    divided = start(RECIPE.with_changes(max_epochs=2), folder=tmp_path / "divided")
    seen = []
    divided.potential.register_forward_hook(lambda _, given, __: seen.append(len(given[0].sizes)))
    divided.run()
    assert set(seen) == {1}
    for one, other in zip(history(whole), history(divided), strict=True):
        for name, value in one.items():
            assert value == pytest.approx(other[name], rel=1e-3), name


def test_the_seed_decides_the_order(start, tmp_path) -> None:
    ran = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        ran[name] = start(folder=tmp_path / name, seed=seed)
        ran[name].run()
    assert same_weights(ran["a"], ran["b"])
    assert history(ran["a"]) == history(ran["b"])
    assert not same_weights(ran["a"], ran["c"])


def test_one_step_is_that_of_adam(start, graphs) -> None:
    recipe = RECIPE.with_changes(max_epochs=1, batch_size=6, ema_decay=0.0)
    trainer = start(recipe)
    trainer.run()
    by_hand = tiny_model(graphs).train()
    parameters = [value for value in by_hand.parameters() if value.requires_grad]
    batch = collate(graphs[:6])
    loss = loss_of(by_hand(batch), batch, 4.0)
    loss.backward()
    with torch.no_grad():
        for value in parameters:
            # The first step of Adam, its moments corrected for their bias.
            value.sub_(0.01 * value.grad / (value.grad.square().sqrt() + 1e-8))
    assert history(trainer)[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)
    trained = [value for value in trainer.potential.parameters() if value.requires_grad]
    for ours, theirs in zip(trained, parameters, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=2e-5)


def test_what_is_validated_and_kept_is_the_average(start, graphs) -> None:
    trainer = start(RECIPE.with_changes(max_epochs=1))
    trainer.run()
    state = load_state(trainer.directory)
    trained = [value for value in trainer.potential.parameters() if value.requires_grad]
    for value, average in zip(trained, state["average"]["averages"], strict=True):
        assert torch.equal(value, average)
    forces = np.concatenate(predict(trainer.potential, graphs[6:]).forces)
    labels = torch.cat([graph.forces for graph in graphs[6:]]).numpy()
    rmse = float(np.sqrt(np.mean((forces - labels) ** 2)))
    assert history(trainer)[0]["force_rmse"] == pytest.approx(rmse, rel=1e-12)


def test_gradients_are_clipped(start, monkeypatch) -> None:
    def norms(limit: float) -> list[float]:
        trainer = start(RECIPE.with_changes(max_epochs=1, max_gradient_norm=limit))
        found = []
        adam = trainer.stepper.optimizer.step

        def step() -> None:
            gradients = [value.grad.flatten() for value in trainer.stepper.method.parameters]
            found.append(float(torch.cat(gradients).norm()))
            adam()

        monkeypatch.setattr(trainer.stepper.optimizer, "step", step)
        monkeypatch.setattr(loop, "save_state", lambda *_: None)
        trainer.run()
        return found

    free = norms(0.0)
    assert min(free) > 1e-3
    assert norms(1e-3) == pytest.approx([1e-3] * 2, rel=1e-3)
    assert norms(1e6) == free


def test_the_cosine_begins_at_the_rate_and_ends_at_a_hundredth(start) -> None:
    trainer = start(RECIPE.with_changes(schedule="cosine", max_epochs=4, batch_size=3))

    def rate(epoch: int, step: int) -> float:
        trainer.progress.epoch = epoch
        trainer._set_learning_rate(step)
        return trainer.stepper.optimizer.rate

    assert rate(0, 0) == pytest.approx(0.01)
    assert rate(2, 0) == pytest.approx(0.01 * (0.01 + 0.99 / 2))
    assert rate(4, 0) == pytest.approx(0.0001)
    rates = [rate(epoch, step) for epoch in range(4) for step in range(2)]
    assert rates == sorted(rates, reverse=True)


def scripted(monkeypatch, force_errors: list[float]) -> None:
    """Let the validation find these force errors, one an epoch."""
    errors = iter(force_errors)
    monkeypatch.setattr(loop, "validation_errors", lambda *_: (1.0, next(errors), math.nan))


@pytest.mark.parametrize(
    ("errors", "min_delta", "epochs", "best"),
    [
        ([5.0, 4.0, 4.1, 4.2, 4.3], 0.0, 5, 2),  # three epochs without a gain
        ([5.0, 4.9, 4.8, 4.7, 1.0], 0.5, 4, 4),  # gains too small to count; the best is kept
        ([5.0, 4.8, 4.6, 4.4, 4.2, 4.0, 3.8], 0.5, 7, 7),  # small gains that add up
        ([5.0, 6.0, 4.0, 6.0, 3.0, 6.0, 6.0, 6.0], 0.0, 8, 5),
    ],
)
def test_early_stopping(start, monkeypatch, errors, min_delta, epochs, best) -> None:
    trainer = start(RECIPE.with_changes(max_epochs=len(errors), patience=3, min_delta=min_delta))
    scripted(monkeypatch, errors)
    trainer.run()
    assert (trainer.progress.epoch, trainer.progress.best_epoch) == (epochs, best)
    assert trainer.best_metrics["force_rmse"] == min(errors[:epochs])


@pytest.mark.parametrize("errors", [[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [9.0, 3.0, math.nan]])
def test_without_patience_the_last_epoch_is_kept(start, monkeypatch, tmp_path, errors) -> None:
    trainer = start(
        RECIPE.with_changes(max_epochs=3, patience=0, keep="last"), folder=tmp_path / "all"
    )
    scripted(monkeypatch, errors)
    trainer.run()
    last = 2 if math.isnan(errors[-1]) else 3
    assert (trainer.progress.epoch, trainer.progress.best_epoch) == (3, last)
    if last == 3:
        whole = start(RECIPE.with_changes(max_epochs=3), folder=tmp_path / "three")
        scripted(monkeypatch, [3.0, 2.0, 1.0])
        whole.run()
        assert same_weights(trainer, whole)


def test_the_best_weights_are_left_in_the_model(start, monkeypatch, tmp_path) -> None:
    errors = [3.0, 2.0, 1.0, 9.0]
    trainer = start(folder=tmp_path / "all")
    with monkeypatch.context() as patch:
        scripted(patch, errors)
        trainer.run()
    until_best = start(RECIPE.with_changes(max_epochs=3), folder=tmp_path / "three")
    until_best.run()
    assert trainer.progress.best_epoch == 3
    assert same_weights(trainer, until_best)


def test_going_on_gives_the_same_to_the_last_bit(start, tmp_path) -> None:
    whole = start(folder=tmp_path / "whole")
    whole.run()

    class Killed(Exception):
        pass

    def killer(after: int):
        steps = iter(range(after))

        def step() -> None:
            if next(steps, None) is None:
                raise Killed

        return step

    # Killed in the middle of the second epoch, then in the first step of the third.
    for steps in (3, 2):
        with pytest.raises(Killed):
            start(folder=tmp_path / "killed").run(on_step=killer(steps))
    resumed = start(folder=tmp_path / "killed")
    assert resumed.progress.epoch == 2
    resumed.run()
    assert same_weights(whole, resumed)
    assert history(whole) == history(resumed)
    again = start(folder=tmp_path / "killed")
    again.run()
    assert same_weights(whole, again)


def test_validation_counts_the_labels_that_are_there(start, graphs) -> None:
    partly = [replace(graphs[6], energy=torch.tensor(math.nan).double()), graphs[7]]
    trainer = start(validation=partly)
    found = predict(trainer.potential, graphs[6:])
    errors = np.concatenate(found.forces) - torch.cat([g.forces for g in graphs[6:]]).numpy()
    energy_rmse, force_rmse, stress_rmse = validation_errors(
        trainer.stepper.average.potential, trainer.validation, ALONE
    )
    assert energy_rmse == pytest.approx(1000 * abs(found.energies[1] - float(graphs[7].energy)) / 4)
    assert force_rmse == pytest.approx(float(np.sqrt(np.mean(errors**2))))
    assert math.isnan(stress_rmse)


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage"])
def test_a_damaged_state_is_named(start, damage) -> None:
    trainer = start(RECIPE.with_changes(max_epochs=1))
    trainer.run()
    path = trainer.directory / "training-state.pt"
    content = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "cut": content[: len(content) // 2], "garbage": b"x" * 5000}[damage]
    )
    with pytest.raises(TrainingError, match=r"training-state\.pt is corrupted") as caught:
        start()
    assert "Delete it" in caught.value.hint


def test_it_ends_within_the_hours_with_the_lowest_rate(start, monkeypatch) -> None:
    clock = itertools.count()  # looked at so often that an epoch of two steps takes five seconds
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(clock)))
    recipe = RECIPE.with_changes(schedule="cosine", max_epochs=100, max_hours=32.5 / 3600)
    trainer = start(recipe)
    trainer.run()
    rows = history(trainer)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    rates = [row["learning_rate"] for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * recipe.learning_rate < rates[0]
