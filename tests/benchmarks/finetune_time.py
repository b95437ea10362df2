"""Time ``hub finetune`` against ``nequip-train``: same structures, model, epochs and precision.

    python -m tests.benchmarks finetune-time --data mydft.xyz [--n-train 25] [--epochs 10]

Whole processes are timed, in turn, one thread each; the ratios of each pair, of wall and of CPU
time, are printed, and their medians. Both train the same architecture in float32 with Adam, an
exponential moving average and the loss of the `default` recipe, validate each epoch, and write a
checkpoint each epoch. `hub finetune` also reads and checks all of the data, evaluates the model
and draws its plots.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.timing import children_cpu_seconds

CUTOFF = 4.0
NEIGHBOURS = 31.17


def main() -> None:
    """Run the pairs and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="structures of one element")
    parser.add_argument("--n-train", type=int, default=25)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    wall, cpu = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        type_names = write_split(arguments.data, arguments.n_train, folder)
        for number in range(arguments.pairs):
            ours = timed(hub_command(arguments.epochs, folder, number), folder)
            theirs = timed(nequip_command(arguments.epochs, folder, number, type_names), folder)
            wall.append(ours[0] / theirs[0])
            cpu.append(ours[1] / theirs[1])
            print(
                f"hub finetune {ours[0]:.1f} s, nequip-train {theirs[0]:.1f} s: {wall[-1]:.2f}; "
                f"CPU {ours[1]:.1f} s, {theirs[1]:.1f} s: {cpu[-1]:.2f}",
                flush=True,
            )
    print(f"median ratios of {len(wall)} pairs: wall {statistics.median(wall):.2f}, ", end="")
    print(f"CPU {statistics.median(cpu):.2f}")


def write_split(data: str, n_train: int, folder: Path) -> list[str]:
    """Write the training and validation structures that `hub finetune` would draw; name elements.

    The file of both, with split labels, is for `hub finetune`; the single ones for `nequip-train`.
    """
    from ase.io import write

    from hub.structures import read_structures
    from hub.structures.splits import split_structures

    structures = read_structures([data]).structures
    split = split_structures(structures, n_train)
    labelled = []
    for name, indices in (("train", split.train), ("val", split.validation)):
        chosen = [structures.to_atoms(int(index)) for index in indices]
        write(folder / f"{name}.extxyz", chosen)
        for atoms in chosen:
            atoms.info["split"] = name
        labelled += chosen
    write(folder / "both.extxyz", labelled)
    return list(structures.elements)


def hub_command(epochs: int, folder: Path, number: int) -> list[str]:
    """Return the command of `hub finetune`, from random weights so that nothing is pulled."""
    recipe = default_recipe()
    return [
        *(sys.executable, "-m", "hub.cli.main", "--quiet", "finetune", "--from-scratch"),
        *("--data", "both.extxyz", "--device", "cpu", "--epochs", str(epochs)),
        *("--learning-rate", str(recipe["learning_rate"])),
        *("--out", str(folder / f"hub-{number}")),
    ]


def nequip_command(epochs: int, folder: Path, number: int, type_names: list[str]) -> list[str]:
    """Write the configuration of `nequip-train` and return its command."""
    config = nequip_config(epochs, folder, number, type_names)
    (folder / f"nequip-{number}.yaml").write_text(json.dumps(config), encoding="utf-8")
    script = Path(sys.executable).with_name("nequip-train")
    run = f"hydra.run.dir={folder / f'hydra-{number}'}"
    return [str(script), "-cp", str(folder), "-cn", f"nequip-{number}.yaml", run]


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command to its end and return its wall and CPU times in seconds."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    before, started = children_cpu_seconds(), time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds, cpu = time.perf_counter() - started, children_cpu_seconds() - before
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return seconds, cpu


def default_recipe() -> dict[str, Any]:
    """Return the `default` recipe as a dictionary."""
    from hub.training.recipe import DEFAULT

    return asdict(DEFAULT)


def nequip_config(epochs: int, folder: Path, number: int, type_names: list[str]) -> dict[str, Any]:
    """Return a configuration of `nequip-train` that does the same work."""
    from hub.potentials.nequip.network import builder_arguments
    from hub.potentials.nequip.onehot import OneHotConfig

    recipe = default_recipe()
    model = OneHotConfig(tuple(type_names), CUTOFF, NEIGHBOURS, energy_reference="none")
    data = "nequip.data"
    transforms = [
        {
            "_target_": f"{data}.transforms.ChemicalSpeciesToAtomTypeMapper",
            "model_type_names": type_names,
        },
        {"_target_": f"{data}.transforms.NeighborListTransform", "r_max": CUTOFF},
    ]
    loader = {"_target_": "torch.utils.data.DataLoader", "num_workers": 0}
    energy_and_forces = {"total_energy": recipe["energy_weight"], "forces": 1.0}
    return {
        "run": ["train"],
        "data": {
            "_target_": f"{data}.datamodule.ASEDataModule",
            "seed": 0,
            "train_file_path": str(folder / "train.extxyz"),
            "val_file_path": str(folder / "val.extxyz"),
            "transforms": transforms,
            "train_dataloader": loader | {"batch_size": recipe["batch_size"], "shuffle": True},
            "val_dataloader": loader | {"batch_size": 10},
        },
        "trainer": {
            "_target_": "lightning.Trainer",
            "accelerator": "cpu",
            "max_epochs": epochs,
            "logger": False,
            "enable_progress_bar": False,
            "callbacks": [
                {
                    "_target_": "lightning.pytorch.callbacks.ModelCheckpoint",
                    "dirpath": str(folder / f"checkpoints-{number}"),
                    "monitor": "val0_epoch/forces_rmse",
                    "save_last": True,
                }
            ],
        },
        "training_module": {
            "_target_": "nequip.train.EMALightningModule",
            "ema_decay": recipe["ema_decay"],
            "loss": {
                "_target_": "nequip.train.EnergyForceLoss",
                "per_atom_energy": True,
                "coeffs": energy_and_forces,
            },
            "val_metrics": {
                "_target_": "nequip.train.EnergyForceMetrics",
                "coeffs": {"forces_rmse": 1.0},
            },
            "optimizer": {"_target_": "torch.optim.Adam", "lr": recipe["learning_rate"]},
            "model": {"_target_": "hub.potentials.nequip.network.OneHotNequIPModel"}
            | builder_arguments(model)
            | {"seed": 0, "model_dtype": "float32"},
        },
    }


if __name__ == "__main__":
    main()
