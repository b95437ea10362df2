"""Predictions of packages and compiled files in a process without this project."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from ase.io import read, write

from hub.potentials import calculator

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
