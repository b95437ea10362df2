"""Work that a killed process leaves: held by one, resumed by the same settings alone."""

import re

import pytest

from hub.errors import JobError
from hub.jobs.unfinished import Unfinished
from hub.library import catalogue
from registry.errors import ExistsError, StorageError


@pytest.fixture
def local():
    return catalogue().local


@pytest.fixture
def work(local):
    return Unfinished(local.root / "work" / "copper-1.0.0", "the labels", "begun.json", r"\d+\.npz")


def test_settings_are_kept_until_the_work_is_retired(work, local):
    settings = {"range": (1, 2), "name": "lj"}
    with work.held(local):
        assert work.begun(dict, resume=True) is None
        work.begin(settings)
    with work.held(local):
        with pytest.raises(ExistsError, match=f"already exists in {re.escape(str(work.folder))}"):
            work.begun(dict, resume=False)
        begun = work.begun(dict, resume=True)
        work.require_same(begun, settings)
        with pytest.raises(JobError, match=r"started with a different name$"):
            work.require_same(begun, {**settings, "name": "eam"})
        work.retire(local)
    assert not work.folder.exists()


def test_one_process_holds_it(work, local):
    refused = pytest.raises(ExistsError, match="another process is writing the labels")
    with work.held(local), refused, work.held(local):
        pytest.fail("two hold it")


def test_what_is_not_ours_or_damaged_is_left(work, local):
    work.folder.mkdir(parents=True)
    (work.folder / "begun.json").write_text("{")
    with work.held(local), pytest.raises(JobError, match=r"begun\.json") as problem:
        work.begun(dict, resume=True)
    assert "start again" in problem.value.hint
    other = Unfinished(local.root / "work" / "mine", "the labels", "begun.json", r"\d+\.npz")
    other.folder.mkdir()
    (other.folder / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="mine"), other.held(local):
        pytest.fail("it is somebody else's")
