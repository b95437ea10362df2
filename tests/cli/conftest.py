"""Small data and trainings to give the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from hub.cli.main import main
from hub.potentials.building import build_accelerated
from hub.potentials.nequip.onehot import OneHotConfig
from tests.hub.training.conftest import TINY, argon, write_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Done


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Return where this test's settings and versions will be kept; it does not exist yet."""
    home = tmp_path / "home"
    monkeypatch.setenv("HUB_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def from_scratch(tmp_path_factory) -> tuple[str, ...]:
    """Options for random weights of a small architecture, which is built and trained quickly."""
    from hub.potentials.directory import write_model

    folder = tmp_path_factory.mktemp("architecture")
    config = OneHotConfig(("Ar",), 4.0, 12.0, "nothing", **TINY)
    write_model(folder, build_accelerated(config, dtype=torch.float64, seed=0))
    return "--from-scratch", f"--model={folder}"


@pytest.fixture
def finetune(hub, from_scratch):
    """Return a function that trains from scratch for two epochs, but for what is given."""

    def run(*arguments: object) -> Done:
        return hub("finetune", *from_scratch, "--epochs", 2, *arguments)

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
def trained(tmp_path_factory, crystals, from_scratch) -> Path:
    """Return a finished run folder; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    with pytest.raises(SystemExit) as left:
        main(["finetune", *from_scratch, "--epochs=2", f"--data={crystals}", f"--out={folder}"])
    assert not left.value.code
    return folder
