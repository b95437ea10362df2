"""What a training tells while it runs; the command line prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.training.loop import EpochMetrics
    from hub.training.preparation import Preparation


class Reporter:
    """Tells nobody anything; subclasses do."""

    def prepared(self, preparation: Preparation, folder: Path) -> None:
        """Everything is decided and training is about to start."""

    def started(self, steps_done: int, steps_at_most: int) -> None:
        """The first step comes next."""

    def step(self) -> None:
        """One step was taken."""

    def epoch(self, metrics: EpochMetrics) -> None:
        """One epoch is over, and its state saved."""

    def finished(self) -> None:
        """The last step was taken; the model is evaluated next."""

    def counting(self, task: str) -> Callable[[int, int | None], None] | None:  # noqa: ARG002
        """Return what to call with (done, total) during a task such as reading, or None."""
        return None
