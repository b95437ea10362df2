"""Fine-tuning and training from scratch: from a job to a run folder."""

from __future__ import annotations

import csv
import os
import shutil
import time
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from hub.errors import TrainingError
from hub.evaluation.evaluate import Predictions
from hub.evaluation.parity import parity_plot
from hub.evaluation.predictions_file import write_predictions
from hub.evaluation.tables import ALL, errors_by_group
from hub.library import MODEL_FOLDER
from hub.models.checkpoint import write_model
from hub.models.prediction import predict
from hub.structures.graphs import build_graphs
from hub.training import run_folder
from hub.training.card import lineage, write_card
from hub.training.energy_meter import EnergyMeter
from hub.training.job import Job
from hub.training.loop import Trainer
from hub.training.preparation import hold_out_test, prepare, read_data
from hub.training.recipe import Recipe
from hub.training.reporter import Reporter
from registry.files import replacing

if TYPE_CHECKING:
    from hub.structures import StructureSet
    from hub.structures.graphs import Graph
    from hub.training.loop import EpochMetrics
    from hub.training.preparation import Data, Preparation

_INPUTS_NAME = "inputs.json"


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
        finished = run_folder.read_results(folder)
        if finished is not None:
            return finished
        reporter.opened(folder)
        return _train(folder, job, Recipe.read(folder), reporter)


def _train(folder: Path, job: Job, recipe: Recipe, reporter: Reporter) -> dict[str, Any]:
    data = read_data(job, reporter)
    if job.seeds == 1:
        return _train_once(folder, job, recipe, data, reporter)
    data = hold_out_test(data, job)
    results = {}
    for seed in range(job.seed, job.seed + job.seeds):
        inner = folder / f"seed-{seed}"
        inner.mkdir(exist_ok=True)
        results[seed] = run_folder.read_results(inner) or _train_once(
            inner, job.with_seed(seed), recipe, data, reporter
        )
    best = min(results, key=lambda seed: results[seed]["validation"]["force_rmse"])
    for name in (MODEL_FOLDER, run_folder.PREDICTIONS_NAME, run_folder.PARITY_NAME):
        _copy(folder / f"seed-{best}" / name, folder / name)
    summary = results[best] | {"seeds": _summarise(results, best)}
    run_folder.write_json(folder / run_folder.RESULTS_NAME, summary)
    return summary


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder so that the target appears all at once."""
    part = target.with_name(target.name + ".part")
    if source.is_dir():
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part)
        shutil.rmtree(target, ignore_errors=True)
    else:
        shutil.copy2(source, part)
    os.replace(part, target)  # noqa: PTH105 - also for folders


def _summarise(results: dict[int, dict[str, Any]], best: int) -> dict[str, Any]:
    """Mean and standard deviation of the errors over the seeds."""
    summary: dict[str, Any] = {"seeds": list(results), "best": best}
    for row in ("before", "after"):
        errors = [item["errors"][row][ALL] for item in results.values() if item["errors"][row]]
        for name in ("energy_rmse", "force_rmse"):
            values = [item[name] for item in errors if item[name] is not None]
            if len(values) > 1:
                summary[f"{row}_{name}"] = {"mean": mean(values), "std": stdev(values)}
    return summary


def _train_once(
    folder: Path, job: Job, recipe: Recipe, data: Data, reporter: Reporter
) -> dict[str, Any]:
    """Train with one seed, from the start or from where a state was saved."""
    preparation = prepare(job, recipe, data, reporter)
    _require_same_inputs(folder, preparation)
    reporter.prepared(preparation)
    test, set_name = _judged_by(preparation)
    graphs = build_graphs(test, preparation.config.type_names, preparation.config.r_max)
    graphs = [graph.to(preparation.device) for graph in graphs]
    before = None if job.from_scratch else _predict(preparation, graphs, reporter)
    meter, started = EnergyMeter(preparation.device), time.perf_counter()
    trainer = Trainer(
        preparation.model,
        preparation.train_graphs,
        preparation.validation_graphs,
        recipe,
        folder,
        job.seed,
    )
    steps = trainer.steps_per_epoch
    reporter.started(trainer.progress.epoch * steps, recipe.max_epochs * steps)

    def after_epoch(metrics: EpochMetrics) -> None:
        _write_metrics(folder / run_folder.METRICS_NAME, trainer.progress.history)
        reporter.epoch(metrics)

    trainer.run(on_epoch=after_epoch, on_step=reporter.step)
    # Once more, for it may have been killed between the last epoch's state and its metrics.
    _write_metrics(folder / run_folder.METRICS_NAME, trainer.progress.history)
    reporter.finished()
    training = lineage(preparation, trainer.progress) | {
        "seconds_this_session": round(time.perf_counter() - started, 1),
        "seconds": round(sum(row["seconds"] for row in trainer.progress.history), 1),
        "energy_kWh_this_session": meter.kwh(),
    }
    after = _predict(preparation, graphs, reporter)
    results = {
        "errors": _errors(test, set_name, before, after),
        "validation": trainer.best_metrics,
        "training": training,
    }
    series = {"fine-tuned" if before else "trained from scratch": after}
    series = ({"before": before} if before else {}) | series
    write_predictions(folder / run_folder.PREDICTIONS_NAME, test, after)
    parity_plot(folder / run_folder.PARITY_NAME, series, test)
    _write_model_folder(folder, preparation, results)
    run_folder.write_json(folder / run_folder.RESULTS_NAME, results)
    return results


def _require_same_inputs(folder: Path, preparation: Preparation) -> None:
    """Refuse to resume with other inputs: the state belongs to those it was started with."""
    path = folder / _INPUTS_NAME
    digests = preparation.input_digests()
    if not path.exists():
        run_folder.write_json(path, digests)
        return
    started_with = run_folder.read_json(path)
    changed = [name for name, digest in digests.items() if started_with.get(name) != digest]
    if changed:
        raise TrainingError(
            f"since the training in {folder} was started, what it uses has changed: "
            + ", ".join(changed),
            hint="Put the old files back, or start a new training: hub finetune --data ...",
        )


def _judged_by(preparation: Preparation) -> tuple[StructureSet, str]:
    """Return the test set, or the validation set where there is none."""
    if len(preparation.test):
        return preparation.test, "test"
    return preparation.validation, "validation"


def _predict(preparation: Preparation, graphs: list[Graph], reporter: Reporter) -> Predictions:
    energies, forces = predict(preparation.model, graphs, reporter.counting("evaluating"))
    return Predictions(energies.numpy(), tuple(item.numpy() for item in forces))


def _errors(
    test: StructureSet, set_name: str, before: Predictions | None, after: Predictions
) -> dict[str, Any]:
    def of(predictions: Predictions | None) -> dict[str, Any] | None:
        if predictions is None:
            return None
        groups = errors_by_group(test, predictions)
        return {name: errors.to_dict() for name, errors in groups.items()}

    return {
        "set": set_name,
        "n_structures": len(test),
        "before": of(before),
        "after": of(after),
    }


def _write_metrics(path: Path, history: list[dict[str, Any]]) -> None:
    with (
        replacing(path, path.parent) as part,
        part.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def _write_model_folder(folder: Path, preparation: Preparation, results: dict[str, Any]) -> None:
    """Write the model aside, checked, and put it in its place at once."""
    part = folder / f"{MODEL_FOLDER}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    write_model(part, preparation.model, preparation.config)
    write_card(part, preparation, results)
    shutil.rmtree(folder / MODEL_FOLDER, ignore_errors=True)
    part.replace(folder / MODEL_FOLDER)
