"""A progress bar for people at a terminal."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from hub.cli.output import shows_progress
from hub.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hub.counting import Counting, Progress


@contextmanager
def progress_bar(
    description: str, *, in_bytes: bool = False
) -> Iterator[Callable[[int, int | None], None] | None]:
    """Show a bar while the block runs, and yield the callback ``(done, total)`` that moves it.

    The total may be None while unknown. Yields None, for "report nothing", where no bar is shown.
    With `in_bytes`, numbers are shown as sizes.
    """
    if not shows_progress():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    class RateColumn(ProgressColumn):
        """Recent rate, per second or minute."""

        def render(self, task: Task) -> str:
            speed = task.finished_speed or task.speed
            if not speed:
                return ""
            return f"{speed:,.1f}/s" if speed >= 0.1 else f"{60 * speed:.1f}/min"

    in_numbers = (MofNCompleteColumn(), RateColumn())
    counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else in_numbers
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *counts,
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(one_line(description), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def progress_bars() -> Iterator[Counting]:
    """Yield a function that shows a bar for each task in turn while the block runs.

    Pulled amounts are shown as sizes.
    """
    with ExitStack() as shown:

        def counting(task: str) -> Progress | None:
            shown.close()
            return shown.enter_context(progress_bar(task, in_bytes=task == "pulling"))

        yield counting
