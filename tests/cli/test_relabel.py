"""``hub relabel``."""

import json

import pytest
from ase.calculators.lj import LennardJones
from ase.io import write

import hub
from hub.datasets.loading import load_dataset
from hub.errors import LabelsDisagreeError, TeacherError
from hub.teachers.spec import TeacherSpec
from tests.hub.teachers.conftest import MOODY, cluster

LJ = "ase:ase.calculators.lj.LennardJones"


@pytest.fixture(autouse=True)
def clusters(command, tmp_path):
    """Seven structures without labels, as a dataset."""
    write(tmp_path / "a.extxyz", [cluster(size) for size in range(2, 9)])
    command("import", tmp_path / "a.extxyz", "--name", "clusters")


@pytest.mark.slow
def test_relabel_and_verify(command):
    arguments = ("--teacher", LJ, "--arguments", '{"epsilon": 0.5}', "--labels", "lj", "--jobs", 1)
    done = command("relabel", "clusters", *arguments, "--verify", 3)
    assert done.out == "local/clusters@1.1.0\n"
    assert (
        "the labels have no stresses: no structure is periodic in all three directions" in done.err
    )
    assert "7 of 7 structures labelled\n3 recomputed: energies differ by" in done.err
    pair = cluster(2)
    pair.calc = LennardJones(epsilon=0.5)
    energy = load_dataset("clusters", labels="lj").energies[0]
    assert energy == pytest.approx(pair.get_potential_energy())
    shown = command("show", "clusters").out
    assert LJ in shown
    assert "relabelled" in shown

    checked = command("relabel", "clusters", *arguments, "--verify", 100, "--json")
    assert checked.json == {"n_structures": 7, "energy": 0.0, "force": 0.0, "stress": 0.0}
    wrong = ("--teacher", LJ, "--labels", "lj", "--jobs", 1, "--verify", 100)
    refused = command("relabel", "clusters", *wrong, code=4)
    assert "the recomputed lj labels of 7 of 7 structures differ" in refused.err
    assert "already has a label set 'lj'" in command("relabel", "clusters", *arguments, code=1).err


@pytest.mark.slow
def test_failures_are_told(command):
    arguments = json.dumps({"fails": [3], "kills": [5]})
    done = command(
        "relabel", "clusters", "--teacher", MOODY, "--arguments", arguments, "--labels", "lj",
        "--jobs", 2, "--json",
    )  # fmt: skip
    result = done.json
    assert set(result["failures"]) == {"1", "3"}
    assert result["labels"]["structures"] == 5
    assert "clusters@1.0.0[1] has no labels: " in done.err
    assert "SIGKILL" in done.err


def test_what_cannot_be_done_is_said(command):
    def error(*arguments, code=1):
        return command("relabel", "clusters", *arguments, code=code).err

    assert "Did you mean lcbop" in error("--teacher", "lcbob", "--labels", "x")
    assert "requires a parameter file" in error("--teacher", "nep", "--labels", "x")
    assert "class ase.calculators.lj.Nope not found" in error(
        "--teacher", "ase:ase.calculators.lj.Nope", "--labels", "x"
    )
    both = ("--dask", "tcp://127.0.0.1:1", "--jobs", 2)
    assert "cannot be combined with --jobs" in error("--teacher", LJ, "--labels", "x", *both)
    assert "--slurm needs --jobs" in error("--teacher", LJ, "--labels", "x", "--slurm", "{}")
    assert "not a JSON object" in error("--teacher", LJ, "--labels", "x", "--slurm", "[]", code=2)


@pytest.mark.slow
def test_python_takes_what_the_command_takes():
    teacher = {"teacher": LJ, "arguments": {"epsilon": 0.5}, "jobs": 1}
    done = hub.relabel("clusters", labels="lj", name="labelled", **teacher)
    assert str(done.version.reference) == "local/labelled@1.0.0"
    assert hub.verify_labels("labelled", labels="lj", **teacher).n_structures == 7
    with pytest.raises(LabelsDisagreeError):
        hub.verify_labels("labelled", LJ, "lj", jobs=1)
    with pytest.raises(TeacherError, match="its own parameters"):
        hub.relabel("clusters", TeacherSpec(LJ), "lj", arguments={"epsilon": 0.5})
