"""``hub relabel`` as a process of its own."""

import json

import pytest
from ase.calculators.lj import LennardJones
from ase.io import write

from hub.datasets.loading import load_dataset
from tests.cli.test_registry_commands import Hub
from tests.hub.teachers.conftest import MOODY, cluster

LJ = "ase:ase.calculators.lj.LennardJones"


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path / "home")
    write(tmp_path / "a.extxyz", [cluster(size) for size in range(2, 9)])
    hub("import", tmp_path / "a.extxyz", "--name", "clusters")
    return hub


def test_relabel_and_verify(hub, monkeypatch):
    arguments = ("--teacher", LJ, "--arguments", '{"epsilon": 0.5}', "--as", "lj", "--jobs", 1)
    done = hub("relabel", "clusters", *arguments, "--verify", 3)
    assert done.stdout == "local/clusters@1.1.0\n"
    assert "7 of 7 structures are labelled\n3 computed again: energies differ by" in done.stderr
    monkeypatch.setenv("HUB_HOME", str(hub.home))
    pair = cluster(2)
    pair.calc = LennardJones(epsilon=0.5)
    energy = load_dataset("clusters", labels="lj").energies[0]
    assert energy == pytest.approx(pair.get_potential_energy())
    shown = hub("show", "clusters").stdout
    assert LJ in shown
    assert "relabelled" in shown

    checked = hub.json("relabel", "clusters", *arguments, "--verify", 100)
    assert checked == {"n_structures": 7, "energy": 0.0, "force": 0.0}
    wrong = ("--teacher", LJ, "--as", "lj", "--jobs", 1, "--verify", 100)
    assert (
        "7 of 7 structures have other lj labels"
        in hub("relabel", "clusters", *wrong, code=4).stderr
    )
    assert "has a label set 'lj' already" in hub("relabel", "clusters", *arguments, code=1).stderr


def test_failures_are_told(hub):
    arguments = json.dumps({"fails": [3], "kills": [5]})
    done = hub(
        "relabel", "clusters", "--teacher", MOODY, "--arguments", arguments, "--as", "lj",
        "--jobs", 2, "--json",
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert set(result["failures"]) == {"1", "3"}
    assert result["labels"]["structures"] == 5
    assert "clusters@1.0.0[1] has no labels: " in done.stderr
    assert "SIGKILL" in done.stderr


def test_what_cannot_be_done_is_said(hub):
    def error(*arguments, code=1):
        return hub("relabel", "clusters", *arguments, code=code).stderr

    assert "Did you mean lcbop?" in error("--teacher", "lcbob", "--as", "x")
    assert "needs its parameter file" in error("--teacher", "nep", "--as", "x")
    assert "no class" in error("--teacher", "ase:ase.calculators.lj.Nope", "--as", "x")
    both = ("--dask", "tcp://127.0.0.1:1", "--jobs", 2)
    assert "no --jobs" in error("--teacher", LJ, "--as", "x", *both, code=2)
    assert "--slurm needs --jobs" in error("--teacher", LJ, "--as", "x", "--slurm", "{}", code=2)
    assert "not a JSON object" in error("--teacher", LJ, "--as", "x", "--slurm", "[]", code=2)
