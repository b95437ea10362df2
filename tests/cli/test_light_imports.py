"""Commands that train or evaluate on a CPU load no library of models, and plot only at the end."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys

from hub.cli.main import main

HEAVY = {"nequip", "e3nn", "lightning", "torchmetrics", "sevenn", "torch._dynamo"}

def report(name, *others):
    print(name, *sorted(HEAVY.union(others) & set(sys.modules)), file=sys.stderr)

def run(*arguments):
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code, arguments
"""
PULL = """
run("pull", "c-edip-pretrained")
report("PULLED", "matplotlib")
"""
TRAIN = """
from hub.training.loop import Trainer

data = "--data=c-pbe-examples", "--device=cpu"
run("evaluate", "c-nep-pretrained", *data)
report("EVALUATED", "matplotlib")
train = Trainer.run

def train_and_report(self, **options):
    train(self, **options)
    report("TRAINED", *other_libraries)

Trainer.run = train_and_report
other_libraries = ["matplotlib"]
settings = "--model=c-nep-pretrained", "--n-train=5", "--epochs=1", *data
run("finetune", "--out=tuned", *settings)
report("PLOTTED")
other_libraries = []
run("finetune", "--out=scratch", "--from-scratch", *settings)
"""


def reports(commands: str, folder) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + commands],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return [line for line in done.stderr.splitlines() if line.partition(" ")[0].isupper()]


@pytest.mark.slow
def test_pulling_a_published_model(tmp_path, home, mirror):
    assert reports(PULL, tmp_path) == ["PULLED"]


@pytest.mark.slow
def test_evaluating_and_training(tmp_path, home):
    assert reports(TRAIN, tmp_path) == ["EVALUATED", "TRAINED", "PLOTTED", "TRAINED"]
