"""``hub distil`` killed by SIGKILL in the middle of each of its steps."""

import json
import signal
import time
from subprocess import PIPE

import pytest

from tests.cli.process import start
from tests.hub.synthesis.given import TEACHER, write_copper

# A file that a step writes before it is done.
MARKS = (
    "rank/scratch/fold-0/metrics.csv",
    "scratch/metrics.csv",
    "chains/around-000000.npz",
    "pretrained/metrics.csv",
    "student/metrics.csv",
)


@pytest.mark.slow
def test_killed_at_every_step_and_resumed_it_is_the_same(command, tmp_path):
    data, test = write_copper(tmp_path / "cu.xyz", 12), write_copper(tmp_path / "t.xyz", 4, seed=9)
    options = (
        "distil", "--data", data, "--test", test, "--teacher", TEACHER, "--n-train", 6,
        "--schedule", '{"chains": 1, "steps": 2}', "--pretrain-epochs", 30, "--layers", 1,
        "--features", 2, "--l-max", 1, "--cutoff", 3.5, "--jobs", 1, "--device", "cpu",
    )  # fmt: skip
    command(*options, "--out", "whole")
    place, given = tmp_path / "killed", options
    for mark in MARKS:
        process = start(*given, "--out", place, folder=tmp_path, stdout=PIPE, stderr=PIPE)
        while not (place / mark).exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
        assert process.returncode == -signal.SIGKILL, said.decode()
        assert not (place / "report.json").exists()
        given = ("distil", "--resume")
    command(*given, "--out", place)
    whole, resumed = (
        json.loads((folder / "report.json").read_text()) for folder in (tmp_path / "whole", place)
    )
    assert resumed["kept"] == whole["kept"]
    errors, expected = (
        {name: model["errors"] for name, model in report["models"].items()}
        for report in (resumed, whole)
    )
    assert list(expected) == [
        "from scratch", "teacher", "student before fine-tuning", "student",
    ]  # fmt: skip
    assert errors == expected
    assert set(resumed["seconds"]) == set(whole["seconds"])
