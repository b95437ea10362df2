"""What a training tells while it runs; the command line prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.training.preparation import Preparation
    from hub.training.state import EpochMetrics


class Reporter:
    """Tells nobody anything; subclasses do."""

    def opened(self, folder: Path) -> None:
        """Hear that the run folder is there and nobody else uses it."""

    def prepared(self, preparation: Preparation) -> None:
        """Hear that everything is decided and training is about to start."""

    def started(self, steps_done: int, steps_at_most: int) -> None:
        """Hear that the first step comes next."""

    def step(self) -> None:
        """Hear that one step was taken."""

    def epoch(self, metrics: EpochMetrics, steps_at_most: int) -> None:
        """Hear that one epoch is over, its state saved, and how many steps it may come to."""

    def finished(self) -> None:
        """Hear that the last step was taken; the model is evaluated next."""

    def counting(self, task: str) -> Callable[[int, int | None], None] | None:  # noqa: ARG002
        """Return what to call with (done, total) during a task such as reading, or None."""
        return None
