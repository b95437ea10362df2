"""Write figures as PNG, without a display."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.outputs import file_beside, require_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.figure import Figure

_DOTS_PER_INCH = 150


@contextmanager
def picture(path: Path, size: tuple[float, float]) -> Iterator[Figure]:
    """Yield a figure to draw in; write it atomically at the end.

    Parameters
    ----------
    path
        The PNG to write.
    size
        Width and height in inches.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    require_file(path)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    with file_beside(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH)
