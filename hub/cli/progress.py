"""Progress bars for people at a terminal."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from hub.cli.output import shows_progress
from hub.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress as Bars

    from hub.counting import Counting, Progress

_shown: list[Bars] = []  # what stands on the terminal, if anything


@contextmanager
def progress_bar(
    description: str, *, in_bytes: bool = False
) -> Iterator[Callable[[int, int | None], None] | None]:
    """Show a bar while the block runs, and yield the callback ``(done, total)`` that moves it.

    The total may be None while unknown. Yields None, for "report nothing", where no bar is shown.
    With `in_bytes`, numbers are shown as sizes. A bar inside the block of another one appears below
    it once it is moved.
    """
    if not shows_progress():
        yield None
        return
    with ExitStack() as block:
        is_first = not _shown
        if is_first:
            _shown.append(block.enter_context(_bars()))
            block.callback(_shown.clear)
        bars = _shown[0]
        task = bars.add_task(
            one_line(description), total=None, start=is_first, visible=is_first, in_bytes=in_bytes
        )
        block.callback(bars.remove_task, task)

        moved = False

        def move(done: int, total: int | None) -> None:
            nonlocal moved
            bars.start_task(task)
            # Drawn at once at first: the work may end before the bars are next redrawn.
            bars.update(task, completed=done, total=total, visible=True, refresh=not moved)
            moved = True

        yield move


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


def _bars() -> Bars:
    """Return an empty set of bars on stderr, which vanish in the end."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class CountColumn(ProgressColumn):
        """How much is done, as a size or a number."""

        def render(self, task: Task) -> Text:
            column = DownloadColumn() if task.fields["in_bytes"] else MofNCompleteColumn()
            return column.render(task)

    class RateColumn(ProgressColumn):
        """Recent rate: bytes per second, or a number per second or minute."""

        def render(self, task: Task) -> Text:
            if task.fields["in_bytes"]:
                return TransferSpeedColumn().render(task)
            speed = task.finished_speed or task.speed
            if not speed:
                return Text("")
            return Text(f"{speed:,.1f}/s" if speed >= 0.1 else f"{60 * speed:.1f}/min")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        CountColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
