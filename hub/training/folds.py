"""Cross-validation that chooses the length of a training on all structures."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import TrainingError
from hub.structures.reference_energies import isolated_atoms
from hub.training.division import split_data
from hub.training.loop import Trainer
from hub.training.preparation import prepare
from hub.training.run import run_trainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.potentials.potential import Potential
    from hub.structures.arrays import IntArray
    from hub.structures.splits import Split
    from hub.training.data import Data
    from hub.training.job import Job
    from hub.training.recipe import Recipe
    from hub.training.reporter import Reporter


@dataclass(frozen=True)
class CrossValidation:
    """Errors of trainings that each left out some of the structures, on these.

    Attributes
    ----------
    folds
        Number of trainings.
    epoch
        With the lowest force error over all structures.
    force_rmse
        There, in eV/Å.
    energy_rmse
        There, in meV/atom; NaN without labels.
    """

    folds: int
    epoch: int
    force_rmse: float
    energy_rmse: float


def cross_validate(
    job: Job,
    recipe: Recipe,
    data: Data,
    potential: Potential | None,
    folder: Path,
    reporter: Reporter,
) -> CrossValidation:
    """Train once for each fold, in a folder ``fold-0`` ... of its own, and choose an epoch.

    The arguments are those of `hub.training.preparation.prepare`.

    Raises
    ------
    TrainingError
        If there are fewer structures than folds, or no fold has forces.
    """
    reached = recipe.with_changes(folds=0, validation="held-out")
    squares = np.zeros((2, recipe.max_epochs))
    weights = np.zeros(2)
    for number, split in enumerate(leave_out(job, recipe, data)):
        inner = folder / f"fold-{number}"
        inner.mkdir(exist_ok=True)
        own = copy.deepcopy(potential)
        ready = prepare(job, reached, data, own, inner, reporter, split)
        graphs = ready.validation_graphs
        trainer = Trainer(ready.method, ready.loader, graphs, ready.recipe, inner)
        run_trainer(trainer, reporter)
        labels = (ready.validation.structures.force_labels, ready.validation.structures.energies)
        counts = np.array([np.isfinite(each).sum() for each in labels])
        history = trainer.progress.history
        rows = np.array([[row["force_rmse"], row["energy_rmse"]] for row in history]).T
        squares += np.nan_to_num(rows**2) * counts[:, None]
        weights += counts
    force, energy = np.sqrt(squares / np.where(weights, weights, np.nan)[:, None])
    best = int(np.argmin(force))
    return CrossValidation(recipe.folds, best + 1, float(force[best]), float(energy[best]))


def leave_out(job: Job, recipe: Recipe, data: Data) -> Iterator[Split]:
    """Yield splits that leave out each structure once; isolated atoms are always trained on."""
    whole = split_data(job, recipe, data)
    alone = isolated_atoms(data.read.structures)
    pool = np.random.default_rng(job.seed).permutation(whole.train[~alone[whole.train]])
    if len(pool) < 2 * recipe.folds:
        raise TrainingError(
            f"{len(pool)} structures are too few for cross-validation in {recipe.folds} parts",
            "Give more structures, or another --stop.",
        )
    for left_out in np.array_split(pool, recipe.folds):
        train: IntArray = np.setdiff1d(whole.train, left_out)
        yield replace(whole, train=train, validation=np.sort(left_out), notes=())
