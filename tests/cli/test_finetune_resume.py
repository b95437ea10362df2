"""``hub finetune --resume``: stopped trainings go on, and only with what they started with."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ase.io import read

from hub.training import recipe
from hub.training.run_folder import locked
from tests.hub.training.conftest import argon, write_data

ROOT = Path(__file__).parents[2]


@pytest.fixture
def unfinished(finetune, tmp_path, monkeypatch):
    """Return a function that makes a run folder whose training was stopped after an epoch."""

    def make(*arguments: object) -> Path:
        with monkeypatch.context() as patch:
            patch.setattr("hub.training.run.parity_plot", _interrupt)
            done = finetune(*arguments, "--out", "run")
        assert done.code == 130
        assert "resume with: hub finetune --out run --resume\n" in done.err
        return tmp_path / "run"

    return make


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_finished_run_prints_its_results_again(hub, trained) -> None:
    done = hub("finetune", "--out", trained, "--resume", "--json")
    assert done.code == 0
    results = json.loads((trained / "results.json").read_text())
    assert done.json == {"folder": str(trained), **results}
    assert "all structures  1" in hub("finetune", "--out", trained, "--resume").out


def test_what_is_no_run_folder_cannot_be_resumed(hub, tmp_path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        done = hub("finetune", "--out", folder, "--resume")
        assert done.code == 1
        assert f"{folder} is not a run folder: run.json is missing" in done.err


def test_an_interrupted_run_says_how_to_go_on_and_does(hub, unfinished, trained, crystals) -> None:
    run = unfinished("--data", crystals)
    assert not (run / "results.json").exists()
    done = hub("finetune", "--out", run, "--resume", "--json")
    assert done.code == 0
    assert "resuming after 4 of at most 4 steps" in done.err
    for name in ("weights.safetensors", "probe.json", "config.json"):
        assert (run / "model" / name).read_bytes() == (trained / "model" / name).read_bytes()


def test_changed_data_are_not_gone_on_with(hub, unfinished, crystals, tmp_path) -> None:
    frames = read(crystals, ":")
    data = write_data(tmp_path / "mine.xyz", frames)
    test = write_data(tmp_path / "test.xyz", argon(3, seed=9))
    run = unfinished("--data", data, "--test", test)
    write_data(test, argon(3, seed=10))
    done = hub("finetune", "--out", run, "--resume")
    assert done.code == 1
    assert "started: test data" in done.err
    frames[0].calc.results["energy"] += 0.01
    write_data(data, frames)
    done = hub("finetune", "--out", run, "--resume")
    assert done.code == 1
    assert "training data" in done.err
    assert "hint: Restore the old files" in done.err
    data.unlink()
    done = hub("finetune", "--out", run, "--resume")
    assert done.code == 1
    assert "mine.xyz" in done.err


def test_resuming_keeps_the_recipe_that_it_started_with(hub, unfinished, crystals, monkeypatch):
    run = unfinished("--data", crystals)
    other = recipe.DEFAULT_FROM_SCRATCH.with_changes(energy_weight=0.5)
    started_with = recipe.DEFAULT_FROM_SCRATCH.energy_weight
    monkeypatch.setattr(recipe, "DEFAULT_FROM_SCRATCH", other)
    done = hub("finetune", "--out", run, "--resume", "--json")
    assert done.json["training"]["recipe"]["energy_weight"] == started_with


def test_one_training_at_a_time_in_a_folder(hub, finetune, unfinished, crystals) -> None:
    run = unfinished("--data", crystals)
    with locked(run):
        done = hub("finetune", "--out", run, "--resume")
    assert done.code == 1
    assert f"another process is at work in {run}" in done.err
    assert (run / "training-state.pt").exists()


@pytest.mark.slow
def test_interrupted_at_a_terminal(crystals, from_scratch, tmp_path) -> None:
    """The bar goes away, the cursor comes back, and the next command is said."""
    ours, theirs = pty.openpty()
    options = (*from_scratch, "--epochs=5000", f"--data={crystals}", "--out=run")
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.cli.main", "finetune", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown, interrupted = b"", False
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(ours, 4096):
            shown += piece
            said = b"not counting validation" in shown and b": validation" in shown
            if said and not interrupted:
                process.send_signal(signal.SIGINT)
                interrupted = True
    assert process.wait() == 130
    assert b"building graphs" in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    lines = shown.decode().split("\r\n")
    assert lines[-4].endswith("resume with: hub finetune --out run --resume")
    assert lines[-3:] == ["", "interrupted", ""]
    assert any(line.endswith("not counting validation") for line in lines)
    assert not any("━" in line.rpartition("\r")[2] for line in lines if "time:" in line)
    assert (tmp_path / "run" / "training-state.pt").exists()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("--epochs", "9"), "was started with another --epochs"),
        (("--data", "a.xyz"), "was started with another --data"),
        (("--n-train", "3"), "was started with another --n-train"),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(hub, trained, settings, says) -> None:
    done = hub("finetune", "--out", trained, "--resume", *settings)
    assert (done.code, done.out) == (1, "")
    assert says in done.err


def test_the_same_command_resumes_the_run(hub, trained, crystals, from_scratch) -> None:
    done = hub("finetune", *from_scratch, "--epochs=2", "--data", crystals, "--out", trained,
               "--resume", "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["training"]["epochs"] == 2


def test_the_run_folder_to_resume_has_to_be_named(hub) -> None:
    done = hub("finetune", "--resume")
    assert (done.code, done.out) == (1, "")
    assert "hint: Name it with --out." in done.err
