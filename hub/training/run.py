"""One training, from everything being prepared to a finished run folder."""

from __future__ import annotations

import csv
import time
from typing import TYPE_CHECKING, Any

from hub.errors import TrainingError
from hub.evaluation.evaluate import Predictions
from hub.evaluation.parity import parity_plot
from hub.evaluation.predictions_file import write_predictions
from hub.evaluation.tables import errors_by_group
from hub.library import MODEL_FOLDER
from hub.potentials.directory import write_model
from hub.potentials.prediction import predict
from hub.schemas import Sha256
from hub.structures.graphs import build_graphs
from hub.training import run_files, run_folder
from hub.training.card import lineage, write_card
from hub.training.energy_meter import EnergyMeter
from hub.training.loop import Trainer
from hub.training.process_group import ALONE
from registry.files import scratch_directory
from registry.outputs import file_beside, settle_folder

if TYPE_CHECKING:
    from pathlib import Path

    from hub.structures import StructureSet
    from hub.structures.graphs import Graph
    from hub.training.loop import EpochMetrics
    from hub.training.preparation import Preparation
    from hub.training.process_group import ProcessGroup
    from hub.training.reporter import Reporter


def train(
    folder: Path, preparation: Preparation, reporter: Reporter, group: ProcessGroup = ALONE
) -> dict[str, Any]:
    """Train, from the start or from where a state was saved, and write the run folder.

    Returns the results, as in ``results.json``; nothing in other processes than the first of the
    group, which writes and evaluates alone.
    """
    if group.is_first:
        _require_same_inputs(folder, preparation)
    reporter.prepared(preparation)
    test, set_name = _judged_by(preparation)
    potential = preparation.potential
    graphs = build_graphs(test, potential.elements, potential.cutoff)
    graphs = [graph.to(preparation.device) for graph in graphs]
    before = None if preparation.from_scratch else _predict(preparation, graphs, reporter)
    meter, started = EnergyMeter(preparation.device), time.perf_counter()
    trainer = Trainer(
        potential,
        preparation.train_graphs,
        preparation.validation_graphs,
        preparation.recipe,
        folder,
        preparation.seed,
        group,
    )
    _run(trainer, reporter)
    if not group.is_first:
        return {}
    reporter.finished()
    training = lineage(preparation, trainer.progress) | {
        "processes": group.size,
        "seconds_this_session": round(time.perf_counter() - started, 1),
        "seconds": round(sum(row["seconds"] for row in trainer.progress.history), 1),
        # The counters of the other processes' hardware are not read.
        "energy_kWh_this_session": meter.kwh() if group.size == 1 else None,
    }
    after = _predict(preparation, graphs, reporter)
    results = {
        "errors": _errors(test, set_name, before, after),
        "validation": trainer.best_metrics,
        "training": training,
    }
    series = {"fine-tuned" if before else "trained from scratch": after}
    series = ({"before": before} if before else {}) | series
    write_predictions(folder / run_files.PREDICTIONS_NAME, test, after)
    parity_plot(folder / run_files.PARITY_NAME, series, test)
    _write_model_folder(folder, preparation, results)
    run_files.write_json(folder / run_files.RESULTS_NAME, results)
    return results


def _run(trainer: Trainer, reporter: Reporter) -> None:
    """Train to the end; the first process keeps the table of the epochs up to date."""
    table = trainer.directory / run_files.METRICS_NAME
    steps = trainer.steps_per_epoch
    reporter.started(trainer.progress.epoch * steps, trainer.last_epoch * steps)

    def after_epoch(metrics: EpochMetrics) -> None:
        if trainer.group.is_first:
            _write_metrics(table, trainer.progress.history)
        reporter.epoch(metrics, trainer.last_epoch * steps)

    trainer.run(on_epoch=after_epoch, on_step=reporter.step)
    if trainer.group.is_first:
        # Once more, for it may have been killed between the last epoch's state and its metrics.
        _write_metrics(table, trainer.progress.history)


def _require_same_inputs(folder: Path, preparation: Preparation) -> None:
    """Refuse to resume with other inputs: the state belongs to those it was started with."""
    path = folder / run_files.INPUTS_NAME
    digests = preparation.input_digests()
    if not path.exists():
        run_files.write_json(path, digests)
        return
    started_with = run_files.read_json(path, dict[str, Sha256])
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
    energies, forces = predict(preparation.potential, graphs, reporter.counting("evaluating"))
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
        file_beside(path) as part,
        part.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def _write_model_folder(folder: Path, preparation: Preparation, results: dict[str, Any]) -> None:
    """Write the model aside, checked, and put it in its place at once."""
    with scratch_directory(folder) as part:
        write_model(part, preparation.potential)
        write_card(part, preparation, results)
        settle_folder(part, folder / MODEL_FOLDER, run_folder.model_files())
