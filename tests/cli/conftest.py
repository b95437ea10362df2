"""Small data and trainings to give the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.cli.main import main
from tests.hub.training.conftest import argon, write_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Done


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Return where this test's settings and versions will be kept; it does not exist yet."""
    home = tmp_path / "home"
    monkeypatch.setenv("HUB_HOME", str(home))
    return home


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
