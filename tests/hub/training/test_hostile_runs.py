"""Whatever stands in a run folder's files, they load to what was written or are refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins

from hub.alchemy.search import Search
from hub.alchemy.transmutation import Transmutation
from hub.alchemy.trial import Trial
from hub.errors import TrainingError
from hub.schemas import Sha256
from hub.training.job import Job, PretrainJob
from hub.training.recipe import DEFAULT, Recipe
from hub.training.run_files import read_json, read_results, resume_command
from tests.mutations import mutated_json, outcome

SOON = settings(deadline=timedelta(seconds=5))
RELEASE = Path(__file__).parent / "data" / "release-0"
INPUTS = json.loads((RELEASE / "finished" / "inputs.json").read_bytes())
RESULTS = json.loads((RELEASE / "finished" / "results.json").read_bytes())
TRIAL = Trial(Transmutation((("C", "Si"),), 1.5, 0.25), 0.3, 12.0, 0.2, 0.9, 30.0)
SEARCH = Search(TRIAL, (TRIAL,), 40.0, ("doubtful",)).to_json()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


def as_json(value):
    return json.loads(json.dumps(value))


def job_of(folder):
    name = "pretraining" if folder == "pretrain" else "unfinished"
    return json.loads((RELEASE / name / "run.json").read_bytes())


@SOON
@given(data=mutated_json(job_of("finetune")) | mutated_json(job_of("pretrain")))
def test_any_job_is_read_or_refused(folder, data):
    path = folder / "run.json"
    path.write_bytes(data)
    for kind in (Job, PretrainJob):
        job = outcome(lambda: kind.read(folder), TrainingError, folder)  # noqa: B023
        if job is not None:
            job.write(folder)
            new = kind(data="a.xyz" if kind is PretrainJob else ("a.xyz",))
            by_default = {name: as_json(getattr(new, name)) for name in kind.added_later}
            written = json.loads(path.read_bytes())
            assert written == {"command": "finetune", **by_default} | json.loads(data)
            path.write_bytes(data)
    outcome(lambda: resume_command(folder), TrainingError, path)


@SOON
@given(data=mutated_json(asdict(DEFAULT)))
def test_any_recipe_is_read_or_refused(folder, data):
    (folder / "recipe.json").write_bytes(data)
    recipe = outcome(lambda: Recipe.read(folder), TrainingError, folder / "recipe.json")
    if recipe is not None:
        content = json.loads(data)
        older = {
            "stress_weight": 0.0,
            "keep": "best" if content["patience"] else "last",
            "validation": "held-out",
            "folds": 0,
            "end_epoch": 0,
            "group_rates": {},
        }
        assert asdict(recipe) == older | content


@SOON
@given(data=st.data())
@pytest.mark.parametrize(
    ("schema", "valid"), [(dict[str, Sha256], INPUTS), (Search, SEARCH)], ids=["inputs", "search"]
)
def test_anything_else_is_read_or_refused(folder, schema, valid, data):
    path = folder / "some.json"
    path.write_bytes(data.draw(mutated_json(valid)))
    found = outcome(lambda: read_json(path, schema), TrainingError, path)
    assert found is None or as_json(to_builtins(found)) == json.loads(path.read_bytes())


@SOON
@given(data=mutated_json(RESULTS))
def test_any_results_are_read_or_refused(folder, data):
    path = folder / "results.json"
    path.write_bytes(data)
    found = outcome(lambda: read_results(folder), TrainingError, path)
    assert found is None or found == json.loads(data)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"n_train": 0}, "'n_train': expected `int` >= 1"),
        ({"learning_rate": -1.0}, "'learning_rate': expected `float` > 0"),
        ({"seeds": "2"}, "'seeds': expected `int`, got `str`"),
        ({"data": "a.xyz"}, "'data': expected `array`, got `str`"),
        ({"command": "rm"}, "'command': invalid enum value 'rm'"),
        ({"more": 1}, "unknown field `more`"),
        ({"format": 99}, "expected 1, got 99"),
    ],
)
def test_what_no_job_can_have_is_named(tmp_path, change, what):
    (tmp_path / "run.json").write_text(json.dumps(job_of("finetune") | change))
    with pytest.raises(TrainingError) as refusal:
        Job.read(tmp_path)
    assert what in refusal.value.message
