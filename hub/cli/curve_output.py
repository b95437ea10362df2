"""Messages of `hub learning-curve` while it runs: a line for each training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli import output
from hub.cli.training_output import human_time
from hub.studies.curve import CurveReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.studies.curve import Point
    from hub.studies.paper import Beside


class CurveOutput(CurveReporter):
    """Report the progress of a curve on stderr.

    Parameters
    ----------
    move
        Moves the progress bar, if any.
    """

    def __init__(self, move: Callable[[int, int | None], None] | None) -> None:
        self.move = move
        self.total = 0

    def planned(self, trainings: int, finished: int, n_test: int) -> None:
        """Print the plan."""
        self.total = trainings
        before = f" ({finished} already finished)" if finished else ""
        output.message(f"{trainings} trainings{before}, {n_test} test structures")
        self._advance(finished)

    def trained(self, point: Point, finished: int) -> None:
        """Print the result of a training."""
        width = len(str(self.total))
        output.message(
            f"{finished:>{width}} of {self.total}: {point.start}, {point.size} structures, "
            f"seed {point.seed}: {point.errors.energy_rmse:.1f} meV/atom, "
            f"{point.errors.force_rmse:.3f} eV/Å ({human_time(point.seconds)})"
        )
        self._advance(finished)

    def _advance(self, finished: int) -> None:
        if self.move is not None:
            self.move(finished, self.total)


def print_beside(tables: Sequence[Beside]) -> None:
    """Print the errors of the paper beside those of a learning curve."""
    for each in tables:
        output.result("")
        output.result(each.title)
        output.result_table(each.header, each.rows)
