"""``hub pretrain``, alone and as a link of the chain from trajectories to a fine-tuned model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.io import write

from tests.hub.training.conftest import alloy
from tests.hub.training.trajectories import write_trajectories

ROOT = Path(__file__).parents[2]
SMALL = ("--layers=2", "--features=4", "--max-epochs=3")


def test_it_prints_the_plan_and_the_errors(hub, tmp_path) -> None:
    write_trajectories(tmp_path / "argon")
    (tmp_path / "m.json").write_text('{"num_features": 9, "readout_width": 4, "r_max": 3}')
    arguments = ("--data=argon", "--n-train=10", "--model-config=m.json", "--cutoff=3.5", *SMALL)
    done = hub("pretrain", *arguments, "--max-hours=1", "--json")
    assert done.code == 0, done.err
    assert "random weights (Ar, cutoff 3.5 Å" in done.err
    assert "structures of 6 trajectories for training, " in done.err
    assert "left out 1 structures without lj labels" in done.err
    assert "at most 3 epochs or 1 hours" in done.err
    folder = tmp_path / done.json["folder"]
    assert folder == tmp_path / "runs" / "argon"
    config = json.loads((folder / "model" / "config.json").read_text())
    chosen = {"num_layers": 2, "num_features": 4, "readout_width": 4, "r_max": 3.5, "l_max": 1}
    assert chosen.items() <= config.items()
    assert hub("pretrain", "--out=runs/argon", "--resume", "--json").json == done.json
    refused = hub("pretrain", "--out", folder, "--resume", "--n-train=9")
    assert refused.code == 1
    assert "was started with another --n-train" in refused.err
    other = hub("finetune", "--out", folder, "--resume")
    assert f"hint: hub pretrain --out {folder} --resume" in other.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--n=3",), 2, "Missing option '--data'"),
        (("--data=argon", "--labels=ace"), 1, "has no label set 'ace' (label sets: lj"),
        (("--data=argon", "--n=1000"), 1, "1000 training structures requested, but"),
        (("--data=argon", "--where=heat > 1"), 1, "heat"),
        (("--data=argon", "--model-config=bad.json"), 1, "unknown setting 'layers'"),
        (("--data=nowhere",), 3, "'nowhere' not found"),
    ],
)
def test_what_is_refused(hub, tmp_path, arguments, code, message) -> None:
    write_trajectories(tmp_path / "argon")
    (tmp_path / "bad.json").write_text('{"layers": 9}')
    done = hub("pretrain", *arguments)
    assert done.code == code, done.err
    assert message in done.err
    assert not (tmp_path / "runs").is_dir() or not any((tmp_path / "runs").iterdir())


def command(*arguments: object, processes: int = 1) -> list[str]:
    torchrun = ("-m", "torch.distributed.run", f"--nproc-per-node={processes}")
    return [
        sys.executable,
        *(torchrun if processes > 1 else ()),
        "-m",
        "hub.cli.main",
        *map(str, arguments),
    ]


def rows(folder: Path) -> np.ndarray:
    """Return the metrics but for the times."""
    return np.loadtxt(folder / "metrics.csv", delimiter=",", skiprows=1)[:, :-2]


@pytest.mark.slow
def test_the_chain(tmp_path) -> None:
    """Import -> pretrain, killed, and by two processes -> publish -> finetune, as commands."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    options: dict[str, Any] = {"cwd": tmp_path, "env": environment}

    def hub(*arguments: object, processes: int = 1) -> str:
        done = subprocess.run(
            command(*arguments, processes=processes), **options, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    frames = alloy(36)
    for number, atoms in enumerate(frames):
        atoms.info |= {"run_id": number // 6, "time": number % 6}
    write(tmp_path / "emt.extxyz", frames, format="extxyz")
    assert hub("import", "emt.extxyz", "--name=alloys", "--labels=emt") == "local/alloys@1.0.0\n"
    work = ("pretrain", "--data=alloys", "--labels=emt", "--n-train=20", "--batch-size=5", *SMALL)

    hub(*work, "--out=undisturbed")
    process = subprocess.Popen(command(*work, "--out=run"), **options, stderr=subprocess.DEVNULL)
    while not (tmp_path / "run" / "training-state.pt").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "run" / "results.json").exists()
    hub("pretrain", "--out=run", "--resume")
    assert np.array_equal(rows(tmp_path / "run"), rows(tmp_path / "undisturbed"), equal_nan=True)
    weights = "model/weights.safetensors"
    trained = [(tmp_path / name / weights).read_bytes() for name in ("run", "undisturbed")]
    assert trained[0] == trained[1]

    hub(*work, "--out=two", processes=2)
    np.testing.assert_allclose(rows(tmp_path / "two"), rows(tmp_path / "run"), rtol=1e-3)
    assert json.loads((tmp_path / "two" / "results.json").read_text())["training"]["processes"] == 2

    hub("publish", "run", "--name=alloys-pretrained", "--version=1.0.0", "--license=MIT")
    done = hub(
        "finetune", "--data=emt.extxyz", "--model=alloys-pretrained", "--n-train=8", "--epochs=2",
        "--out=tuned", "--json",
    )  # fmt: skip
    results = json.loads(done)
    assert results["training"]["parent"]["name"] == "alloys-pretrained"
    before, after = (results["errors"][name]["all structures"] for name in ("before", "after"))
    assert after["force_rmse"] < before["force_rmse"]
