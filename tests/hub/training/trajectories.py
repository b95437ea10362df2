"""Datasets of short trajectories of argon, some frames of which are spoilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.blocks import Block, Labels
from hub.datasets.layout import LabelSet
from hub.datasets.writer import DatasetWriter
from hub.structures import StructureSet
from tests.hub.training.conftest import argon

if TYPE_CHECKING:
    from pathlib import Path

N_RUNS, N_FRAMES = 8, 5
UNLABELLED, HALF_LABELLED, ABSURD = 3, 12, 21  # the spoilt frames


def write_trajectories(directory: Path, *, spoilt: bool = True, run_id: bool = True) -> Path:
    """Write a dataset with the label set ``lj``, and return its directory."""
    structures = StructureSet.from_atoms(argon(N_RUNS * N_FRAMES))
    energies, forces = structures.energies.copy(), structures.forces.copy()
    if spoilt:
        energies[UNLABELLED] = np.nan
        forces[structures.pointers[HALF_LABELLED]] = np.nan
        forces[structures.pointers[ABSURD], 1] = -51.0
    runs = np.repeat(np.arange(N_RUNS), N_FRAMES)
    extras = {"time": np.tile(np.arange(N_FRAMES) / 1.0, N_RUNS)}
    extras |= {"run_id": runs} if run_id else {}
    with DatasetWriter(directory, {"lj": LabelSet("Lennard-Jones")}) as writer:
        writer.append(Block(structures, {"lj": Labels(energies, forces)}, extras))
        writer.finish()
    return directory
