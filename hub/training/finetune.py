"""Fine-tuning and training from scratch: from a job to a run folder."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from hub.evaluation.tables import ALL
from hub.library import MODEL_FOLDER
from hub.training import run_files, run_folder
from hub.training.alchemy import requested
from hub.training.data import hold_out_test, read_data
from hub.training.job import Job
from hub.training.preparation import prepare, starting_model
from hub.training.recipe import Recipe
from hub.training.reporter import Reporter
from hub.training.run import train
from registry.files import scratch_directory
from registry.outputs import file_beside, settle_folder


def finetune(
    data: str | Path | list[str | Path],
    *,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> tuple[Path, dict[str, Any]]:
    """Fine-tune a model on labelled structures.

    Parameters
    ----------
    data
        One file or several, in any format that ASE reads.
    out
        A new folder; by default ``runs/<name of the data>``.
    reporter
        Is told what happens.
    **settings
        Fields of :class:`hub.training.job.Job`: ``model``, ``test``, ``n_train``, ``seeds`` ...

    Returns
    -------
    The run folder and its results, as in ``results.json``.

    Raises
    ------
    DataError
        If the data cannot be read, or a check finds an error in them.
    ModelError
        If the model does not reproduce its stored predictions.
    TrainingError
        If the folder is in use, or the loss does not stay finite.
    """
    files = [data] if isinstance(data, str | Path) else data
    test = settings.pop("test", ())
    test = (test,) if isinstance(test, str | Path) else test
    job = Job(tuple(map(str, files)), test=tuple(map(str, test)), **settings)
    return start_run(job, Path(out) if out is not None else None, reporter)


def start_run(
    job: Job, out: Path | None = None, reporter: Reporter | None = None
) -> tuple[Path, dict[str, Any]]:
    """Do a job in a new run folder; see :func:`finetune`."""
    reporter = reporter or Reporter()
    recipe = job.resolved_recipe()
    requested(job)  # what cannot be understood is said before there is a folder
    with run_folder.new_run_folder(out, job.data) as folder:
        recipe.write(folder)
        job.write(folder)
        reporter.opened(folder)
        return folder, _train(folder, job, recipe, reporter)


def resume_run(folder: Path, reporter: Reporter | None = None) -> dict[str, Any]:
    """Go on with a training that was stopped, and return its results.

    Raises
    ------
    TrainingError
        If the folder is no run folder, in use, or the data have changed.
    """
    reporter = reporter or Reporter()
    job = Job.read(folder)
    with run_folder.locked(folder):
        finished = run_files.read_results(folder)
        if finished is not None:
            return finished
        reporter.opened(folder)
        return _train(folder, job, Recipe.read(folder), reporter)


def _train(folder: Path, job: Job, recipe: Recipe, reporter: Reporter) -> dict[str, Any]:
    data = read_data(job, reporter)
    model = starting_model(job, data)
    if job.seeds == 1:
        return train(folder, prepare(job, recipe, data, model, folder, reporter), reporter)
    data = hold_out_test(data, job)
    results: dict[int, dict[str, Any]] = {}
    for seed in range(job.seed, job.seed + job.seeds):
        inner = folder / f"seed-{seed}"
        inner.mkdir(exist_ok=True)
        finished = run_files.read_results(inner)
        if finished is None:
            own = copy.deepcopy(model)
            ready = prepare(job.with_seed(seed), recipe, data, own, inner, reporter)
            finished = train(inner, ready, reporter)
        results[seed] = finished
    best = min(results, key=lambda seed: results[seed]["validation"]["force_rmse"])
    for name in (MODEL_FOLDER, run_files.PREDICTIONS_NAME, run_files.PARITY_NAME):
        _copy(folder / f"seed-{best}" / name, folder / name)
    summary = results[best] | {"seeds": _summarise(results, best)}
    run_files.write_json(folder / run_files.RESULTS_NAME, summary)
    return summary


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder so that the target appears all at once."""
    if source.is_dir():
        with scratch_directory(target.parent) as part:
            shutil.copytree(source, part, dirs_exist_ok=True)
            settle_folder(part, target, run_folder.model_files())
    else:
        with file_beside(target) as part:
            shutil.copy2(source, part)


def _summarise(results: dict[int, dict[str, Any]], best: int) -> dict[str, Any]:
    """Mean and standard deviation of the errors over the seeds."""
    summary: dict[str, Any] = {"seeds": list(results), "best": best}
    for row in ("before", "after"):
        errors = [item["errors"][row][ALL] for item in results.values() if item["errors"][row]]
        for name in ("energy_rmse", "force_rmse", "stress_rmse"):
            # Seeds that an older release trained have no stresses.
            values = [item[name] for item in errors if item.get(name) is not None]
            if len(values) > 1:
                summary[f"{row}_{name}"] = {"mean": mean(values), "std": stdev(values)}
    return summary
