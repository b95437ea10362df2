"""``hub synthesize``."""

import signal
import time
from subprocess import PIPE

import pytest

from tests.cli.process import start

COPPER = (
    "synthesize", "--formula", "Cu", "--teacher", "ase:ase.calculators.emt.EMT",
    "--density", "6:8", "--melt-temperature", "2000", "--anneal-temperature", "1000",
    "--stages", "0.02,0.02,0.02,0.02,0.02", "--frame-interval", "0.02", "--timestep", "2",
)  # fmt: skip


@pytest.mark.slow
def test_synthesize_into_a_directory(command, tmp_path):
    registry = tmp_path / "registry"
    registry.mkdir()
    done = command(
        *COPPER, "--atoms", "4:6", "--trajectories", 2, "--jobs", 2, "--name", "cu",
        "--to", registry, "--license", "CC0-1.0",
    )  # fmt: skip
    assert done.out == "registry/cu@1.0.0\n"
    assert "10 frames; 0 blown up" in done.err
    known = {"HUB_REGISTRIES": f"shelf={registry}"}
    facts = command("show", "cu", "--json", **known).json
    assert facts["metadata"]["made"][0]["n_atoms"] == [4, 6]
    shown = command("show", "cu", **known).out
    assert "Cu at 6 to 8 g/cm³, melted, quenched and annealed by ase:ase.calc" in shown
    assert "licence  CC0-1.0" in shown
    assert "run_id       0 to 1" in shown


@pytest.mark.slow
def test_killed_and_resumed_it_is_the_same(command, home, tmp_path):
    arguments = (*COPPER, "--atoms", 4, "--trajectories", 3, "--jobs", 1, "--name", "cu", "--json")
    whole = command(*arguments, HUB_HOME=tmp_path / "other").json
    process = start(*arguments, folder=tmp_path, stdout=PIPE, stderr=PIPE)
    place = home / "cache" / "synthesis" / "cu-1.0.0"
    while not list(place.glob("run-*.npz")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < len(list(place.glob("run-*.npz"))) < 3
    assert "unfinished work on the trajectories of" in command(*arguments, code=1).err
    assert command(*arguments, "--resume").json == whole


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--density", "heavy"), 2, "expected MIN:MAX, got 'heavy'"),
        (("--density", "3:2"), 1, "invalid range of density: 3 to 2"),
        (("--stages", "1,2,3"), 2, "expected MELT,QUENCH,HEAT,ANNEAL,COOL"),
        (("--formula", "CuQz"), 1, "'CuQz': Qz is not a chemical element"),
        (("--formula", "CuFe"), 1, "Fe"),
        (("--teacher", "lcbob"), 1, "Did you mean lcbop"),
    ],
)
def test_what_is_mistyped_is_named(command, arguments, code, words):
    assert words in command(*COPPER, "--name", "cu", *arguments, code=code).err
