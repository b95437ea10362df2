"""An architecture of another package is trained, published and used like ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.training.conftest import argon, write_data

PLUGIN = Path(__file__).parent / "plugin" / "springs.py"


@pytest.fixture
def installed(tmp_path):
    """The folder in which the package is installed."""
    installed = tmp_path / "installed"
    metadata = installed / "hub_springs-1.0.dist-info"
    metadata.mkdir(parents=True)
    shutil.copy(PLUGIN, installed / "hub_springs.py")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hub-springs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[mlip_hub.architectures]\nsprings = hub_springs:Springs\n"
    )
    return installed


def test_it_is_trained_published_and_used(command, installed, tmp_path, monkeypatch):
    write_data(tmp_path / "argon.xyz", argon(24))
    (tmp_path / "springs.json").write_text('{"architecture": "springs", "r_max": 4.5}')
    evaluate = ("evaluate", "argon-springs", "--data", "argon.xyz")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(installed)
        command("import", "argon.xyz", "--name", "argon")
        pretrain = ("pretrain", "--data", "argon", "--model-config", "springs.json")
        command(*pretrain, "--n-train", "8", "--epochs", "3", "--out", "start")
        tuned = command(
            "finetune", "--data", "argon.xyz", "--model", "start", "--n-train", "8",
            "--epochs", "20", "--learning-rate", "0.1", "--out", "tuned", "--json",
        )  # fmt: skip
        errors = tuned.json["errors"]
        before, after = (
            errors[when]["all structures"]["force_rmse"] for when in ("before", "after")
        )
        assert after < before
        terms = ("--license", "MIT", "--description", "Springs")
        command("publish", "tuned", "--name", "argon-springs", "--version", "1.0.0", *terms)
        listed = command("list", "--architecture", "springs").out
        assert listed.splitlines()[1].split()[:4] == ["argon-springs", "1.0.0", "model", "springs"]
        assert "springs, Ar" in command("show", "argon-springs").out
        command(*evaluate)
        refused = command("export", "argon-springs", "--format", "nequip-package", code=4).err
        assert "architecture springs cannot be exported to nequip-package" in refused

    missing = command(*evaluate, code=6).err
    assert "unknown architecture 'springs' (known: " in missing
    assert "install the package that provides it" in missing


def test_its_names_are_found_without_importing_it(installed, tmp_path):
    (installed / "hub_springs.py").write_text("raise RuntimeError('imported')\n")
    path = [str(installed), os.environ.get("PYTHONPATH", "")]
    for command in ("--help", "list"):
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", command],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        )
        assert (done.returncode, done.stderr) == (0, "")
