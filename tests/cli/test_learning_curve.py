"""``hub learning-curve`` on copper, with an architecture small enough to train in a second."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from hub.jobs.out_folder import at_work
from hub.structures import StructureSet, read_structures
from hub.structures.fingerprints import fingerprints
from hub.structures.identity import is_among
from hub.studies.held_out import hold_out
from tests.hub.training.conftest import TINY, argon

ROOT = Path(__file__).parents[2]
COPPER = ROOT / "tests" / "data" / "copper-emt.extxyz"


@pytest.fixture
def tiny(tmp_path, trained) -> str:
    """The architecture of a small model of copper; there are no weights."""
    config = json.loads((trained / "model" / "config.json").read_text())
    config |= TINY | {"type_names": ["Cu"], "r_max": 3.5}
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text(json.dumps(config))
    return "scratch=tiny"


@pytest.fixture
def curve(hub, tiny):
    """Return a function that draws a curve of two seeds, two epochs each."""

    def run(*arguments: object, sizes: str = "4,8"):
        options = ("--data", COPPER, "--start", tiny, "--out", "curve", "--seeds", 2)
        return hub("learning-curve", *options, "--sizes", sizes, "--epochs", 2, *arguments)

    return run


def runs(tmp_path) -> dict[str, dict]:
    """The results of every run folder, by its last two names."""
    found = (tmp_path / "curve").glob("*/*/*/results.json")
    return {"/".join(path.parts[-3:-1]): json.loads(path.read_text()) for path in found}


@pytest.mark.slow
def test_every_training_is_in_table_and_plot(curve, tmp_path) -> None:
    done = curve("--json")
    assert done.code == 0, done.err
    results = runs(tmp_path)
    assert sorted(results) == [
        "4-structures/seed-0", "4-structures/seed-1", "8-structures/seed-0", "8-structures/seed-1",
    ]  # fmt: skip
    with (tmp_path / "curve" / "learning_curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4
    for row, point in zip(rows, done.json["points"], strict=True):
        result = results[f"{row['structures']}-structures/seed-{row['seed']}"]
        after = result["errors"]["after"]["all structures"]
        numbers = after.keys() - {"n_structures"}
        assert {name: point[name] for name in numbers} == {name: after[name] for name in numbers}
        assert point["stress_rmse"] is None
        assert float(row["force_rmse"]) == point["force_rmse"]
        assert result["training"]["data"]["n_train"] == point["structures"]
        assert (point["start"], point["test_structures"]) == ("scratch=tiny", 12)
        assert point["force_rmse_before"] is None
    table = (tmp_path / "curve" / "learning_curve.md").read_text()
    forces = [
        results[f"8-structures/seed-{seed}"]["errors"]["after"]["all structures"]["force_rmse"]
        for seed in (0, 1)
    ]
    written = f"{mean(forces):.3f} ({forces[0]:.3f}, {forces[1]:.3f})"
    assert "| 8 | scratch=tiny | " in table
    assert written in table
    assert "on 12 test structures, mean over seeds 0, 1" in table
    assert (tmp_path / "curve" / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert "4 of 4: scratch=tiny, 8 structures, seed 1: " in done.err
    # All are judged by the same structures, which nobody trained on.
    inputs = [json.loads(p.read_text()) for p in (tmp_path / "curve").glob("*/*/*/inputs.json")]
    assert len({each["test data"] for each in inputs}) == 1
    data = read_structures(COPPER).structures
    test = read_structures(tmp_path / "curve" / "test.extxyz").structures
    held_out = set(fingerprints(test))
    assert len(held_out) == len(test) == 12
    assert held_out < set(fingerprints(data))
    np.testing.assert_allclose(test.energies, hold_out(data).energies, rtol=1e-12)


def numbers(done) -> list[dict]:
    """What must not depend on where a training is done."""
    assert done.code == 0, done.err
    return [{**point, "seconds": 0} for point in done.json["points"]]


@pytest.mark.slow
def test_trainings_at_the_same_time_give_the_same_numbers(curve) -> None:
    alone = numbers(curve("--json", sizes="4"))
    assert numbers(curve("--json", "--out", "both", "--jobs", 2, sizes="4")) == alone


@pytest.mark.slow
def test_trainings_on_dask_give_the_same_numbers(curve, dask_cluster, tmp_path) -> None:
    address = dask_cluster.scheduler_address
    there = numbers(curve("--json", "--out", "there", "--dask", address, sizes="4"))
    assert (tmp_path / "there" / "scratch=tiny" / "4-structures" / "seed-1").is_dir()
    assert numbers(curve("--json", sizes="4")) == there
    # What was begun there is gone on with here.
    assert numbers(curve("--json", "--out", "there", "--resume", sizes="4")) == there


@pytest.mark.slow
def test_resuming_does_what_is_left_and_no_more(curve, tmp_path) -> None:
    first = curve("--paper")
    assert first.code == 0
    assert "note: the paper has figures for data of carbon alone and silicon alone" in first.err
    folder = tmp_path / "curve"
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("*/8-*/*/results.json")}
    for number, path in enumerate(folder.glob("*/4-*/*/results.json")):
        path.unlink()
        if number:  # as if killed before the job was written
            for other in path.parent.glob("*.json"):
                other.unlink()
    again = curve("--resume", "--jobs", 1, sizes="4,6,8")
    assert again.code == 0, again.err
    assert "6 trainings (2 already finished)" in again.err
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(runs(tmp_path)) == 6
    assert [line.split()[0] for line in again.out.splitlines()] == ["STRUCTURES", "4", "6", "8"]
    other = curve("--resume", "--batch-size", 2)
    assert other.code == 1
    assert "started with other settings: batch_size was 5" in other.err
    refused = curve()
    assert (refused.code, "curve is not empty" in refused.err) == (1, True)
    with at_work(folder):
        busy = curve("--resume")
    assert (busy.code, "another process" in busy.err) == (1, True)


def test_starts_beside_each_other(curve, hub, trained, many_crystals, tmp_path) -> None:
    options = ("--data", many_crystals, "--sizes", 5, "--seeds", 1, "--epochs", 1, "--out", "curve")
    starts = ("--start", trained, "--start", f"scratch={trained}", "--start", trained)
    done = hub("learning-curve", *options, *starts, "--json")
    assert done.code == 0, done.err
    tuned, scratch = done.json["points"]
    assert (tuned["start"], scratch["start"]) == (str(trained), f"scratch={trained}")
    assert tuned["force_rmse_before"] > 0
    assert scratch["force_rmse_before"] is None


@pytest.mark.slow
def test_a_start_carried_to_another_element(hub, tmp_path) -> None:
    options = ("--data", "si-pbe-examples", "--sizes", "5,8", "--seeds", 1, "--epochs", 1)
    start = ("--start", "auto=c-nep-pretrained", "--out", "curve", "--json")
    done = hub("learning-curve", *options, *start)
    assert done.code == 0, done.err
    assert [point["start"] for point in done.json["points"]] == ["auto=c-nep-pretrained@1.1.0"] * 2
    for point in done.json["points"]:
        assert point["force_rmse_before"] > 0
        folder = tmp_path / "curve" / point["start"] / f"{point['structures']}-structures/seed-0"
        found = json.loads((folder / "alchemical.json").read_text())["chosen"]["transmutation"]
        assert found["pairs"] == [["C", "Si"]]
        assert 1.4 < found["scale"] < 1.7
        assert json.loads((folder / "recipe.json").read_text())["learning_rate"] == 0.01
    # What the recipe says anyway may also be said by hand.
    again = hub("learning-curve", *options, *start, "--resume", "--learning-rate", 0.01)
    assert (again.code, "2 trainings (2 already finished)" in again.err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--sizes", "4,400"), 1, "400 training structures requested, but 48 are available"),
        (("--sizes", "46"), 1, "leave fewer than 5 for validation"),
        (("--sizes", "4,x"), 2, "expected positive integers such as 10,25,50, got '4,x'"),
        (("--sizes", "0"), 2, "expected positive integers"),
        (("--start", "c-ace-pretraind"), 3, "Did you mean c-ace-pretrained"),
        (("--start", "argon"), 1, "unknown-elements: the model covers Ar but not Cu"),
        (("--data", "nowhere.xyz"), 1, "nowhere.xyz"),
    ],
)
def test_refusals_leave_nothing(hub, tiny, trained, tmp_path, arguments, code, says) -> None:
    (tmp_path / "argon").symlink_to(trained)
    options = ("--data", COPPER, "--start", tiny, "--out", "curve", "--sizes", "4")
    done = hub("learning-curve", *options, *arguments)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert not (tmp_path / "curve").exists()


def test_what_is_held_out_is_recognised_however_a_file_rounds_it() -> None:
    frames = argon(20)
    for atoms in frames[:19]:
        atoms.positions[0] = 1.4999999e-5
    data = StructureSet.from_atoms(frames)
    held_out = hold_out(data)
    for decimals in (3, 5, 8):
        rounded = dataclasses.replace(held_out, positions=held_out.positions.round(decimals))
        assert is_among(data, rounded).sum() == len(held_out) == 4


@pytest.mark.slow
def test_killed_and_gone_on_with(hub, tiny, tmp_path) -> None:
    options = ["learning-curve", "--data", str(COPPER), "--start", tiny, "--out", "curve"]
    options += ["--sizes", "4,8", "--seeds", "2", "--epochs", "12", "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.cli.main", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    while not runs(tmp_path):
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()  # to the end of the workers, who notice that they work for nobody
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("curve/**/results.json")}
    assert len(finished) < 4
    done = hub(*options, "--resume")
    assert done.code == 0, done.err
    assert f"4 trainings ({len(finished)} already finished)" in done.err
    assert len(runs(tmp_path)) == 4
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
