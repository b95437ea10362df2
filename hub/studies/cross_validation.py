"""Cross-validated errors of trainings on a few structures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError, JobError
from hub.evaluation.evaluate import evaluate
from hub.evaluation.metrics import errors_by_group
from hub.jobs.pool import Lost, Tasks
from hub.potentials.batches import Predictions
from hub.potentials.loading import load_model
from hub.structures.reference_energies import isolated_atoms
from hub.structures.writing import write_labelled
from hub.training.finetune import train_or_resume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.structures.arrays import IntArray
    from hub.structures.structure_set import StructureSet
    from hub.training.job import Job

FOLDS = 3
_FEWEST = 2  # structures in each fold
_STEPS = 600  # of a training, about
_FEWEST_EPOCHS = 20


@dataclass(frozen=True)
class CrossValidated:
    """What trainings on all but one fold of some structures predict for that fold.

    Attributes
    ----------
    predictions
        Of all structures except isolated atoms.
    errors
        Over all structures, then for each configuration type, as JSON.
    seconds
        Duration of the trainings together.
    """

    predictions: Predictions
    errors: dict[str, dict[str, Any]]
    seconds: float


def folds_of(structures: StructureSet, seed: int) -> list[IntArray]:
    """Divide structures into folds at random, each sorted.

    Raises
    ------
    DataError
        If there are too few structures.
    """
    if len(structures) < _FEWEST * FOLDS:
        raise DataError(
            f"{len(structures)} structures are too few to compare models by cross-validation",
            f"Give at least {_FEWEST * FOLDS}.",
        )
    shuffled = np.random.default_rng(seed).permutation(len(structures))
    return [np.sort(fold) for fold in np.array_split(shuffled, FOLDS)]


def quick_epochs(n_structures: int, batch_size: int, most: int) -> int:
    """Return a number of epochs that limits the steps, so that more data take hardly longer."""
    steps = max(-(-n_structures * (FOLDS - 1) // FOLDS // batch_size), 1)
    return min(max(_STEPS // steps, _FEWEST_EPOCHS), most)


def cross_validate(
    job: Job,
    structures: StructureSet,
    folder: Path,
    pool: Pool,
    progress: Callable[[int, int | None], None] | None = None,
) -> CrossValidated:
    """Train once without each fold, and predict that fold.

    The epoch with the lowest error on the fold is kept, which slightly favours the training.
    Isolated atoms are in every training set.

    Parameters
    ----------
    job
        The training, without data; its seed draws the folds.
    structures
        Labelled structures.
    folder
        For the run folders and their data; finished trainings in it are kept.
    pool
        Where the trainings run.
    progress
        Called with the number of trainings done, and their total.

    Raises
    ------
    DataError
        If there are too few structures.
    DataError, TrainingError, RegistryError
        As `hub.finetune` does.
    JobError
        If a training kills its process.
    """
    alone = isolated_atoms(structures)
    atoms, measured = structures.select(alone), structures.select(~alone)
    folds = folds_of(measured, job.seed)
    tasks, done = Tasks(pool), {}
    for number, fold in enumerate(folds):
        data = folder / f"fold-{number}.extxyz"
        labels = np.full(len(measured), "train", dtype="<U10")
        labels[fold] = "validation"
        parts = [replace(measured, split_labels=labels)]
        parts += [replace(atoms, split_labels=np.full(len(atoms), "train"))] if len(atoms) else []
        write_labelled(data, type(structures).concatenate(parts))
        own = replace(job, data=(str(data),))
        tasks.add(number, _train_fold, own, folder / f"fold-{number}", measured.select(fold))
    for number, result in tasks.finished():
        if isinstance(result, Lost):
            raise JobError(f"{folder}: {result.reason}", "It may have run out of memory.")
        done[number] = result
        if progress:
            progress(len(done), len(folds))
    seconds = sum(done[number][0] for number in done)
    predictions = _joined(folds, [done[number][1] for number in range(len(folds))])
    groups = errors_by_group(measured, predictions)
    errors = {name: each.to_dict() for name, each in groups.items()}
    return CrossValidated(predictions, errors, seconds)


def _train_fold(job: Job, folder: Path, held_out: StructureSet) -> tuple[float, Predictions]:
    """Return the duration of a training, and its predictions of the fold that it left out."""
    results = train_or_resume(job, folder)
    return results["training"]["seconds"], evaluate(load_model(folder), held_out)


def _joined(folds: list[IntArray], parts: list[Predictions]) -> Predictions:
    """Return the predictions of all folds in the order of the structures."""
    order = np.argsort(np.concatenate(folds))
    joined = Predictions(
        np.concatenate([part.energies for part in parts]),
        tuple(forces for part in parts for forces in part.forces),
        np.concatenate([part.stresses for part in parts]),
    )
    return joined.select(order)
