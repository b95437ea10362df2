"""Messages of `hub distil` while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli import output
from hub.cli.training_output import TrainingOutput
from hub.studies.distil_steps import DistilReporter

if TYPE_CHECKING:
    from pathlib import Path

_STEPS = {
    "rank": "compare teachers with training from scratch",
    "scratch": "train from scratch",
    "teacher": "fine-tune the teacher",
    "structures": "label structures around the training structures",
    "pretrain": "pre-train the student",
    "student": "fine-tune the student",
    "report": "compare on the test set",
}


class DistilOutput(TrainingOutput, DistilReporter):
    """Report the progress of a distillation on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self.place: Path | None = None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the bar; print how to resume."""
        if self.bar is not None:
            self.bar.stop()
        if kind is KeyboardInterrupt and self.place is not None:
            output.message(f"resume with: hub distil --out {self.place} --resume")

    def opened(self, folder: Path) -> None:
        """Print the first folder, which is that of the distillation."""
        if self.place is None:
            self.place = folder
            super().opened(folder)

    def step_begun(self, name: str) -> None:
        """Print a heading, and forget the plan of the last training."""
        self.told.clear()
        self._print(f"\n{_STEPS[name]}:")

    def note(self, text: str) -> None:
        """Print a note."""
        self._print(text)
