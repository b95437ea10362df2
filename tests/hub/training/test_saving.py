"""When the state of a training is saved: rarely enough to cost little, and whenever it ends."""

from __future__ import annotations

import pytest

from hub.training import loop
from hub.training.state import Progress, load_state
from tests.hub.training.conftest import RECIPE, history, same_weights


@pytest.fixture
def saved(monkeypatch):
    """Return the epochs after which a state was saved, and a function that lets a second pass.

    Saving takes half a second.
    """
    clock, epochs, save = [0.0], [], loop.save_state

    def take_time(directory, state):
        clock[0] += 0.5
        epochs.append(state["progress"]["epoch"])
        save(directory, state)

    monkeypatch.setattr(loop, "save_state", take_time)
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])

    def a_second_later(_):
        clock[0] += 1.0

    return epochs, a_second_later


def test_saving_takes_a_twentieth_of_the_time(start, saved):
    epochs, a_second_later = saved
    tables = []
    trainer = start(RECIPE.with_changes(max_epochs=24))
    trainer.run(on_epoch=a_second_later, on_save=lambda: tables.append(trainer.progress.epoch))
    assert epochs == tables == [1, 11, 21, 24]
    assert load_state(trainer.directory)["progress"]["epoch"] == 24


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError, MemoryError])
@pytest.mark.parametrize("where", ["step", "epoch"])
def test_a_training_that_is_broken_off_is_saved(start, tmp_path, saved, where, problem):
    undisturbed = start(RECIPE.with_changes(max_epochs=8), folder=tmp_path / "undisturbed")
    undisturbed.run()
    epochs, a_second_later = saved
    epochs.clear()
    trainer = start(RECIPE.with_changes(max_epochs=8))

    def break_off(*_):
        if trainer.progress.epoch == 5:
            raise problem

    watch = {"on_step": break_off, "on_epoch": a_second_later}
    if where == "epoch":
        watch = {"on_epoch": break_off}
    with pytest.raises(problem):
        trainer.run(**watch)
    assert epochs == [1, 5]
    assert trainer._good["progress"]["step"] == 0
    resumed = start(RECIPE.with_changes(max_epochs=8))
    assert resumed.progress.epoch == 5
    resumed.run()
    assert same_weights(resumed, undisturbed)
    assert history(resumed) == history(undisturbed)


def test_what_is_stored_of_the_progress_stays_as_it_was():
    progress = Progress(epoch=1, history=[{"epoch": 1}])
    stored = progress.to_dict()
    progress.epoch = 2
    progress.history.append({"epoch": 2})
    assert stored == Progress(epoch=1, history=[{"epoch": 1}]).to_dict()
    read = Progress.from_dict(stored)
    read.history.append({"epoch": 3})
    assert stored["history"] == [{"epoch": 1}]
    assert stored["history"][0] is progress.history[0]
