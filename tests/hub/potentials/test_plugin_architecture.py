"""An architecture of another package is trained, published and used like ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.training.conftest import argon, write_data

PLUGIN = Path(__file__).parent / "plugin" / "springs.py"


@pytest.fixture
def run(tmp_path):
    """Return a function that runs Python where the package is installed, and one where not."""
    installed = tmp_path / "installed"
    metadata = installed / "hub_springs-1.0.dist-info"
    metadata.mkdir(parents=True)
    shutil.copy(PLUGIN, installed / "hub_springs.py")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hub-springs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[mlip_hub.architectures]\nsprings = hub_springs:Springs\n"
    )

    def run(*arguments, code=0, with_plugin=True):
        path = [str(installed)] * with_plugin + [os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_it_is_trained_published_and_used(run, tmp_path):
    write_data(tmp_path / "argon.xyz", argon(24))
    (tmp_path / "springs.json").write_text('{"architecture": "springs", "r_max": 4.5}')
    hub = ("-m", "hub.cli.main")
    run(*hub, "import", "argon.xyz", "--name", "argon")
    pretrain = ("pretrain", "--data", "argon", "--model-config", "springs.json")
    run(*hub, *pretrain, "--n-train", "8", "--epochs", "3", "--out", "start")
    tuned = run(
        *hub, "finetune", "--data", "argon.xyz", "--model", "start", "--n-train", "8",
        "--epochs", "20", "--learning-rate", "0.1", "--out", "tuned", "--json",
    )  # fmt: skip
    errors = json.loads(tuned.stdout)["errors"]
    before, after = (errors[when]["all structures"]["force_rmse"] for when in ("before", "after"))
    assert after < before
    terms = ("--license", "MIT", "--description", "Springs")
    run(*hub, "publish", "tuned", "--name", "argon-springs", "--version", "1.0.0", *terms)
    listed = run(*hub, "list", "--architecture", "springs").stdout
    assert listed.splitlines()[1].split()[:4] == ["argon-springs", "1.0.0", "model", "springs"]
    assert "springs, Ar" in run(*hub, "show", "argon-springs").stdout
    evaluate = ("evaluate", "argon-springs", "--data", "argon.xyz")
    run(*hub, *evaluate)
    refused = run(*hub, "export", "argon-springs", "--format", "nequip-package", code=4).stderr
    assert "architecture springs cannot be exported to nequip-package" in refused

    missing = run(
        *hub, "evaluate", "argon-springs", "--data", "argon.xyz", code=6, with_plugin=False
    ).stderr
    assert "unknown architecture 'springs' (known: " in missing
    assert "install the package that provides it" in missing


def test_its_names_are_found_without_importing_it(run, tmp_path):
    (tmp_path / "installed" / "hub_springs.py").write_text("raise RuntimeError('imported')\n")
    for command in ("--help", "list"):
        assert run("-m", "hub.cli.main", command).stderr == ""
