"""The command line in this process, and small data and trainings to give it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from hub.cli.main import main
from tests.hub.training.conftest import argon, write_data

if TYPE_CHECKING:
    from pathlib import Path


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content


@pytest.fixture
def hub(tmp_path, monkeypatch, capfd):
    """Return a function that runs the command line in a folder of this test's own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        code = left.value.code
        return Done(int(code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def finetune(hub):
    """Return a function that trains from scratch for two epochs, but for what is given."""

    def run(*arguments: object) -> Done:
        return hub("finetune", "--from-scratch", "--epochs", 2, *arguments)

    return run


@pytest.fixture(scope="session")
def crystals(tmp_path_factory) -> Path:
    """Eight argon crystals."""
    return write_data(tmp_path_factory.mktemp("data") / "argon.xyz", argon(8))


@pytest.fixture(scope="session")
def many_crystals(tmp_path_factory) -> Path:
    """Enough of them for a test set beside 6 for training and 10 for validation."""
    return write_data(tmp_path_factory.mktemp("data") / "many.xyz", argon(28, seed=5))


@pytest.fixture(scope="session")
def trained(tmp_path_factory, crystals) -> Path:
    """Return a finished run folder; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    with pytest.raises(SystemExit) as left:
        main(["finetune", "--from-scratch", "--epochs=2", f"--data={crystals}", f"--out={folder}"])
    assert not left.value.code
    return folder
