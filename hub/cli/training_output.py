"""Output of a training: the plan, a progress bar or a line per epoch, the final table."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Self

from hub.alchemy.search_table import search_lines
from hub.cli import output
from hub.training.methods.choosing import FULL
from hub.training.reporter import Reporter
from hub.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.progress import Progress, TaskID

    from hub.datasets.streaming import Stream
    from hub.structures import StructureSet
    from hub.training.preparation import Preparation
    from hub.training.state import EpochMetrics

_TIMED_STEPS = 3  # after the first, which includes the warm-up
_QUIET_INTERVAL = 30.0  # seconds between lines without a terminal


class TrainingOutput(Reporter):
    """Report the progress of a training on stderr."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.told: set[str] = set()
        self.steps_back = 0
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        self.steps_at_most = 0
        self.steps_done = 0
        self.steps_here = 0
        self.clock = 0.0
        self.max_hours = 0.0
        self.last_line = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the bar; print how to resume an interrupted training."""
        if self.bar is not None:
            self.bar.stop()
        if kind is KeyboardInterrupt and self.folder is not None and self.folder.exists():
            from hub.training.run_files import resume_command

            output.message(f"resume with: {resume_command(self.folder)}")

    def opened(self, folder: Path) -> None:
        """Remember the run folder, and print it."""
        self.folder = folder
        self._tell("run folder", str(folder))

    def prepared(self, preparation: Preparation) -> None:
        """Print the plan; for a further seed, only what is new."""
        self.max_hours = preparation.recipe.max_hours
        for name, text in plan_lines(preparation):
            self._tell(name, text)
        if preparation.search:
            for line in search_lines(preparation.search):
                self._print(line)
        for finding in preparation.findings:
            allowed = "allowed" if finding.severity == "error" else finding.severity
            self._tell(allowed, f"{finding.code}: {finding.message}")

    def _tell(self, name: str, text: str) -> None:
        """Print a line of the plan or a note, once."""
        line = f"{name + ':':<18} {text}"
        if line not in self.told:
            self.told.add(line)
            self._print(line)

    def _print(self, text: str) -> None:
        """Print above the bar, if any."""
        if self.bar is None:
            output.message(text)
        else:
            self.bar.console.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    def counting(self, task: str) -> Callable[[int, int | None], None] | None:
        """Show a bar for a task such as reading or checking."""
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
        self.last_line = -math.inf
        if steps_done:
            self._print(f"resuming after {steps_done} of at most {steps_at_most} steps")
        if output.shows_progress():
            self.task = self._open_bar().add_task(
                "training", total=steps_at_most, completed=steps_done
            )

    def step(self) -> None:
        """Move the bar; after the first steps, estimate the time."""
        self.steps_done += 1
        self.steps_here += 1
        if self.steps_here == 1:
            self.clock = time.perf_counter()
        left = self.steps_at_most - self.steps_done
        if self.steps_here == 1 + _TIMED_STEPS and left > 0:
            seconds = (time.perf_counter() - self.clock) / _TIMED_STEPS
            most = f"at most {human_time(seconds * left)} for the {left} remaining steps"
            if 0 < 3600 * self.max_hours < seconds * left:
                most = f"not enough hours for the {left} remaining steps: training will stop early"
            self._tell("time", f"{seconds:.2f} s per step, {most}, not counting validation")
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=self.steps_done)

    def epoch(self, metrics: EpochMetrics, steps_at_most: int) -> None:
        """Show the validation errors."""
        self.steps_at_most = steps_at_most
        if metrics.steps_back > self.steps_back:
            self._tell(
                "note",
                f"the loss was not finite in epoch {metrics.epoch}; repeating the epoch with a "
                "lower learning rate",
            )
        self.steps_back = metrics.steps_back
        text = f"epoch {metrics.epoch}"
        if math.isfinite(metrics.force_rmse):
            text += (
                f": validation {metrics.energy_rmse:.1f} meV/atom, {metrics.force_rmse:.3f} eV/Å"
            )
        if math.isfinite(metrics.stress_rmse):
            text += f", {metrics.stress_rmse:.2f} GPa"
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, description=text, total=steps_at_most)
        elif time.monotonic() - self.last_line > _QUIET_INTERVAL:
            self.last_line = time.monotonic()
            output.message(f"{text} ({metrics.seconds:.1f} s)")

    def finished(self) -> None:
        """Remove the bar of the training."""
        if self.bar is not None and self.task is not None:
            self.bar.remove_task(self.task)
        self.task = None

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
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.bar.start()
        return self.bar


def plan_lines(preparation: Preparation) -> list[tuple[str, str]]:
    """Return the plan of a training as names and texts."""
    from hub.devices import device_name

    recipe = preparation.recipe
    adam = f"Adam {recipe.learning_rate:g} ({recipe.schedule})"
    loss = f"loss {recipe.energy_weight:g} x energy + forces"
    loss += f" + {recipe.stress_weight:g} x stress" if recipe.stress_weight else ""
    hours = f" or {recipe.max_hours:g} hours" if recipe.max_hours else ""
    steps = f"{preparation.steps_per_epoch} per epoch, at most {recipe.max_epochs} epochs{hours}"
    stop = f"; stops after {recipe.patience} without a lower validation force error"
    steps += stop if 0 < recipe.patience < recipe.max_epochs else ""
    lines = [("model", _start(preparation)), ("data", _content(preparation.structures))]
    if preparation.search:
        lines.append(("alchemical", str(preparation.search.chosen.transmutation)))
    if preparation.test_is_given:
        lines.append(("test set", _content(preparation.test.structures)))
    lines += [
        ("labels", f"{preparation.energy_key} (eV), {preparation.forces_key} (eV/Å)"),
        ("reference energy", _energies(preparation.reference_energies)),
    ]
    if not preparation.from_scratch:
        lines.append(("energy shift", _energies(preparation.shift)))
    return [
        *lines,
        *(("note", note) for note in preparation.notes),
        *_method(preparation),
        ("recipe", f"{recipe.name}: {adam}, batches of {recipe.batch_size}, {loss}"),
        ("steps", steps),
        ("device", device_name(preparation.potential.device)),
    ]


def _method(preparation: Preparation) -> list[tuple[str, str]]:
    """Return the method and how many numbers it changes, unless all weights are trained alike."""
    rates = ", ".join(f"{name} {rate:g}" for name, rate in preparation.recipe.group_rates.items())
    if preparation.method_name == FULL and not rates:
        return []
    changed = sum(each.numel() for each in preparation.method.parameters)
    text = f"{preparation.method_name} ({changed:,} trainable parameters)"
    return [("method", text + (f", learning rate times {rates}" if rates else ""))]


def _content(structures: StructureSet | Stream) -> str:
    smallest, largest = structures.n_atoms.min(), structures.n_atoms.max()
    sizes = f"{smallest} to {largest}" if smallest != largest else f"{largest}"
    elements, files = ", ".join(structures.elements), ", ".join(structures.sources)
    return f"{len(structures)} structures of {sizes} atoms ({elements}) in {files}"


def _start(preparation: Preparation) -> str:
    config = preparation.potential.config
    text = f"{', '.join(config.type_names)}, cutoff {config.r_max:g} Å"
    opened = preparation.parent
    if opened is None:
        return f"random weights ({text}, {config.avg_num_neighbors:.2f} neighbours on average)"
    if opened.version is None:
        return f"{opened.path} ({text}), stored predictions reproduced"
    digest = opened.version.digest[:16]
    return f"{opened.version.reference} sha256:{digest} ({text}), stored predictions reproduced"


def _energies(energies: Any) -> str:
    values = ", ".join(f"{symbol} {value:.4f}" for symbol, value in energies.energies.items())
    return f"{values} eV/atom ({energies.method})"


def print_results(folder: Path, results: dict[str, Any]) -> None:
    """Print the final table, and where model and plots are."""
    from hub.evaluation.forgetting import forgetting_text
    from hub.evaluation.metrics import Errors, error_table

    errors = results["errors"]
    after = "trained from scratch" if errors["before"] is None else "after"
    series = {
        label: {name: Errors.from_dict(row) for name, row in errors[key].items()}
        for label, key in (("before", "before"), (after, "after"))
        if errors[key] is not None
    }
    output.message("")
    number = errors["n_structures"]
    is_committee = "seeds" in results and results["seeds"]["best"] is None
    of_seed = f", seed {results['seeds']['best']}" if "seeds" in results else ""
    of_seed = ", committee" if is_committee else of_seed
    output.message(
        f"errors on the {errors['set']} set "
        f"({number} structure{'s' if number > 1 else ''}{of_seed}):"
    )
    output.result_table(*error_table(series))
    if "seeds" in results:
        _print_seeds(results["seeds"])
    from hub.training.recipe import keeps_best

    if forgotten := results.get("forgetting"):
        output.message(f"{forgotten['source']}: {forgetting_text(forgotten)}")
    if validated := results.get("cross_validation"):
        output.message(
            f"cross-validation in {validated['folds']} parts: {validated['energy_rmse']:.1f} "
            f"meV/atom, {validated['force_rmse']:.3f} eV/Å at epoch {validated['epoch']}"
        )
    training = results["training"]
    kept = "best epoch" if keeps_best(training["recipe"]) else "epoch"
    if not is_committee:
        output.message(
            f"{kept} {training['best_epoch']} of {training['epochs']}, "
            f"{human_time(training['seconds'])} on {training['device']}"
        )
    output.message(f"model: {folder / 'model'}; plots: {folder / 'parity.png'}")


def _print_seeds(summary: dict[str, Any]) -> None:
    """Print means and standard deviations over the seeds."""
    seeds = ", ".join(str(seed) for seed in summary["seeds"])
    output.result("")
    kept = "all kept" if summary["best"] is None else f"best by validation: {summary['best']}"
    output.result(f"over seeds {seeds} ({kept}):")
    for row in ("before", "after"):
        energy, force, stress = (
            summary.get(f"{row}_{name}_rmse") for name in ("energy", "force", "stress")
        )
        if energy and force:
            text = (
                f"  {row:<7} {energy['mean']:.1f} ± {energy['std']:.1f} meV/atom, "
                f"{force['mean']:.3f} ± {force['std']:.3f} eV/Å"
            )
            if stress:
                text += f", {stress['mean']:.2f} ± {stress['std']:.2f} GPa"
            output.result(text)


def human_time(seconds: float) -> str:
    """Format a duration for people."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
