from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from hub.errors import TrainingError
from hub.training.job import Job, PretrainJob
from hub.training.recipe import (
    DEFAULT,
    DEFAULT_ALCHEMICAL,
    DEFAULT_FROM_SCRATCH,
    PAPER,
    PRETRAIN,
    Recipe,
    choose_recipe,
)


def test_the_paper_is_as_published() -> None:
    assert (PAPER.learning_rate, PAPER.schedule, PAPER.ema_decay) == (0.01, "constant", 0.99)
    assert (PAPER.batch_size, PAPER.max_epochs, PAPER.patience) == (10, 300, 40)
    assert (PAPER.energy_weight, PAPER.max_gradient_norm) == (4.0, 0.0)


def test_the_default_depends_on_the_start() -> None:
    assert Job(("a.xyz",)).resolved_recipe() == DEFAULT
    assert Job(("a.xyz",), from_scratch=True).resolved_recipe() == DEFAULT_FROM_SCRATCH
    assert Job(("a.xyz",), alchemical="1.5").resolved_recipe() == DEFAULT_ALCHEMICAL
    with_test = Job(("a.xyz",), test=("b.xyz",))
    everything = DEFAULT.with_changes(validation="trained-on", keep="last", patience=0)
    assert with_test.resolved_recipe() == everything
    assert replace(with_test, seeds=3, keep="committee").resolved_recipe() == everything
    assert replace(with_test, seeds=3).resolved_recipe() == DEFAULT
    assert replace(with_test, stop="early").resolved_recipe() == DEFAULT
    assert replace(with_test, recipe="paper").resolved_recipe() == PAPER
    assert replace(with_test, from_scratch=True).resolved_recipe() == DEFAULT_FROM_SCRATCH
    assert PretrainJob("a", "x").resolved_recipe() == PRETRAIN
    assert PretrainJob("a", "x", recipe="paper").resolved_recipe() == PAPER
    with pytest.raises(TrainingError, match="unknown recipe 'best'") as caught:
        choose_recipe("best", DEFAULT)
    assert caught.value.hint == "Choose one of: paper, default"


def test_a_job_changes_what_it_names() -> None:
    recipe = Job(("a.xyz",), recipe="paper", max_epochs=7, batch_size=2).resolved_recipe()
    assert recipe == PAPER.with_changes(max_epochs=7, batch_size=2)


def test_a_recipe_is_read_as_written(tmp_path) -> None:
    recipe = DEFAULT.with_changes(learning_rate=0.1 + 0.2)
    recipe.write(tmp_path)
    assert Recipe.read(tmp_path) == recipe


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"name": "x"}', "\0\1"])
def test_a_damaged_recipe_is_refused(tmp_path, text) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(TrainingError, match=r"recipe\.json"):
        Recipe.read(tmp_path)


def test_a_job_is_read_as_written(tmp_path) -> None:
    job = Job(("a*.xyz", "b.db"), model="x@1.0.0", test=("t.xyz",), n_train=3, seeds=2, seed=7)
    job.write(tmp_path)
    assert Job.read(tmp_path) == job
    assert job.with_seed(9) == Job(
        ("a*.xyz", "b.db"), model="x@1.0.0", test=("t.xyz",), n_train=3, seed=9
    )


@pytest.mark.parametrize("damage", ["", "[]", "{}", "null", "cut", "format"])
def test_a_damaged_job_is_refused(tmp_path, damage) -> None:
    Job(("a.xyz",)).write(tmp_path)
    path = tmp_path / "run.json"
    text = path.read_text()
    if damage == "cut":
        path.write_text(text[: len(text) // 2])
    elif damage == "format":
        path.write_text(json.dumps(json.loads(text) | {"format": 99}))
    else:
        path.write_text(damage)
    with pytest.raises(TrainingError, match=r"run\.json"):
        Job.read(tmp_path)


def test_other_folders_are_no_run_folders(tmp_path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(TrainingError, match="is not a run folder"):
            Job.read(folder)


def test_every_field_of_a_job_is_an_option() -> None:
    from hub.cli.finetune import command

    options = {name for parameter in command.params for name in parameter.opts}
    for item in fields(Job):
        assert Job.option(item.name) in options  # as `Job.command_line` writes it
