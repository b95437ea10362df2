"""``hub synthesize`` as a process of its own."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.test_registry_commands import Hub

COPPER = (
    "synthesize", "--element", "Cu", "--teacher", "ase:ase.calculators.emt.EMT",
    "--density", "6:8", "--melt-temperature", "2000", "--anneal-temperature", "1000",
    "--stages", "0.02,0.02,0.02,0.02,0.02", "--frame-interval", "0.02", "--timestep", "2",
)  # fmt: skip


@pytest.fixture
def hub(tmp_path):
    return Hub(tmp_path / "home")


def test_synthesize_into_a_directory(hub, tmp_path):
    registry = tmp_path / "registry"
    registry.mkdir()
    done = hub(
        *COPPER, "--atoms", "4:6", "--trajectories", 2, "--jobs", 2, "--name", "cu",
        "--to", registry, "--license", "CC0-1.0",
    )  # fmt: skip
    assert done.stdout == "registry/cu@1.0.0\n"
    assert "10 frames; 0 blown up" in done.stderr
    known = {"HUB_REGISTRIES": f"shelf={registry}"}
    facts = hub.json("show", "cu", **known)
    assert facts["metadata"]["made"][0]["n_atoms"] == [4, 6]
    shown = hub("show", "cu", **known).stdout
    assert "Cu at 6 to 8 g/cm³, melted, quenched and annealed by ase:ase.calc" in shown
    assert "licence  CC0-1.0" in shown
    assert "run_id       0 to 1" in shown


def test_killed_and_resumed_it_is_the_same(hub, tmp_path):
    arguments = (*COPPER, "--atoms", 4, "--trajectories", 3, "--jobs", 1, "--name", "cu", "--json")
    whole = Hub(tmp_path / "other").json(*arguments)
    command = [sys.executable, "-m", "hub.cli.main", *map(str, arguments)]
    process = subprocess.Popen(command, env=hub.environment, stderr=subprocess.PIPE)
    place = hub.home / "cache" / "synthesis" / "cu-1.0.0"
    while not list(place.glob("run-*.npz")) and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert 0 < len(list(place.glob("run-*.npz"))) < 3
    assert "not finished" in hub(*arguments, code=1).stderr
    resumed = hub.json(*arguments, "--resume")
    assert resumed == whole


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--density", "heavy"), 2, "'heavy' is not LEAST:GREATEST"),
        (("--density", "3:2"), 1, "the density cannot be from 3 to 2"),
        (("--stages", "1,2,3"), 2, "not MELT,QUENCH,HEAT,ANNEAL,COOL"),
        (("--element", "CuZn"), 1, "'CuZn' is no chemical element"),
        (("--teacher", "lcbob"), 1, "Did you mean lcbop"),
    ],
)
def test_what_is_mistyped_is_named(hub, arguments, code, words):
    assert words in hub(*COPPER, "--name", "cu", *arguments, code=code).stderr
