"""Environments of teachers: complete or not there, and with nothing of this one in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

from hub.datasets.importing import file_source, import_dataset
from hub.datasets.loading import open_dataset
from hub.errors import JobError, TeacherError
from hub.jobs.choosing import choose_pool
from hub.jobs.pool import LocalPool
from hub.teachers.environments import install, installed, interpreter_of
from hub.teachers.families import FAMILIES, family_named
from hub.teachers.family import Family
from hub.teachers.relabelling import relabel
from hub.teachers.spec import parse_teacher
from registry.errors import OfflineError


def wheel(folder: Path, name: str) -> str:
    """Make a wheel of an empty package."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{name}/_core.py", "")  # as NumPy has since 1.26
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return str(path)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A teacher whose requirements need no network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    names = ("numpy", "ase", "toything")
    return Family(
        "toy",
        "A toy",
        build="toything:build",
        modules=("toything",),
        install="hub teachers toy --install",
        requirements=tuple(wheel(tmp_path, name) for name in names),
    )


def home() -> Path:
    return Path(os.environ["HUB_HOME"]) / "environments"


@pytest.mark.slow
def test_it_is_made_once_also_by_two_at_a_time(toy):
    assert installed(toy) is None
    assert not toy.is_usable
    found, said = [], []
    threads = [
        threading.Thread(target=lambda: found.append(install(toy, said.append))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [installed(toy)] * 2
    assert toy.is_usable
    assert sum(line.startswith("making") for line in said) == 1
    (folder,) = [each for each in home().iterdir() if each.is_dir()]
    packages = json.loads((folder / "ready.json").read_text())["packages"]
    assert any(line.startswith("toything") for line in packages)
    assert interpreter_of(toy) == str(found[0])
    inside = [str(found[0]), "-c", "import toything, numpy; print(numpy.__file__)"]
    done = subprocess.run(inside, check=True, capture_output=True, text=True)
    assert str(folder) in done.stdout


@pytest.mark.slow
def test_one_that_was_interrupted_is_begun_anew(toy):
    install(toy)
    (folder,) = [each for each in home().iterdir() if each.is_dir()]
    (folder / "ready.json").unlink()
    before = {each.name for each in folder.iterdir()}
    assert installed(toy) is None
    install(toy)
    after = {each.name for each in folder.iterdir()} - {"ready.json"}
    assert len(after) == 1
    assert not after & before


@pytest.mark.slow
def test_without_a_network_it_says_what_failed(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    absent = Family("absent", "", build="x:y", requirements=("no-such-thing==1.0",))
    with pytest.raises(TeacherError, match="no-such-thing") as failure:
        install(absent)
    assert "Check the network" in failure.value.hint
    assert installed(absent) is None


def test_the_network_may_be_switched_off(toy, monkeypatch):
    monkeypatch.setenv("HUB_OFFLINE", "1")
    with pytest.raises(OfflineError, match="environment of toy needs the network"):
        install(toy)


def test_a_teacher_without_an_environment_of_its_own_has_none_to_install():
    with pytest.raises(TeacherError, match="nep has no environment of its own"):
        install(family_named("nep"))


def test_the_command_that_installs_is_named(tmp_path):
    (tmp_path / "a.model").write_bytes(b"")
    with pytest.raises(TeacherError, match="environment of its own, which is not") as failure:
        parse_teacher("mace", tmp_path / "a.model")
    assert "hub teachers mace --install" in failure.value.hint


def test_every_environment_is_pinned():
    own = [family for family in FAMILIES if family.requirements]
    assert {family.name for family in own} == {"mace", "orb", "mattersim", "grace", "uma"}
    for family in own:
        assert all("==" in each for each in family.requirements)
        assert family.install == f"hub teachers {family.name} --install"
        assert family.licence
        assert family.packages


@pytest.mark.parametrize(
    ("python", "message"),
    [("/nowhere/python", "not a Python interpreter"), (sys.executable, "cannot import mace")],
)
def test_an_interpreter_is_tried_before_it_is_used(tmp_path, python, message):
    (tmp_path / "a.model").write_bytes(b"")
    with pytest.raises(TeacherError, match=message):
        parse_teacher("mace", tmp_path / "a.model", python=python)


def test_clusters_do_not_have_the_environment():
    with pytest.raises(JobError, match="can only run on this machine"):
        choose_pool(dask="tcp://127.0.0.1:1", python=sys.executable)


def test_a_worker_elsewhere_sees_only_our_packages(tmp_path, monkeypatch):
    """Neither the current folder, nor what can be imported here by other means."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "intruder.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with LocalPool(1, python=sys.executable) as pool:
        pool.submit("path", eval, "__import__('sys').path")
        _, paths = pool.wait()
        pool.submit("spec", eval, "__import__('importlib.util').util.find_spec('intruder')")
        assert pool.wait() == ("spec", None)
        own = Path(paths[0])
        assert sorted(each.name for each in own.iterdir()) == ["hub", "registry"]
        assert str(tmp_path) not in paths
    assert not own.exists()


def test_a_worker_needs_numpy_and_ase_alone():
    """What others import is not in a teacher's own environment."""
    code = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "msgspec", "yaml", "zarr", "vesin", "click", "rich",
                                      "filelock", "nequip", "safetensors", "matplotlib"}:
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Absent())
import hub.jobs.worker
from ase import Atoms
from hub.structures.structure_set import StructureSet
from hub.teachers.labelling import describe_teacher, label_structures
from hub.teachers.spec import TeacherSpec
spec = TeacherSpec("ase:ase.calculators.lj.LennardJones")
print(describe_teacher(spec, ["Ar"]).isolated_atoms)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{'Ar': 0.0}"


SMALL_MACE = """
import sys
import numpy as np, torch
from mace import modules  # before e3nn, whose files it makes readable
from e3nn import o3
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
model = modules.ScaleShiftMACE(
    r_max=4.0, num_bessel=4, num_polynomial_cutoff=5, max_ell=1, interaction_cls=block,
    interaction_cls_first=block, num_interactions=2, num_elements=2,
    hidden_irreps=o3.Irreps("8x0e+8x1o"), MLP_irreps=o3.Irreps("4x0e"),
    atomic_energies=np.array([-1.0, -2.0]), avg_num_neighbors=8.0, atomic_numbers=[6, 14],
    correlation=2, gate=torch.nn.functional.silu, atomic_inter_scale=1.0, atomic_inter_shift=0.0,
)
torch.save(model, sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.network
def test_mace_labels_in_its_own_environment(tmp_path):
    family = family_named("mace")
    given = os.environ.get("MLIP_HUB_TEST_MACE", "")  # an interpreter that has MACE
    try:
        python = Path(given) if given else install(family)
    except TeacherError as problem:
        pytest.skip(f"no environment can be made here: {problem.message[-200:]}")
    model = tmp_path / "small.model"
    subprocess.run([str(python), "-c", SMALL_MACE, str(model)], check=True)
    structures = [bulk("Si", cubic=True), bulk("SiC", "zincblende", 4.4), bulk("Ge")]
    for seed, atoms in enumerate(structures):
        atoms.rattle(0.05, seed=seed)
    write(tmp_path / "data.extxyz", structures)
    imported = import_dataset(file_source(tmp_path / "data.extxyz"), "crystals")
    done = relabel(
        str(imported.version.reference), "mace", "mace", params=model, python=given or None, jobs=1
    )
    assert list(done.failures) == [2]
    assert "covers only C, Si" in done.failures[2]
    labels = open_dataset(str(done.version.reference), "mace").label_sets["mace"]
    assert {"ase", "mace-torch", "torch"} <= set(labels.versions)
    assert set(labels.subtracted_energies) == {"C", "Si"}
