"""From a fresh installation, without any network: what comes with the package."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hub.training.job import Job
from registry import shipped
from tests.hub.training.conftest import argon, write_data
from tests.shipping import ship

ROOT = Path(__file__).parents[2]
# As the command line, with another package around it.
CHILD = """
import sys
from pathlib import Path
from registry import shipped
shipped.FOLDER = Path(sys.argv[1])
from hub.cli.main import main
main(sys.argv[2:])
"""


@pytest.fixture
def package(hub, trained, random_directory, crystals, tmp_path, monkeypatch) -> Path:
    """The registry of a package with two models, of argon and of carbon, and a dataset."""
    carbon = shutil.copytree(random_directory, tmp_path / "carbon")
    (carbon / "README.md").write_text("---\nlicense: MIT\n---\n")
    for place, name in ((trained, "ar-small"), (carbon, "c-small")):
        given = ("--license", "MIT", "--description", "Small", "--version", "1.0.0")
        assert hub("publish", place, "--name", name, "--to", "./lab", *given).code == 0
    options = ("--name", "argon", "--labels", "lj", "--license", "MIT", "--to", "./lab")
    assert hub("import", crystals, *options).code == 0
    names = ["ar-small@1.0.0", "c-small@1.0.0", "argon@1.0.0"]
    folder = tmp_path / "package" / "_shipped"
    ship(names, [tmp_path / "lab"], folder)
    monkeypatch.setattr(shipped, "FOLDER", folder)
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "another home"))
    monkeypatch.setenv("HUB_OFFLINE", "1")
    return folder


def test_the_default_model_out_of_reach(hub, package, crystals, tmp_path) -> None:
    options = ("--data", crystals, "--epochs", 1, "--batch-size", 3)
    done = hub("finetune", *options, "--out", "run")
    assert done.code == 5
    assert "error: cannot get the published file of c-ace-pretrained" in done.err
    assert "HUB_OFFLINE" in done.err
    commands = [line.strip() for line in done.err.splitlines() if line.startswith("  hub ")]
    assert [shlex.split(line)[:2] for line in commands] == [["hub", "finetune"]]
    assert "--model ar-small" in commands[0]
    assert not (tmp_path / "run").exists()
    again = hub(*shlex.split(commands[0])[1:], "--out", "run", "--json")
    assert again.code == 0, again.err
    assert again.json["training"]["parent"]["name"] == "ar-small"
    assert again.json["training"]["recipe"]["batch_size"] == 3


def test_where_no_shipped_model_fits_none_is_named(hub, package, tmp_path) -> None:
    frames = argon(8)
    for atoms in frames:
        atoms.symbols[:] = "Cu"
    done = hub("finetune", "--data", write_data(tmp_path / "cu.xyz", frames))
    assert done.code == 5
    assert "mlip-hub:" not in done.err


def test_a_job_as_it_is_typed() -> None:
    job = Job(("my data.xyz", "b.xyz"), model="m", max_epochs=3, from_scratch=True, test=("t",))
    assert job.command_line() == (
        "hub finetune --data 'my data.xyz' --data b.xyz --model m --test t --epochs 3 "
        "--from-scratch"
    )


@pytest.mark.slow
def test_a_process_in_an_empty_home(package, tmp_path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment["HUB_HOME"] = str(tmp_path / "empty home")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(package), *arguments],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    rows = [line.split()[:5] for line in run("list").splitlines()]
    assert [row[:3] for row in rows if row[0] in ("ar-small", "argon")] == [
        ["ar-small", "1.0.0", "model"],
        ["argon", "1.0.0", "dataset"],
    ]
    assert "builtin/argon@1.0.0  (dataset)" in run("show", "argon")
    assert (Path(run("pull", "ar-small").strip()) / "weights.safetensors").exists()
    table = run("finetune", "--model", "ar-small", "--data", "argon@1", "--epochs", "1")
    assert "after" in table
    assert "builtin/ar-small@1.0.0: intact" in run("verify")
