"""Interface for the progress of a training, which the command line prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.training.preparation import Preparation
    from hub.training.state import EpochMetrics


class Reporter:
    """Receives the progress of a training, and ignores it; subclasses report it."""

    def opened(self, folder: Path) -> None:
        """Take note that the run folder exists and is locked."""

    def prepared(self, preparation: Preparation) -> None:
        """Take note that everything is prepared and training is about to start."""

    def started(self, steps_done: int, steps_at_most: int) -> None:
        """Take note that the first step is next."""

    def step(self) -> None:
        """Take note that one step was taken."""

    def epoch(self, metrics: EpochMetrics, steps_at_most: int) -> None:
        """Take note that an epoch is finished and saved, and of the maximum number of steps."""

    def finished(self) -> None:
        """Take note that the last step was taken; the model is evaluated next."""

    def counting(self, task: str) -> Callable[[int, int | None], None] | None:  # noqa: ARG002
        """Return a function to call with (done, total) during a task such as reading, or None."""
        return None
