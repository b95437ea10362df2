"""Teachers made by a function in a file: executed only as it was when the user chose it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from ase import Atoms

from hub.datasets.loading import open_dataset
from hub.errors import JobError, TeacherError
from hub.teachers.file_factory import names_file
from hub.teachers.relabelling import relabel
from hub.teachers.spec import parse_teacher
from hub.teachers.teacher import open_teacher

CODE = """
import os
from ase.calculators.calculator import all_changes
from ase.calculators.lj import LennardJones
import beside

class Odd(LennardJones):
    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if len(atoms) == 2:
            self.results["forces"][0, 0] = float("nan")
        if len(atoms) == 3:
            os.abort()

def make(sigma=beside.SIGMA):
    return Odd(sigma=sigma, rc=6.0)

def wrong():
    return "no calculator"
"""
DIMER = Atoms("Ar2", [[0, 0, 0], [0, 0, 1.2]])


@pytest.fixture
def file(tmp_path):
    (tmp_path / "beside.py").write_text("SIGMA = 1.5\n")
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


def test_its_digest_is_recorded_and_its_folder_is_not(file):
    spec = parse_teacher(f"ase:{file}:make")
    provenance = open_teacher(spec).provenance()
    assert provenance["teacher"] == "ase:mine.py:make"
    assert provenance["parameters_digest"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert str(file.parent) not in repr(provenance)


def test_arguments_and_files_beside_it_are_used(file):
    four = Atoms("Ar4", np.diag([0.0, 1.3, 2.9, 1.0])[:, :3] + 1.0 * np.arange(4)[:, None])
    one = open_teacher(parse_teacher(f"ase:{file}:make")).label(four)
    other = open_teacher(parse_teacher(f"ase:{file}:make", None, {"sigma": 1.0})).label(four)
    same = open_teacher(parse_teacher(f"ase:{file}:make", None, {"sigma": 1.5})).label(four)
    assert one.energy == same.energy
    assert one.energy != other.energy


@pytest.mark.parametrize(
    ("function", "message"),
    [("other", "has no function other"), ("wrong", "str, which is not an ASE calculator")],
)
def test_what_makes_no_calculator_is_refused(file, function, message):
    with pytest.raises(TeacherError, match=message):
        open_teacher(parse_teacher(f"ase:{file}:{function}"))


def test_a_missing_or_broken_file_is_an_error(file):
    with pytest.raises(TeacherError, match="not found"):
        parse_teacher("ase:absent.py:make")
    file.write_text("def make(:\n")
    with pytest.raises(TeacherError, match="cannot be loaded: invalid syntax"):
        open_teacher(parse_teacher(f"ase:{file}:make"))


def test_a_file_that_has_changed_is_not_executed(file):
    spec = parse_teacher(f"ase:{file}:make")
    file.write_text("raise SystemExit('executed')\n")
    with pytest.raises(TeacherError, match="has changed since"):
        open_teacher(spec)


def test_files_are_told_from_modules():
    assert names_file("ase:folder/mine.py:make")
    assert not names_file("ase:ase.calculators.emt.EMT")


@pytest.mark.slow
def test_a_crash_and_a_nan_lose_nothing_else(file, make_dataset):
    reference = make_dataset([2, 4, 3, 5])
    done = relabel(reference, f"ase:{file}:make", "odd", jobs=1)
    assert sorted(done.failures) == [0, 2]
    assert "not finite" in done.failures[0]
    assert "SIGABRT" in done.failures[2]
    dataset = open_dataset(str(done.version.reference), "odd")
    energies = dataset.read("labels/odd/energies")
    assert np.isfinite(energies).tolist() == [False, True, False, True]
    assert dataset.label_sets["odd"].parameters_digest == hashlib.sha256(CODE.encode()).hexdigest()


def test_an_interrupted_run_does_not_go_on_with_a_changed_file(file, make_dataset):
    reference = make_dataset([4, 5, 6])

    class Stopped(Exception):
        pass

    def stop(*_):
        raise Stopped

    with pytest.raises(Stopped):
        relabel(reference, f"ase:{file}:make", "odd", jobs=1, progress=stop)
    file.write_text(CODE.replace("rc=6.0", "rc=5.0"))
    with pytest.raises(JobError):
        relabel(reference, f"ase:{file}:make", "odd", jobs=1, resume=True)
