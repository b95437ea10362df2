"""The training loop of pre-training, fine-tuning and training from scratch."""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hub.errors import IncompatibleModelError, ModelError, TrainingError
from hub.saving import SavingPace
from hub.training.loader import death_of_worker, worker_ended
from hub.training.process_group import ALONE
from hub.training.run_files import STATE_NAME
from hub.training.state import (
    PROGRESS,
    EpochMetrics,
    Progress,
    is_finite,
    load_state,
    save_state,
    snapshot,
)
from hub.training.stepper import Stepper
from hub.training.steps import validation_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.potentials.batches import LabelledBatch
    from hub.structures.graphs import Graph
    from hub.training.loader import Batches, Loader
    from hub.training.methods.full import Full
    from hub.training.process_group import ProcessGroup
    from hub.training.recipe import Recipe

_MAX_STEPS_BACK = 5
_SAVE_EVERY = 600.0  # seconds, in longer epochs
_READ_EVERY = 100  # steps, where losses are kept on the device
_DIVERGED = (
    "A single wrong label can cause this: check the data with `hub check`. If they are correct, "
    "start again with a lower --learning-rate. The state before this epoch is kept."
)


class Trainer:
    """Train a potential.

    Parameters
    ----------
    method
        With the potential, on the device to train on; changed in place.
    loader
        Yields the training structures.
    validation
        Labelled graphs, copied to the device once.
    recipe
        The settings.
    directory
        Where the state is saved: after each epoch, unless saving would take more than a twentieth
        of the time, and every ten minutes of a longer one. If it contains a state, the training
        resumes from it.
    group
        The processes that share each batch. The first one saves the state.
    """

    def __init__(
        self,
        method: Full,
        loader: Loader,
        validation: Sequence[Graph],
        recipe: Recipe,
        directory: Path,
        group: ProcessGroup = ALONE,
    ) -> None:
        self.potential = potential = method.potential
        self.device = potential.device
        self.loader, self.recipe = loader, recipe
        self.directory, self.group = directory, group
        self.is_validated = bool(validation)
        self.validation = [graph.to(self.device) for graph in group.share(validation)]
        self.stepper = Stepper(method, recipe, group)
        self.progress = Progress()
        self.best = potential.weights()
        # The last state of finite numbers, and whether it is on the disk.
        self._good: dict[str, Any] = {}
        self._is_saved = True
        self._pace = SavingPace()
        self._on_save: Callable[[], None] | None = None
        state = load_state(directory)
        if state is not None:
            self._resume(state)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return math.ceil(len(self.loader) / self.recipe.batch_size)

    @property
    def steps_done(self) -> int:
        """Number of steps taken so far."""
        return self.progress.epoch * self.steps_per_epoch + self.progress.step

    @property
    def last_epoch(self) -> int:
        """The epoch to end at: the recipe's, or the last that fits its hours at the pace so far.

        It varies with the pace, and the learning rate follows.
        """
        return min(self._schedule, self.recipe.end_epoch or self._schedule)

    @property
    def _schedule(self) -> int:
        """Number of epochs over which the learning rate decays."""
        history = self.progress.history
        if not (self.recipe.max_hours and history):
            return self.recipe.max_epochs
        pace = sum(row["seconds"] for row in history) / len(history)
        return min(self.recipe.max_epochs, int(3600 * self.recipe.max_hours / pace))

    @property
    def is_finished(self) -> bool:
        """Whether the last epoch is reached or the validation error no longer decreases."""
        patience = self.recipe.patience or math.inf
        return (
            self.progress.epoch >= self.last_epoch or self.progress.epochs_without_gain >= patience
        )

    @property
    def best_metrics(self) -> dict[str, Any]:
        """The metrics of the epoch whose weights were kept."""
        return self.progress.history[self.progress.best_epoch - 1]

    def run(
        self,
        on_epoch: Callable[[EpochMetrics], None] | None = None,
        on_step: Callable[[], None] | None = None,
        on_save: Callable[[], None] | None = None,
    ) -> None:
        """Train to the end and leave the best averaged weights in the potential.

        Parameters
        ----------
        on_epoch, on_step
            Called after each epoch and each step.
        on_save
            Called in the first process after the state was saved.

        Raises
        ------
        TrainingError
            If loss or weights are not finite even with small steps, or the validation errors are
            not finite in any epoch. The last good state is kept.
        IncompatibleModelError
            If a structure does not fit into memory. The state before it is kept.
        """
        self._on_save, self._good = on_save, snapshot(self._state())
        try:
            while not self.is_finished:
                metrics = self._epoch(on_step)
                if on_epoch is not None:
                    on_epoch(metrics)
        except BaseException:
            if not self._is_saved:
                self._save()
            raise
        if not self.progress.best_epoch:
            raise TrainingError("the validation errors are not finite in any epoch", hint=_DIVERGED)
        self.potential.set_weights(self.best, "the best epoch")
        self.potential.eval()

    def _epoch(self, on_step: Callable[[], None] | None) -> EpochMetrics:
        """Train and validate the rest of an epoch."""
        try:
            self._finite_epoch(on_step)
            metrics = self._validate()
        except IncompatibleModelError:
            # Memory ran out within a step, before it changed anything: save the state, to resume
            # on a machine with more memory.
            if self._read_losses() and is_finite(state := self._state()):
                self._good, self._is_saved = state, False
            raise
        self._good, self._is_saved = snapshot(self._state()), False
        if self.is_finished or self._pace.is_due:
            self._save()
        return metrics

    def _finite_epoch(self, on_step: Callable[[], None] | None) -> None:
        """Train the rest of an epoch.

        If loss or weights are not finite, return to the last finite state and halve the learning
        rate.
        """
        while True:
            progress = self.progress
            batches = self.loader.batches(progress.epoch, self.recipe.batch_size, progress.step)
            try:
                with closing(batches):
                    is_whole = self._steps(batches, on_step)
            except RuntimeError as problem:
                if reason := death_of_worker(problem):
                    raise worker_ended(reason) from problem
                raise
            if is_whole:
                return
            steps_back = self.progress.steps_back + 1
            if steps_back > _MAX_STEPS_BACK:
                raise TrainingError(
                    f"the loss or the weights are not finite in epoch {self.progress.epoch + 1}, "
                    f"even after halving the learning rate {_MAX_STEPS_BACK} times",
                    hint=_DIVERGED,
                )
            rate_factor = self.progress.rate_factor / 2
            self._restore(self._good)
            self.progress.steps_back, self.progress.rate_factor = steps_back, rate_factor

    def _steps(self, batches: Batches, on_step: Callable[[], None] | None) -> bool:
        """Take the remaining steps of an epoch, saving the state from time to time.

        Returns
        -------
        Whether the epoch ended with all numbers finite.
        """
        progress = self.progress
        self.potential.train()
        began = time.perf_counter()
        for parts in batches:
            fetched = time.perf_counter()
            self._set_learning_rate(progress.step)
            loss, is_save_due = self._step(parts)
            if not math.isfinite(loss):
                return False
            progress.step += 1
            progress.loss += loss
            is_last = progress.step == self.steps_per_epoch
            is_read = is_last or is_save_due or progress.step % _READ_EVERY == 0
            if is_read and not self._read_losses():
                return False
            ended = time.perf_counter()
            progress.waiting += fetched - began
            progress.seconds += ended - began
            began = ended
            if on_step is not None:
                on_step()
            if is_save_due:
                state = snapshot(self._state())
                if not is_finite(state):
                    return False
                self._good = state
                self._save()
        # The loss can be finite although the weights or the optimiser's state are not.
        return is_finite(self._state())

    def _read_losses(self) -> bool:
        """Add up the losses that are kept on the device, and say whether all steps were taken."""
        total, is_finite = self.stepper.read_losses()
        self.progress.loss += total
        return is_finite

    def _step(self, parts: Sequence[LabelledBatch]) -> tuple[float, bool]:
        """Take one step; return what `Stepper.take` does."""
        is_due = self.group.is_first and self._pace.elapsed > _SAVE_EVERY
        return self.stepper.take(parts, is_save_due=is_due)

    def _set_learning_rate(self, step: int) -> None:
        done = (self.progress.epoch + step / self.steps_per_epoch) / self._schedule
        self.stepper.optimizer.rate = self.progress.rate_factor * self.recipe.rate(min(done, 1))

    def _validate(self) -> EpochMetrics:
        """Validate the averaged weights; keep them if they are the best so far, or always kept."""
        progress, started = self.progress, time.perf_counter()
        errors = validation_errors(self.stepper.average.potential, self.validation, self.group)
        force_rmse = errors[1]
        progress.epoch += 1
        is_valid = math.isfinite(force_rmse) or not self.is_validated
        is_kept = is_valid and self.recipe.keep == "last"
        if is_kept or force_rmse < progress.best_force_rmse:
            progress.best_force_rmse, progress.best_epoch = force_rmse, progress.epoch
            weights = self.stepper.average.potential.weights()
            self.best = {name: value.clone() for name, value in weights.items()}
        progress.count_gain(force_rmse, self.recipe.min_delta)
        times = progress.seconds + time.perf_counter() - started, progress.waiting
        metrics = EpochMetrics(
            progress.epoch,
            progress.loss / self.steps_per_epoch,
            *errors,
            self.stepper.optimizer.rate,
            progress.steps_back,
            *self.group.from_first(times),
        )
        progress.history.append(asdict(metrics))
        progress.step, progress.loss, progress.seconds, progress.waiting = 0, 0.0, 0.0, 0.0
        return metrics

    def _save(self) -> None:
        """Save the last state of finite numbers."""
        if self.group.is_first:
            with self._pace.saving():
                save_state(self.directory, self._good)
                if self._on_save is not None:
                    self._on_save()
        self._is_saved = True

    def _state(self) -> dict[str, Any]:
        return {
            "weights": self.potential.weights(),
            "best": self.best,
            **self.stepper.state(),
            PROGRESS: self.progress.to_dict(),
        }

    def _resume(self, state: dict[str, Any]) -> None:
        """Resume from a saved state, which may belong to something else."""
        try:
            state[PROGRESS] = Progress.read(state[PROGRESS], self.steps_per_epoch).to_dict()
            self.potential.set_weights(state["best"], "its best epoch")
            self._restore(state)
        except (ModelError, KeyError, TypeError, ValueError, RuntimeError) as problem:
            raise TrainingError(
                f"{self.directory / STATE_NAME} is not a state of this training: {problem}",
                hint="Delete it to train from the start, or restore the right one.",
            ) from problem

    def _restore(self, state: dict[str, Any]) -> None:
        self.stepper.restore(state)
        self.best = state["best"]
        self.progress = Progress.from_dict(state[PROGRESS])
