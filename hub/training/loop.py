"""The training loop, the same for pre-training, fine-tuning and training from scratch."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from hub.errors import ModelError, TrainingError
from hub.potentials.batches import batches_by_edges, collate
from hub.potentials.prediction import predict
from hub.training.ema import MovingAverage
from hub.training.loss import count_labels, energy_and_force_loss
from hub.training.process_group import ALONE
from hub.training.run_files import STATE_NAME
from hub.training.state import is_finite, load_state, save_state
from registry.documents import fit_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.potentials.potential import Potential
    from hub.structures.graphs import Graph
    from hub.training.process_group import ProcessGroup
    from hub.training.recipe import Recipe

_MAX_STEPS_BACK = 5
_LAST_RATE = 0.01
_DIVERGED = (
    "One absurd label is enough for this: look at the data with `hub check`. If they are right, "
    "start again with a lower --learning-rate. What was trained before this epoch is kept."
)


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch did: loss, validation errors (meV/atom, eV/Å), rate, seconds."""

    epoch: int
    loss: float
    energy_rmse: float
    force_rmse: float
    learning_rate: float
    steps_back: int
    seconds: float


@dataclass
class Progress:
    """Where a training stands; everything here goes into the saved state."""

    epoch: int = 0
    best_epoch: int = 0
    best_force_rmse: float = math.inf
    reference_force_rmse: float = math.inf
    epochs_without_gain: int = 0
    steps_back: int = 0
    rate_factor: float = 1.0
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """Train a model on graphs in memory.

    Parameters
    ----------
    potential
        On the device that it is to be trained on; changed in place.
    training, validation
        Labelled graphs. They are copied to the device once.
    recipe
        The settings.
    directory
        Where the state is saved after each epoch. If one is there, the training goes on from it.
    seed
        Decides the order of the structures in each epoch.
    group
        The processes that share each batch. All are given the same; the first saves the state.
    """

    def __init__(
        self,
        potential: Potential,
        training: Sequence[Graph],
        validation: Sequence[Graph],
        recipe: Recipe,
        directory: Path,
        seed: int,
        group: ProcessGroup = ALONE,
    ) -> None:
        self.device = potential.device
        self.potential, self.recipe = potential, recipe
        self.directory, self.seed = directory, seed
        self.group = group
        self.training = [graph.to(self.device) for graph in training]
        self.validation = [graph.to(self.device) for graph in group.share(validation)]
        self.parameters = [value for value in potential.parameters() if value.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=recipe.learning_rate)
        self.average = MovingAverage(potential, recipe.ema_decay)
        self.progress = Progress()
        self.best = potential.weights()
        state = load_state(directory)
        if state is not None:
            self._resume(state)

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return math.ceil(len(self.training) / self.recipe.batch_size)

    @property
    def last_epoch(self) -> int:
        """The epoch to end at: the recipe's, or the last that its hours allow at the pace so far.

        As the pace varies, so does this; the learning rate follows it down.
        """
        history = self.progress.history
        if not (self.recipe.max_hours and history):
            return self.recipe.max_epochs
        pace = sum(row["seconds"] for row in history) / len(history)
        return min(self.recipe.max_epochs, int(3600 * self.recipe.max_hours / pace))

    @property
    def is_finished(self) -> bool:
        """Whether the last epoch was reached or the validation error stopped falling."""
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
    ) -> None:
        """Train to the end and leave the best weights, averaged, in the model.

        Raises
        ------
        TrainingError
            If loss or weights keep being infinite or undefined however small the steps, or the
            validation errors are in every epoch. The state of the last good epoch is kept.
        """
        while not self.is_finished:
            started = time.perf_counter()
            loss = self._finite_epoch(on_step)
            metrics = self._validate(loss, started)
            if self.group.is_first:
                save_state(self.directory, self._state())
            if on_epoch is not None:
                on_epoch(metrics)
        if not self.progress.best_epoch:
            raise TrainingError("the validation errors are not finite in any epoch", hint=_DIVERGED)
        self.potential.set_weights(self.best, "the best epoch")
        self.potential.eval()

    def _finite_epoch(self, on_step: Callable[[], None] | None) -> float:
        """Train one epoch; on a loss that is not finite step back and halve the learning rate."""
        before = copy.deepcopy(self._state())
        while True:
            loss = self._epoch(on_step)
            if math.isfinite(loss):
                return loss
            steps_back = self.progress.steps_back + 1
            if steps_back > _MAX_STEPS_BACK:
                raise TrainingError(
                    f"the loss or the weights are not finite in epoch {self.progress.epoch + 1}, "
                    f"even after halving the learning rate {_MAX_STEPS_BACK} times",
                    hint=_DIVERGED,
                )
            rate_factor = self.progress.rate_factor / 2
            self._restore(before)
            self.progress.steps_back, self.progress.rate_factor = steps_back, rate_factor

    def _epoch(self, on_step: Callable[[], None] | None) -> float:
        """Return the mean loss over the steps of one epoch, or NaN as soon as one is not finite."""
        order = torch.randperm(
            len(self.training),
            generator=torch.Generator().manual_seed(1_000_003 * self.seed + self.progress.epoch),
        ).tolist()
        self.potential.train()
        total = 0.0
        for step in range(self.steps_per_epoch):
            self._set_learning_rate(step)
            chosen = order[step * self.recipe.batch_size : (step + 1) * self.recipe.batch_size]
            loss = self._step([self.training[index] for index in chosen])
            if not math.isfinite(loss):
                return math.nan
            total += loss
            if on_step is not None:
                on_step()
        # A step may leave what is not finite in the weights or the optimiser, and a finite loss.
        return total / self.steps_per_epoch if is_finite(self._state()) else math.nan

    def _step(self, graphs: Sequence[Graph]) -> float:
        """Take one step; return the loss, or NaN if the step was not taken."""
        self.optimizer.zero_grad()
        loss = self.group.sum(self._backward(graphs))
        self.group.sum_gradients(self.parameters)
        limit = self.recipe.max_gradient_norm or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit)
        value = float(loss)
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            return math.nan
        self.optimizer.step()
        self.average.update()
        return value

    def _backward(self, graphs: Sequence[Graph]) -> torch.Tensor:
        """Add the gradients of this process's share of the loss; return the share.

        What is too much for memory at once is divided: the parts add up to the same.
        """
        weight, counts = self.recipe.energy_weight, count_labels(graphs)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for part in batches_by_edges(self.group.share(graphs), self.potential.max_edges):
            loss = energy_and_force_loss(self.potential(collate(part)), part, weight, counts)
            loss.backward()
            total += loss.detach()
        return total

    def _set_learning_rate(self, step: int) -> None:
        rate = self.recipe.learning_rate * self.progress.rate_factor
        if self.recipe.schedule == "cosine":
            done = self.progress.epoch + step / self.steps_per_epoch
            phase = (1 + math.cos(math.pi * min(done / self.last_epoch, 1))) / 2
            rate *= _LAST_RATE + (1 - _LAST_RATE) * phase
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _validate(self, loss: float, started: float) -> EpochMetrics:
        """Measure the averaged weights; keep them if they are the best so far, or to be kept."""
        progress = self.progress
        progress.epoch += 1
        with self.average.applied():
            energy_rmse, force_rmse = self._validation_errors()
            is_kept = math.isfinite(force_rmse) and not self.recipe.patience
            if is_kept or force_rmse < progress.best_force_rmse:
                progress.best_force_rmse, progress.best_epoch = force_rmse, progress.epoch
                self.best = {
                    name: value.clone() for name, value in self.potential.weights().items()
                }
        # Small gains add up: the error is compared with that of the last real gain.
        if force_rmse < progress.reference_force_rmse - self.recipe.min_delta:
            progress.reference_force_rmse = force_rmse
            progress.epochs_without_gain = 0
        else:
            progress.epochs_without_gain += 1
        metrics = EpochMetrics(
            epoch=progress.epoch,
            loss=loss,
            energy_rmse=energy_rmse,
            force_rmse=force_rmse,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            steps_back=progress.steps_back,
            seconds=self.group.from_first(time.perf_counter() - started),
        )
        progress.history.append(asdict(metrics))
        return metrics

    def _validation_errors(self) -> tuple[float, float]:
        """Return the energy (meV/atom) and force (eV/Å) RMSE on the validation structures."""
        sums = torch.zeros(4, dtype=torch.float64)
        if self.validation:
            energies, forces = predict(self.potential, self.validation)
            labels = torch.stack([graph.energy for graph in self.validation]).cpu()
            sizes = torch.tensor([len(graph) for graph in self.validation])
            force_labels = torch.cat([graph.forces for graph in self.validation]).cpu()
            energy_errors = ((energies - labels) / sizes).square()
            force_errors = (torch.cat(forces) - force_labels).square()
            sums = torch.stack(
                [
                    *(energy_errors.nansum(), (~energy_errors.isnan()).sum()),
                    *(force_errors.nansum(), (~force_errors.isnan()).sum()),
                ]
            )
        energy_sum, n_energies, force_sum, n_forces = self.group.sum(sums.to(self.device)).cpu()
        energy_mse, force_mse = energy_sum / n_energies, force_sum / n_forces
        return 1000 * float(energy_mse.sqrt()), float(force_mse.sqrt())

    def _state(self) -> dict[str, Any]:
        return {
            "weights": self.potential.weights(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state(),
            "progress": asdict(self.progress),
        }

    def _resume(self, state: dict[str, Any]) -> None:
        """Go on from a saved state, which may be that of anything."""
        try:
            progress = fit_whole(state["progress"], Progress)
            if not 0 <= progress.best_epoch <= progress.epoch == len(progress.history):
                raise ValueError("it does not say what each epoch did")  # noqa: TRY301
            self.potential.set_weights(state["best"], "its best epoch")
            self._restore(state)
        except (ModelError, KeyError, TypeError, ValueError, RuntimeError) as problem:
            raise TrainingError(
                f"{self.directory / STATE_NAME} is not the state of this training: {problem}",
                hint="Delete it to train from the start, or put the right one back.",
            ) from problem

    def _restore(self, state: dict[str, Any]) -> None:
        self.potential.set_weights(state["weights"], "the saved state")
        # The optimiser keeps what it is given, and must not share it with a state kept elsewhere.
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.average.load_state(state["average"])
        self.best = state["best"]
        self.progress = Progress(**copy.deepcopy(state["progress"]))
