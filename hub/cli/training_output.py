"""What a training prints: the plan, a progress bar or a line an epoch, the table at the end."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from hub.cli import output
from hub.training.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.progress import Progress, TaskID

    from hub.training.loop import EpochMetrics
    from hub.training.preparation import Preparation

_TIMED_STEPS = 3  # after the first, which also warms up
_QUIET_INTERVAL = 30.0  # seconds between lines where there is no terminal


class TrainingOutput(Reporter):
    """Tell a person, on stderr, what a training does."""

    def __init__(self) -> None:
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        self.steps_at_most = 0
        self.steps_done = 0
        self.steps_here = 0
        self.clock = 0.0
        self.last_line = -math.inf

    def prepared(self, preparation: Preparation, folder: Path) -> None:
        """Print the plan."""
        for name, text in plan_lines(preparation, folder):
            output.message(f"{name + ':':<18} {text}")
        for finding in preparation.data.findings:
            output.message(f"{finding.severity + ':':<18} {finding.code}: {finding.message}")

    def counting(self, task: str) -> Callable[[int, int | None], None] | None:
        """Show a bar for reading, checking and the like."""
        if not output.shows_progress():
            return None
        bar = self._open_bar()
        task_id = bar.add_task(task, total=None)

        def update(done: int, total: int | None) -> None:
            bar.update(task_id, completed=done, total=total, visible=done != total)

        return update

    def started(self, steps_done: int, steps_at_most: int) -> None:
        """Open the bar of the training."""
        self.steps_done, self.steps_at_most, self.steps_here = steps_done, steps_at_most, 0
        if steps_done:
            output.message(f"going on after {steps_done} of at most {steps_at_most} steps")
        if output.shows_progress():
            self.task = self._open_bar().add_task(
                "training", total=steps_at_most, completed=steps_done
            )

    def step(self) -> None:
        """Move the bar; after the first steps estimate the time."""
        self.steps_done += 1
        self.steps_here += 1
        if self.steps_here == 1:
            self.clock = time.perf_counter()
        elif self.steps_here == 1 + _TIMED_STEPS:
            seconds = (time.perf_counter() - self.clock) / _TIMED_STEPS
            left = seconds * (self.steps_at_most - self.steps_done)
            output.message(
                f"{'time:':<18} {seconds:.2f} s a step, at most {human_time(left)} for the "
                f"{self.steps_at_most - self.steps_done} steps left, validation not counted"
            )
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=self.steps_done)

    def epoch(self, metrics: EpochMetrics) -> None:
        """Show the validation errors."""
        text = (
            f"epoch {metrics.epoch}: validation {metrics.energy_rmse:.1f} meV/atom, "
            f"{metrics.force_rmse:.3f} eV/Å"
        )
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, description=text)
        elif time.monotonic() - self.last_line > _QUIET_INTERVAL:
            self.last_line = time.monotonic()
            output.message(f"{text} ({metrics.seconds:.1f} s)")

    def finished(self) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.stop()
        self.bar = self.task = None

    def _open_bar(self) -> Progress:
        if self.bar is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.bar.start()
        return self.bar


def plan_lines(preparation: Preparation, folder: Path) -> list[tuple[str, str]]:
    """Return what is going to be done, as names and texts."""
    from hub.devices import device_name

    job, recipe, read = preparation.job, preparation.recipe, preparation.data.read
    structures = read.structures
    sizes = structures.n_atoms
    lines = [
        ("model", _start(preparation)),
        (
            "data",
            f"{len(structures)} structures of {sizes.min()} to {sizes.max()} atoms "
            f"({', '.join(structures.elements)}) in {', '.join(structures.sources)}",
        ),
        ("labels", f"{read.energy_key} (eV), {read.forces_key} (eV/Å)"),
        ("reference energy", _energies(preparation.reference_energies)),
    ]
    if not job.from_scratch:
        lines.append(("energy shift", _energies(preparation.shift)))
    lines += [("note", note) for note in (*read.notes, *preparation.split.notes)]
    lines += [("note", note) for note in preparation.shift.notes]
    lines += [
        (
            "recipe",
            f"{recipe.name}: Adam {recipe.learning_rate:g} ({recipe.schedule}), batches of "
            f"{recipe.batch_size}, loss {recipe.energy_weight:g} x energy + forces",
        ),
        (
            "steps",
            f"{preparation.steps_per_epoch} an epoch, at most {recipe.max_epochs} epochs; stops "
            f"after {recipe.patience} without a lower validation force error",
        ),
        ("device", device_name(preparation.device)),
        ("run folder", str(folder)),
    ]
    return lines


def _start(preparation: Preparation) -> str:
    config = preparation.config
    text = f"{', '.join(config.type_names)}, cutoff {config.r_max:g} Å"
    opened = preparation.parent
    if opened is None:
        return f"random weights ({text}, {config.avg_num_neighbors:.2f} neighbours on average)"
    if opened.version is None:
        return f"{opened.path} ({text}), stored predictions reproduced"
    digest = opened.version.digest[:12]
    return f"{opened.version.reference} sha256:{digest} ({text}), stored predictions reproduced"


def _energies(energies: Any) -> str:
    values = ", ".join(f"{symbol} {value:.4f}" for symbol, value in energies.energies.items())
    return f"{values} eV/atom ({energies.method})"


def print_results(folder: Path, results: dict[str, Any]) -> None:
    """Print the final table and where things are."""
    from hub.evaluation.metrics import Errors
    from hub.evaluation.tables import error_table

    errors = results["errors"]
    after = "trained from scratch" if errors["before"] is None else "after"
    series = {
        label: {name: Errors.from_dict(row) for name, row in errors[key].items()}
        for label, key in (("before", "before"), (after, "after"))
        if errors[key] is not None
    }
    output.message("")
    output.message(f"errors on the {errors['set']} set ({errors['n_structures']} structures):")
    output.result_table(*error_table(series))
    if "seeds" in results:
        _print_seeds(results["seeds"])
    training = results["training"]
    output.message(
        f"best epoch {training['best_epoch']} of {training['epochs']}, "
        f"{human_time(training['seconds'])} on {training['device']}"
    )
    output.message(f"model: {folder / 'model'}; plots: {folder / 'parity.png'}")


def _print_seeds(summary: dict[str, Any]) -> None:
    """Mean and standard deviation over the seeds."""
    seeds = ", ".join(str(seed) for seed in summary["seeds"])
    output.result("")
    output.result(f"over seeds {seeds} (best by validation: {summary['best']}):")
    for row in ("before", "after"):
        energy, force = (summary.get(f"{row}_{name}") for name in ("energy_rmse", "force_rmse"))
        if energy and force:
            output.result(
                f"  {row:<7} {energy['mean']:.1f} ± {energy['std']:.1f} meV/atom, "
                f"{force['mean']:.3f} ± {force['std']:.3f} eV/Å"
            )


def human_time(seconds: float) -> str:
    """Write a duration as people do."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
