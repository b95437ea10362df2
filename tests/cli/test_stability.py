"""``hub stability``: tables and plots of dynamics, which can be killed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ase.build import bulk

from hub.jobs.out_folder import at_work

ROOT = Path(__file__).parents[2]
MODEL = "c-nep-pretrained"


OPTIONS = ("--structure", "diamond.xyz", "--temperature", 300, "--timestep", 4)


@pytest.fixture
def stability(hub, tmp_path):
    """Return a function that heats eight atoms of diamond by a model that comes along."""
    bulk("C", cubic=True).write(tmp_path / "diamond.xyz")

    def run(*arguments: object, model: str = MODEL, duration: float = 0.2):
        return hub("stability", model, *OPTIONS, "--time", duration, *arguments)

    return run


@pytest.mark.slow
def test_table_csv_and_plot(stability, tmp_path) -> None:
    done = stability("--out", "md", "--json")
    assert done.code == 0, done.err
    facts = done.json[MODEL]
    rows = list(csv.DictReader((tmp_path / "md" / "0-c-nep-pretrained.csv").open()))
    assert [float(row["time"]) for row in rows] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])
    assert facts["time_ps"] == pytest.approx(0.2)
    assert facts["smallest_distance_A"] == min(float(row["smallest_distance"]) for row in rows)
    assert facts["failure"] is None
    table = (tmp_path / "md" / "stability.md").read_text().splitlines()
    assert len(table) == 3
    assert table[2].startswith("| c-nep-pretrained | 0.20 | ")
    assert (tmp_path / "md" / "stability.png").read_bytes().startswith(b"\x89PNG")
    alone = stability()
    assert (alone.code, "completed" in alone.out) == (0, True)


def of_two(hub, tmp_path, out: str, *arguments: object) -> dict:
    """Two models at once; what they write is the same wherever they run."""
    options = (*OPTIONS, "--time", 0.04, "--dtype", "float32", "--out", out, "--json")
    done = hub("stability", MODEL, "c-lcbop-pretrained-small", *options, *arguments)
    assert done.code == 0, done.err
    files = {path.name: path.read_bytes() for path in (tmp_path / out).glob("*.csv")}
    assert len(files) == 2
    return {**done.json, **files}


@pytest.mark.slow
def test_models_at_the_same_time_give_the_same_numbers(hub, stability, tmp_path) -> None:
    assert of_two(hub, tmp_path, "both", "--jobs", 2) == of_two(hub, tmp_path, "one")


@pytest.mark.slow
def test_models_on_dask_give_the_same_numbers(hub, stability, tmp_path, dask_cluster) -> None:
    there = of_two(hub, tmp_path, "there", "--dask", dask_cluster.scheduler_address)
    assert there == of_two(hub, tmp_path, "here")


@pytest.mark.slow
def test_going_on(stability, tmp_path) -> None:
    assert stability("--out", "md").code == 0
    refused = stability("--out", "md")
    assert (refused.code, "md is not empty" in refused.err) == (1, True)
    first = (tmp_path / "md" / "0-c-nep-pretrained.csv").read_text()
    longer = stability("--out", "md", "--resume", "--json", duration=0.4)
    assert longer.json[MODEL]["time_ps"] == pytest.approx(0.4)
    assert (tmp_path / "md" / "0-c-nep-pretrained.csv").read_text().startswith(first)
    other = stability("--out", "md", "--resume", "--seed", 1)
    assert (other.code, "started with another seed" in other.err) == (1, True)
    with at_work(tmp_path / "md"):
        busy = stability("--out", "md", "--resume")
    assert (busy.code, "another process is at work" in busy.err) == (1, True)
    state = tmp_path / "md" / "0-c-nep-pretrained.state.npz"
    state.write_bytes(state.read_bytes()[:-100])
    damaged = stability("--out", "md", "--resume")
    assert (damaged.code, f"{Path('md') / state.name} is corrupted" in damaged.err) == (1, True)


def test_bad_input(hub, stability, tmp_path) -> None:
    assert stability("--resume").code == 2
    assert stability("--element", "C").code == 2
    assert stability("--out", "md", model="nowhere").code == 3
    assert not (tmp_path / "md").exists()
    assert hub("stability", MODEL).code == 2
    unknown = hub("stability", MODEL, "--element", "Si", "--time", 1)
    assert (unknown.code, "Si" in unknown.err) == (6, True)
    assert hub("stability", MODEL, "--element", "Xx").code == 1


@pytest.mark.slow
def test_killed_and_gone_on_with(stability, tmp_path) -> None:
    options = ["stability", MODEL, *map(str, OPTIONS), "--time", "0.6", "--out", "md"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.cli.main", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    state = tmp_path / "md" / "0-c-nep-pretrained.state.npz"
    while not state.exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = stability("--out", "md", "--resume", "--json", duration=0.6)
    assert done.code == 0, done.err
    assert done.json == stability("--json", duration=0.6).json
