"""Run one prepared training and write its run folder."""

from __future__ import annotations

import csv
import math
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from hub.devices import EnergyMeter
from hub.errors import TrainingError
from hub.evaluation.evaluate import evaluate
from hub.evaluation.metrics import errors_by_group
from hub.evaluation.parity import parity_plot
from hub.evaluation.predictions_file import write_predictions
from hub.library import MODEL_FOLDER
from hub.potentials.directory import write_model
from hub.schemas import Sha256
from hub.structures import StructureSet
from hub.structures.neighbours import NeighbourLists
from hub.training import run_files, run_folder
from hub.training.card import lineage, write_card
from hub.training.loop import Trainer
from hub.training.process_group import ALONE
from registry.files import scratch_directory
from registry.outputs import file_beside, settle_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.potentials.batches import Predictions
    from hub.potentials.potential import Potential
    from hub.training.preparation import Preparation
    from hub.training.process_group import ProcessGroup
    from hub.training.reporter import Reporter
    from hub.training.state import EpochMetrics


def train(
    folder: Path, preparation: Preparation, reporter: Reporter, group: ProcessGroup = ALONE
) -> dict[str, Any]:
    """Train, from the start or from a saved state, and write the run folder.

    Returns the results, as in ``results.json``; an empty dictionary except in the first process of
    the group, which alone writes and evaluates.
    """
    if group.is_first:
        _require_same_inputs(folder, preparation)
    reporter.prepared(preparation)
    before = before_in_general = None
    potential, general = preparation.potential, preparation.general
    if group.is_first and not preparation.from_scratch:
        before = _predict(preparation, reporter)
        before_in_general = general.predict(potential) if general else None
    meter, started = EnergyMeter(potential.device), time.perf_counter()
    graphs, recipe = preparation.validation_graphs, preparation.recipe
    trainer = Trainer(preparation.method, preparation.loader, graphs, recipe, folder, group)
    run_trainer(trainer, reporter)
    if not group.is_first:
        return {}
    reporter.finished()
    training = lineage(preparation, trainer.progress) | {
        "processes": group.size,
        "seconds_this_session": round(time.perf_counter() - started, 1),
        "seconds": round(sum(row["seconds"] for row in trainer.progress.history), 1),
        # The energy meters of the other processes are not read.
        "energy_kWh_this_session": meter.kwh() if group.size == 1 else None,
    }
    after = _predict(preparation, reporter)
    test, set_name = _judged_by(preparation)
    results: dict[str, Any] = {
        "errors": measured(test.structures, set_name, after, before),
        "validation": {
            name: value if math.isfinite(value) else None
            for name, value in trainer.best_metrics.items()
        },
        "training": training,
    }
    if general is not None:
        results["forgetting"] = general.compare(before_in_general, general.predict(potential))
    if preparation.cross_validation is not None:
        results["cross_validation"] = asdict(preparation.cross_validation)
    series = {"fine-tuned" if before else "trained from scratch": after}
    series = ({"before": before} if before else {}) | series
    card = partial(write_card, preparation=preparation, results=results)
    write_results(folder, potential, test.structures, series, card, results)
    return results


def run_trainer(trainer: Trainer, reporter: Reporter) -> None:
    """Train to the end; the first process updates the table of epochs."""
    table = trainer.directory / run_files.METRICS_NAME
    steps = trainer.steps_per_epoch
    reporter.started(trainer.steps_done, trainer.last_epoch * steps)

    def after_epoch(metrics: EpochMetrics) -> None:
        reporter.epoch(metrics, trainer.last_epoch * steps)

    def write_table() -> None:
        if trainer.progress.history:
            _write_metrics(table, trainer.progress.history)

    trainer.run(on_epoch=after_epoch, on_step=reporter.step, on_save=write_table)
    if trainer.group.is_first:
        # Again, because a kill may have come between the last epoch's state and its metrics.
        write_table()


def _require_same_inputs(folder: Path, preparation: Preparation) -> None:
    """Refuse to resume with other inputs than the training was started with."""
    path = folder / run_files.INPUTS_NAME
    digests = preparation.input_digests()
    if not path.exists():
        run_files.write_json(path, digests)
        return
    started_with = run_files.read_json(path, dict[str, Sha256])
    changed = [name for name, digest in digests.items() if started_with.get(name) != digest]
    if changed:
        raise TrainingError(
            f"inputs have changed since the training in {folder} was started: "
            + ", ".join(changed),
            hint="Restore the old files, or start a new training: hub finetune --data ...",
        )


def _judged_by(preparation: Preparation) -> tuple[NeighbourLists, str]:
    """Return the test set; without one, the validation set, or else the training set."""
    if len(preparation.test):
        return preparation.test, "test"
    if len(preparation.validation) or not isinstance(preparation.train, StructureSet):
        return preparation.validation, "validation"
    return NeighbourLists(preparation.train, preparation.potential.cutoff), "training"


def _predict(preparation: Preparation, reporter: Reporter) -> Predictions:
    test, _ = _judged_by(preparation)
    progress = reporter.counting("evaluating")
    return evaluate(preparation.potential, test.structures, progress, test)


def measured(
    test: StructureSet, set_name: str, after: Predictions, before: Predictions | None = None
) -> dict[str, Any]:
    """Return the errors after and before a training, as in ``results.json``."""

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
        # Epochs of older releases lack newer columns.
        writer = csv.DictWriter(stream, fieldnames=list(history[-1]))
        writer.writeheader()
        writer.writerows(history)


def write_results(
    folder: Path,
    potential: Potential,
    test: StructureSet,
    series: dict[str, Predictions],
    write_card: Callable[[Path], None],
    results: dict[str, Any],
) -> None:
    """Write what a finished run folder holds, ``results.json`` last.

    Parameters
    ----------
    folder
        The run folder.
    potential
        The result.
    test
        The structures to judge it by.
    series
        Predictions of each model to plot by its label; those of the result are the last.
    write_card
        Writes the card into a model directory.
    results
        The content of ``results.json``.
    """
    *_, after = series.values()
    write_predictions(folder / run_files.PREDICTIONS_NAME, test, after)
    parity_plot(folder / run_files.PARITY_NAME, series, test)
    # The model is written and checked in a temporary folder, then renamed.
    with scratch_directory(folder) as part:
        write_model(part, potential)
        write_card(part)
        settle_folder(part, folder / MODEL_FOLDER, run_folder.model_files())
    run_files.write_json(folder / run_files.RESULTS_NAME, results)
