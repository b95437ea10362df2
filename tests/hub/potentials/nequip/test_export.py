"""NequIP packages: they need nothing but NequIP, and predict the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import read, write

from hub.errors import ModelError
from hub.potentials import calculator
from hub.potentials.building import build_potential
from hub.potentials.directory import write_model
from hub.potentials.nequip.export import export_package
from hub.pulling import pull
from registry.errors import ExistsError
from tests.hub.potentials.nequip.packages import UNOPTIMISED
from tests.hub.potentials.small import SMALL, hydrocarbon, random_model

# Computes with a package or compiled file where this project cannot be imported.
ELSEWHERE = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("hub", "registry"):
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
from ase.io import read
from nequip.integrations.ase import NequIPCalculator
from nequip.model.saved_models.package import ModelTypeNamesFromPackage

model, structures, mode = sys.argv[1:]
if mode == "compiled":
    calculator = NequIPCalculator.from_compiled_model(model, device="cpu")
else:
    calculator = NequIPCalculator._from_saved_model(model, device="cpu")
    calculator.types = ModelTypeNamesFromPackage(model)
results = []
for atoms in read(structures, ":"):
    atoms.calc = calculator
    results.append([atoms.get_potential_energy(), atoms.get_forces().tolist()])
assert not any(name.partition(".")[0] in ("hub", "registry") for name in sys.modules)
print(json.dumps([getattr(calculator, "types", None), results]))
"""


def compute_elsewhere(model, structures, folder, mode="packaged"):
    path = folder / "structures.xyz"
    write(path, structures, format="extxyz")
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(model), str(path), mode],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def assert_same(results, structures, directory, dtype, tolerance):
    ours = calculator(directory, device="cpu", dtype=dtype)
    for (energy, forces), atoms in zip(results, structures, strict=True):
        atoms.calc = ours
        assert energy == pytest.approx(atoms.get_potential_energy(), abs=tolerance * len(atoms))
        assert np.abs(forces - atoms.get_forces()).max() < 10 * tolerance


def rounded(structures, folder):
    """Give structures the coordinates that a file of them has."""
    path = folder / "rounded.xyz"
    write(path, structures, format="extxyz")
    return read(path, ":")


@pytest.mark.slow
def test_a_package_needs_nothing_but_nequip(random_directory, tmp_path):
    package = tmp_path / "model.nequip.zip"
    export_package(random_directory, package)
    assert [path.name for path in tmp_path.iterdir()] == ["model.nequip.zip"]
    structures = rounded([hydrocarbon(seed) for seed in range(3)], tmp_path)
    types, results = compute_elsewhere(package, structures, tmp_path)
    assert types == ["C", "H"]
    assert_same(results, structures, random_directory, "float64", 1e-11)


@pytest.mark.slow
def test_a_published_checkpoint_in_single_precision(published, shared, tmp_path):
    package = tmp_path / "carbon.nequip.zip"
    directory = pull("c-ace-pretrained")
    export_package(directory, package, dtype=torch.float32)
    structures = read(shared / "data" / "carbon-dft-amorphous-test.extxyz", ":3")
    for atoms in structures:
        atoms.calc = None
    structures = rounded(structures, tmp_path)
    _, results = compute_elsewhere(package, structures, tmp_path)
    assert_same(results, structures, directory, "float32", 1e-5)


@pytest.mark.slow
def test_an_existing_file_is_kept(random_directory, tmp_path):
    package = tmp_path / "model.nequip.zip"
    package.write_bytes(b"precious")
    with pytest.raises(ExistsError, match="already exists"):
        export_package(random_directory, package)
    assert package.read_bytes() == b"precious"
    export_package(random_directory, package, force=True)
    assert package.stat().st_size > 100_000


def test_a_damaged_model_leaves_no_file(random_directory, tmp_path):
    directory = shutil.copytree(random_directory, tmp_path / "model")
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"avg_num_neighbors": 1.0}))
    with pytest.raises(ModelError, match="does not reproduce"):
        export_package(directory, tmp_path / "out" / "model.nequip.zip")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_package_that_computes_something_else_is_not_kept(
    random_directory, tmp_path, monkeypatch
):
    from hub.potentials.nequip import export

    def build_another(config, **settings):
        return build_potential(config.with_changes(avg_num_neighbors=1.0), **settings)

    monkeypatch.setattr(export, "build_potential", build_another)
    with pytest.raises(ModelError, match="does not reproduce"):
        export_package(random_directory, tmp_path / "model.nequip.zip")
    assert list(tmp_path.iterdir()) == []


def test_the_name_must_be_that_of_a_package(random_directory, tmp_path):
    with pytest.raises(ModelError, match="not a valid name of a NequIP package"):
        export_package(random_directory, tmp_path / "model.zip")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_a_package_can_be_compiled(tmp_path):
    package, compiled = tmp_path / "model.nequip.zip", tmp_path / "model.nequip.pt2"
    directory = tmp_path / "small"
    directory.mkdir()
    write_model(directory, random_model(replace(SMALL, num_layers=2, num_features=2)))
    export_package(directory, package, dtype=torch.float32)
    options = ["--mode", "aotinductor", "--device", "cpu", "--target", "ase"]
    subprocess.run(
        [Path(sys.executable).with_name("nequip-compile"), package, compiled, *options],
        cwd=tmp_path,
        env=os.environ | UNOPTIMISED,
        check=True,
        capture_output=True,
    )
    structures = rounded([hydrocarbon(seed) for seed in range(3)], tmp_path)
    _, results = compute_elsewhere(compiled, structures, tmp_path, "compiled")
    assert_same(results, structures, directory, "float32", 1e-5)
