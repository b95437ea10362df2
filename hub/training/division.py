"""Divide the structures of a training: drawn by its seed, or left out once each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.reference_energies import isolated_atoms
from hub.structures.splits import split_structures

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray
    from hub.structures.splits import Split
    from hub.training.data import Data
    from hub.training.job import Job
    from hub.training.recipe import Recipe


def split_data(job: Job, recipe: Recipe, data: Data) -> Split:
    """Draw training, validation and test structures; without validation if it is trained on."""
    given = data.test.structures if data.test else None
    split = split_structures(data.read.structures, job.n_train, seed=job.seed, test=given)
    if job.keep == "committee":
        split = _bootstrapped(split, isolated_atoms(data.read.structures), job.seed)
    if recipe.validation == "held-out":
        return split
    note = "validation structures are also used for training: none are left for choosing an epoch"
    train = np.sort(np.concatenate([split.train, split.validation]))
    return replace(split, train=train, validation=train[:0], notes=(*split.notes, note))


def _bootstrapped(split: Split, alone: BoolArray, seed: int) -> Split:
    """Draw as many training structures with replacement; keep all isolated atoms."""
    kept, pool = split.train[alone[split.train]], split.train[~alone[split.train]]
    drawn = np.random.default_rng((seed, 2)).choice(pool, len(pool))
    note = f"a bootstrap sample has {len(np.unique(drawn))} different training structures"
    return replace(split, train=np.sort(np.append(kept, drawn)), notes=(*split.notes, note))
