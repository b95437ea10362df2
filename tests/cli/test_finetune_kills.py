"""``hub finetune`` killed at any moment goes on to the very same result."""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from tests.hub.training.conftest import argon, write_data

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_in_call(target: str, number: int) -> None:
    """Die at the beginning of a call of a function, counted from zero."""
    place, _, name = target.rpartition(".")
    # A server of forks that another test has started may not have imported it.
    module = importlib.import_module(place)
    function, calls = getattr(module, name), iter(range(number))

    def replacement(*arguments: Any, **named: Any) -> Any:
        if next(calls, None) is None:
            _die()
        return function(*arguments, **named)

    setattr(module, name, replacement)


def _die_half_way_through_a_state(number: int) -> None:
    import torch

    save, calls = torch.save, iter(range(number))

    def replacement(state: Any, file: BinaryIO, **options: Any) -> None:
        save(state, file, **options)
        if options:
            return  # a copy of a module, which torch makes by saving it
        if next(calls, None) is None:
            file.truncate(5000)
            _die()

    torch.save = replacement


def _run(folder: Path, arguments: list[str], prepare: Callable[..., None] | None, *given: Any):
    """Be the process of a command; its output goes into files.

    One that is to die saves its state after every epoch, which takes too much of epochs this short.
    """
    from hub import saving
    from hub.cli.main import main

    if prepare is not None:
        saving._SHARE = math.inf
    os.chdir(folder)
    os.environ["HUB_HOME"] = str(folder / "home")
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        if prepare is not None:
            prepare(*given)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(arguments)


@pytest.fixture(scope="module")
def start():
    """Return a function that starts a command in a process forked from one that has imported all.

    A process of its own can be killed like any other; importing everything each time takes long.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hub.training.finetune", "hub.cli.training_output", __name__])
    # The server may not have a terminal's or a test runner's threads and settings.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.chdir(ROOT)
        multiprocessing.forkserver.ensure_running()

    def begin(folder: Path, *arguments: str, die: tuple[Any, ...] = (None,)) -> BaseProcess:
        process = context.Process(target=_run, args=(folder, ["finetune", *arguments], *die))
        process.start()
        return process

    return begin


@pytest.fixture(scope="module")
def run(start):
    """Return a function that runs a command to its end and returns its exit code."""

    def to_the_end(*arguments: Any, **named: Any) -> int:
        process = start(*arguments, **named)
        process.join()
        return process.exitcode

    return to_the_end


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "argon.xyz", argon(8))


@pytest.fixture(scope="module")
def options(from_scratch, data) -> tuple[str, ...]:
    return *from_scratch, "--epochs=3", "--batch-size=3", f"--data={data}", "--out=run"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, run, options) -> Path:
    """Return the run folder of a training that nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(folder, *options) == 0, (folder / "err").read_text()
    return folder / "run"


def rows(folder: Path) -> list[str]:
    """Return the lines of the metrics without their last columns, which are times."""
    return [line.rsplit(",", 2)[0] for line in (folder / "metrics.csv").read_text().splitlines()]


def assert_same(folder: Path, expected: Path) -> None:
    weights = "model/weights.safetensors"
    assert (folder / weights).read_bytes() == (expected / weights).read_bytes()
    assert rows(folder) == rows(expected)
    ours, theirs = (json.loads((path / "results.json").read_text()) for path in (folder, expected))
    assert ours["errors"] == theirs["errors"]
    assert [path for end in ("tmp", "part") for path in folder.rglob(f"*.{end}")] == []


MOMENTS = {
    "in the middle of the second epoch": ("hub.training.steps.loss_of", 3),
    "after the last step, before its state is saved": ("hub.training.loop.save_state", 2),
    "while the model is checked": ("hub.potentials.directory.verify_probe", 0),
    "before the card is written": ("hub.training.run.write_card", 0),
    "while the plot is drawn": ("hub.training.run.parity_plot", 0),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment(moment, tmp_path, start, run, options, undisturbed) -> None:
    die = (_die_in_call, *MOMENTS[moment])
    assert run(tmp_path, *options, die=die) == KILLED
    assert not (tmp_path / "run" / "results.json").exists()
    assert run(tmp_path, "--out=run", "--resume") == 0, (tmp_path / "err").read_text()
    assert_same(tmp_path / "run", undisturbed)


def test_killed_before_each_file_is_put_in_its_place(tmp_path, run, options, undisturbed) -> None:
    """One training, killed again and again, each time after one file more than the time before."""
    # The first two make it a run folder: recipe and job.
    die = (_die_in_call, "registry.files.settle", 2)
    code, kills = run(tmp_path, *options, die=die), 0
    while code == KILLED:
        kills += 1
        assert not (tmp_path / "run" / "results.json").exists()
        code = run(
            tmp_path, "--out=run", "--resume", die=(_die_in_call, "registry.files.settle", kills)
        )
    assert code == 0, (tmp_path / "err").read_text()
    assert kills >= 3
    assert_same(tmp_path / "run", undisturbed)


def test_killed_half_way_through_writing_its_state(tmp_path, run, options, undisturbed) -> None:
    die = (_die_half_way_through_a_state, 1)
    assert run(tmp_path, *options, die=die) == KILLED
    assert len(list((tmp_path / "run").glob("*.tmp"))) == 1
    assert run(tmp_path, "--out=run", "--resume") == 0, (tmp_path / "err").read_text()
    assert "resuming after 3 of at most 9 steps" in (tmp_path / "err").read_text()
    assert_same(tmp_path / "run", undisturbed)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random(seed, tmp_path, start, run, options, undisturbed) -> None:
    chance = random.Random(seed)
    run_folder = tmp_path / "run"
    for _ in range(3):
        if (run_folder / "run.json").exists():
            process = start(tmp_path, "--out=run", "--resume")
        else:
            process = start(tmp_path, *options)
            while not (run_folder / "run.json").exists():
                time.sleep(0.01)
        process.join(chance.uniform(0, 1.5))
        process.kill()
        process.join()
    assert run(tmp_path, "--out=run", "--resume") == 0, (tmp_path / "err").read_text()
    assert_same(run_folder, undisturbed)


def test_several_seeds_killed_in_the_second_and_while_the_best_is_copied(
    tmp_path, run, options, undisturbed
) -> None:
    arguments = (*options, "--seeds=2")
    die = (_die_in_call, "hub.training.steps.loss_of", 13)
    assert run(tmp_path, *arguments, die=die) == KILLED
    first = (tmp_path / "run" / "seed-0" / "results.json").read_bytes()
    assert_same(tmp_path / "run" / "seed-0", undisturbed)
    die = (_die_in_call, "shutil.copy2", 1)
    assert run(tmp_path, "--out=run", "--resume", die=die) == KILLED
    assert not (tmp_path / "run" / "results.json").exists()
    assert run(tmp_path, "--out=run", "--resume", "--json") == 0, (tmp_path / "err").read_text()
    assert (tmp_path / "run" / "seed-0" / "results.json").read_bytes() == first
    results = json.loads((tmp_path / "out").read_text())
    best = tmp_path / "run" / f"seed-{results['seeds']['best']}"
    for name in ("model/weights.safetensors", "parity.png"):
        assert (tmp_path / "run" / name).read_bytes() == (best / name).read_bytes()


@pytest.mark.slow
def test_two_at_once_and_kill_nine_of_the_real_command(tmp_path, run, options, undisturbed) -> None:
    command = [sys.executable, "-m", "hub.cli.main", "finetune"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *options],
        cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while not (tmp_path / "run" / "run.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    for arguments in (
        ("--out=run", "--resume"),
        options,
    ):
        assert run(tmp_path, *arguments) == 1
        error = (tmp_path / "err").read_text()
        assert "another process is at work in run" in error or "run is not empty" in error
    process.kill()
    assert process.wait() == KILLED
    done = subprocess.run(
        [*command, "--out=run", "--resume"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "run", undisturbed)
