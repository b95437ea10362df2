"""Fine-tuning and training from scratch, in a run folder."""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from hub.errors import TrainingError
from hub.library import MODEL_FOLDER
from hub.potentials.architectures import architecture_settings
from hub.training import run_files, run_folder
from hub.training.committee import summarise, write_committee
from hub.training.data import hold_out_test, read_data
from hub.training.folds import cross_validate
from hub.training.job import DEFAULT_MODEL, Job
from hub.training.preparation import prepare, starting_model
from hub.training.recipe import Recipe
from hub.training.reporter import Reporter
from hub.training.requests import require_usable
from hub.training.run import train
from registry.files import scratch_directory
from registry.outputs import file_beside, settle_folder
from registry.paths import texts, user_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hub.potentials.potential import Potential
    from hub.schemas import Convention
    from hub.training.data import Data


def finetune(
    data: str | Path | Iterable[str | Path] = (),
    *,
    labels: str = "",
    model: str | Path | None = None,
    test: str | Path | Iterable[str | Path] = (),
    n_train: int | None = None,
    out: str | Path | None = None,
    recipe: str = "default",
    epochs: int | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    seeds: int = 1,
    from_scratch: bool = False,
    model_config: str | Path | Mapping[str, Any] | None = None,
    layers: int | None = None,
    features: int | None = None,
    l_max: int | None = None,
    parity: bool | None = None,
    cutoff: float | None = None,
    alchemical: str = "",
    element_map: str = "",
    device: str = "auto",
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    stress_convention: Convention = "ase",
    stress_weight: float | None = None,
    allow: Iterable[str] = (),
    method: str = "full",
    group_rates: str = "",
    replayed: int | None = None,
    stop: Literal["early", "last", "all", "k-fold"] | None = None,
    keep: Literal["best", "committee"] = "best",
    general: str | Path | Iterable[str | Path] = (),
    resume: bool = False,
    reporter: Reporter | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Fine-tune a model on labelled structures.

    Parameters
    ----------
    data
        Files in any format that ASE reads, patterns of such files, or a dataset.
    labels
        Label set of a dataset; the only one if empty.
    model
        Model to start from: a reference, run folder or model directory; ``c-ace-pretrained`` if
        None. With `from_scratch`, only its architecture is used, or the default one if None.
    test
        Files of test structures.
    n_train
        Number of training structures (random subset); all but the validation set if None.
    out
        A new run folder; ``runs/<name of the data>`` if None.
    recipe
        ``default`` or ``paper``.
    epochs, learning_rate, batch_size, stress_weight
        Override the recipe if not None. The weight multiplies squared errors of stresses in the
        loss.
    seed
        Random seed of the split, the order of the structures and initial weights.
    seeds
        Number of trainings, with consecutive seeds from `seed`.
    from_scratch
        Start from random weights.
    model_config
        With `from_scratch`, settings of the architecture, or a JSON file of them;
        ``architecture`` is its name.
    layers, features, l_max, parity, cutoff
        With `from_scratch`, override these settings if not None: interaction blocks, channels,
        highest rotation order, whether to include features of odd parity, and cutoff radius in Å.
    alchemical
        Transfer the model to the elements of the data: ``auto``, a length scale, or length and
        energy scale such as ``1.52,0.25``.
    element_map
        Element mapping for `alchemical`, such as ``C=Si``; determined if empty.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
    energy_key, forces_key, stress_key
        Names of the labels in the files (eV, eV/Å); detected if None.
    stress_convention
        Sign and unit of stresses: ``ase`` (eV/Å^3), ``compression``, ``gpa`` or ``vasp``.
    allow
        Codes of errors that do not stop the training.
    method
        Which weights and data to train on: ``full`` (all weights), ``readout``,
        ``freeze:interaction-1`` (keep the layers up to this one), ``lora:4`` (changes of this
        rank), ``l2-sp:0.01`` (pull towards the start) or ``replay:DATA`` (learn the start's own
        predictions of other structures, too). What follows the colon may be left out.
    group_rates
        Multipliers of the learning rate by parameter group, such as ``embedding=0.1,readout=2``.
    replayed
        With the method ``replay``, the number of replayed structures for each training structure;
        one if None.
    stop
        When to end and what to keep: ``early`` (the best epoch on the validation structures),
        ``last``, ``all`` (the last epoch of a training on all structures, the validation ones
        included) or ``k-fold`` (like ``all``, but the length is chosen by cross-validation). If
        None, ``all`` for fine-tuning with `test`, else the recipe's rule.
    keep
        With several seeds, keep the ``best`` by validation, or all as a ``committee``, each trained
        on its own bootstrap sample of the training structures.
    general
        Labelled structures far from the data, to measure what the model forgets of them. Without
        them, its drift from its own predictions before the training is measured.
    resume
        Resume the run in `out` with its own settings; no others may be given.
    reporter
        Receives progress.

    Returns
    -------
    folder, results
        The run folder, and the content of its ``results.json``.

    Raises
    ------
    DataError
        If the data cannot be read, or a check finds an error in them.
    ModelError
        If the model does not reproduce its stored predictions.
    TrainingError
        If the folder is in use or not a run folder, the data of a resumed run have changed, or the
        loss does not stay finite.
    """
    place = None if out is None else user_path(out)
    job = Job(
        data=texts(data),
        labels=labels,
        model=_start(model, from_scratch=from_scratch),
        test=texts(test),
        n_train=n_train,
        recipe=recipe,
        max_epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
        seeds=seeds,
        from_scratch=from_scratch,
        alchemical=alchemical,
        element_map=element_map,
        device=device,
        energy_key=energy_key,
        forces_key=forces_key,
        stress_key=stress_key,
        stress_convention=stress_convention,
        stress_weight=stress_weight,
        allow=tuple(allow),
        architecture=architecture_settings(
            model_config,
            layers=layers,
            features=features,
            l_max=l_max,
            parity=parity,
            cutoff=cutoff,
        ),
        method=method,
        group_rates=group_rates,
        replayed=replayed,
        stop=stop,
        keep=keep,
        general=texts(general),
    )
    if resume:
        folder = job.to_resume(place)
        return folder, resume_run(folder, reporter)
    if not job.data:
        raise TrainingError("no data given", hint="Give structure files or a dataset.")
    return start_run(job, place, reporter)


def _start(model: str | Path | None, *, from_scratch: bool) -> str:
    if model is not None:
        return str(model)
    return "" if from_scratch else DEFAULT_MODEL


def start_run(
    job: Job, out: Path | None = None, reporter: Reporter | None = None
) -> tuple[Path, dict[str, Any]]:
    """Run a job in a new run folder; see :func:`finetune`."""
    reporter = reporter or Reporter()
    recipe = job.resolved_recipe()
    require_usable(job)  # report invalid requests before making a folder
    _require_choice(job, recipe)
    with run_folder.new_run_folder(out, job.data) as folder:
        recipe.write(folder)
        job.write(folder)
        reporter.opened(folder)
        return folder, _train(folder, job, recipe, reporter)


def _require_choice(job: Job, recipe: Recipe) -> None:
    """Refuse to keep one of several models, or several of one, where nothing says which."""
    if job.keep == "committee" and job.seeds == 1:
        raise TrainingError(
            "a committee requires several trainings", "Add their number, e.g. --seeds 5."
        )
    if job.keep == "best" and job.seeds > 1 and _is_unvalidated(recipe):
        raise TrainingError(
            "--stop all leaves no validation structures to choose the best of several seeds by",
            "Keep all of them with --keep committee, or choose another --stop.",
        )


def _is_unvalidated(recipe: Recipe) -> bool:
    return recipe.validation == "trained-on" and not recipe.folds


def resume_run(folder: Path, reporter: Reporter | None = None) -> dict[str, Any]:
    """Resume an interrupted training, and return its results.

    Raises
    ------
    TrainingError
        If the folder is not a run folder or in use, or the data have changed.
    """
    reporter = reporter or Reporter()
    job = Job.read(folder)
    with run_folder.locked(folder):
        finished = run_files.read_results(folder)
        if finished is not None:
            return finished
        reporter.opened(folder)
        return _train(folder, job, Recipe.read(folder), reporter)


def train_or_resume(job: Job, folder: Path, reporter: Reporter | None = None) -> dict[str, Any]:
    """Start a job in a run folder, or resume it; what was written before the job is removed."""
    if (folder / run_files.JOB_NAME).exists():
        return resume_run(folder, reporter)
    run_folder.clear(folder)
    return start_run(job, folder, reporter)[1]


def _train(folder: Path, job: Job, recipe: Recipe, reporter: Reporter) -> dict[str, Any]:
    data = read_data(job, reporter)
    model = starting_model(job, data)
    if job.seeds == 1:
        return _train_one(folder, job, recipe, data, model, reporter)
    data = hold_out_test(data, job)
    results: dict[int, dict[str, Any]] = {}
    for seed in range(job.seed, job.seed + job.seeds):
        inner = folder / f"seed-{seed}"
        inner.mkdir(exist_ok=True)
        finished = run_files.read_results(inner)
        if finished is None:
            own = copy.deepcopy(model)
            finished = _train_one(inner, job.with_seed(seed), recipe, data, own, reporter)
        results[seed] = finished
    if job.keep == "committee":
        return write_committee(folder, job, data, results, reporter)
    best = min(results, key=lambda seed: _validation_error(results[seed]))
    for name in (MODEL_FOLDER, run_files.PREDICTIONS_NAME, run_files.PARITY_NAME):
        _copy(folder / f"seed-{best}" / name, folder / name)
    summary = results[best] | {"seeds": summarise(results, best)}
    run_files.write_json(folder / run_files.RESULTS_NAME, summary)
    return summary


def _train_one(
    folder: Path,
    job: Job,
    recipe: Recipe,
    data: Data,
    model: Potential | None,
    reporter: Reporter,
) -> dict[str, Any]:
    """Train with one seed, after a cross-validation if the recipe has one."""
    if not recipe.folds:
        return train(folder, prepare(job, recipe, data, model, folder, reporter), reporter)
    validated = cross_validate(job, recipe, data, model, folder, reporter)
    recipe = recipe.with_changes(end_epoch=validated.epoch)
    ready = prepare(job, recipe, data, model, folder, reporter)
    return train(folder, replace(ready, cross_validation=validated), reporter)


def _validation_error(results: dict[str, Any]) -> float:
    """Return the force error, in eV/Å, on structures that a training did not train on."""
    validated = results.get("cross_validation") or results["validation"]
    return float(validated["force_rmse"])


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder atomically."""
    if source.is_dir():
        with scratch_directory(target.parent) as part:
            shutil.copytree(source, part, dirs_exist_ok=True)
            settle_folder(part, target, run_folder.model_files())
    else:
        with file_beside(target) as part:
            shutil.copy2(source, part)
