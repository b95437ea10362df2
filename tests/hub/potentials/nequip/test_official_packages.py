"""Packages that NequIP's own programs make: imported, exported again and compiled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from hub.potentials.directory import read_model
from hub.potentials.nequip.export import export_package
from hub.potentials.nequip.importing import import_package
from tests.hub.potentials.nequip.elsewhere import assert_same, compute_elsewhere, rounded
from tests.hub.potentials.nequip.packages import NOTHING, UNOPTIMISED, largest_differences
from tests.hub.potentials.small import hydrocarbon

CONFIG = """
run: [train]
data:
  _target_: nequip.data.datamodule.ASEDataModule
  seed: 1
  train_file_path: data.xyz
  val_file_path: data.xyz
  transforms:
    - {_target_: nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper, model_type_names: [C, H]}
    - {_target_: nequip.data.transforms.NeighborListTransform, r_max: 4.0}
  train_dataloader: {_target_: torch.utils.data.DataLoader, batch_size: 2}
  val_dataloader: {_target_: torch.utils.data.DataLoader, batch_size: 2}
  stats_manager: {_target_: nequip.data.CommonDataStatisticsManager, type_names: [C, H]}
trainer:
  _target_: lightning.Trainer
  accelerator: cpu
  max_epochs: 1
  logger: false
  enable_progress_bar: false
  callbacks:
    - {_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: ., filename: best}
training_module:
  _target_: nequip.train.EMALightningModule
  loss:
    _target_: nequip.train.EnergyForceLoss
    coeffs: {total_energy: 1.0, forces: 1.0}
  val_metrics:
    _target_: nequip.train.EnergyForceMetrics
    coeffs: {per_atom_energy_mae: 1.0}
  optimizer: {_target_: torch.optim.Adam, lr: 0.01}
  model:
    _target_: nequip.model.NequIPGNNModel
    seed: 4
    model_dtype: float32
    type_names: [C, H]
    r_max: 4.0
    num_layers: 2
    l_max: 1
    num_features: [6, 4]
    radial_mlp_width: 8
    avg_num_neighbors: ${training_data_stats:num_neighbors_mean}
    per_type_energy_shifts: ${training_data_stats:per_atom_energy_mean}
    per_type_energy_scales: ${training_data_stats:forces_rms}
    pair_potential:
      _target_: nequip.nn.pair_potential.ZBL
      units: metal
      chemical_species: [C, H]
"""


def nequip(folder, program, *arguments):
    """Run one of NequIP's programs."""
    done = subprocess.run(
        [Path(sys.executable).with_name(f"nequip-{program}"), *arguments],
        cwd=folder,
        env={**os.environ, **UNOPTIMISED, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a package that NequIP trained and built, and one that it modified."""
    folder, rng, structures = tmp_path_factory.mktemp("trained"), np.random.default_rng(0), []
    for _ in range(4):
        atoms = bulk("C", cubic=True)
        atoms.symbols[rng.permutation(8)[:3]] = "H"
        atoms.positions += 0.1 * rng.normal(size=(8, 3))
        labels = {"energy": rng.normal() - 50, "forces": rng.normal(size=(8, 3))}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        structures.append(atoms)
    write(folder / "data.xyz", structures, format="extxyz")
    (folder / "config.yaml").write_text(CONFIG)
    nequip(folder, "train", "-cp", folder, "-cn", "config", "hydra.run.dir=.")
    nequip(folder, "package", "build", "best.ckpt", "trained.nequip.zip")
    nequip(
        folder, "package", "modify", "trained.nequip.zip", "modified.nequip.zip",
        "--modifier", "modify_PerTypeScaleShift", "shifts={C: -3.0}", "shifts_trainable=true",
        "--modifier", "disable_ForceStressOutput",
    )  # fmt: skip
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trained", "modified"])
def test_what_nequip_trains_packages_and_modifies_is_imported(trained, name, tmp_path):
    package, directory = trained / f"{name}.nequip.zip", tmp_path / "model"
    directory.mkdir()
    config = import_package(package, directory, allow_code=True)
    assert config.avg_num_neighbors == 43.25
    potential = read_model(directory, dtype=torch.float32, accelerated=False)
    assert largest_differences(package, potential) == NOTHING
    assert (potential.energy_shifts()["C"] == -3.0) == (name == "modified")
    content = json.loads((directory / "config.json").read_text())
    assert content["energy_shifts_trainable"] == (name == "modified")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_an_imported_package_is_exported_again_and_compiled(trained, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    import_package(trained / "trained.nequip.zip", directory)
    export_package(directory, tmp_path / "again.nequip.zip", dtype=torch.float32)
    options = ["--mode", "aotinductor", "--device", "cpu", "--target", "ase"]
    nequip(tmp_path, "compile", "again.nequip.zip", "again.nequip.pt2", *options)
    structures = [hydrocarbon(seed) for seed in range(3)]
    for seed in range(2):
        atoms = bulk("C", cubic=True)
        atoms.symbols[2 + seed] = "H"
        atoms.rattle(0.05, seed=seed)
        structures.append(atoms)
    structures = rounded(structures, tmp_path)
    compiled = tmp_path / "again.nequip.pt2"
    _, results = compute_elsewhere(compiled, structures, tmp_path, "compiled")
    assert_same(results, structures, directory, "float32", 1e-5)
