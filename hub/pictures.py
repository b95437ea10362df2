"""Figures as PNG, without a display."""

from __future__ import annotations

from base64 import b64encode
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from hub.visible import one_line
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
    require_file(path)
    figure = new_figure(size)
    yield figure
    with file_beside(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH)


def new_figure(size: tuple[float, float]) -> Figure:
    """Return a figure of this width and height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def data_uri(figure: Figure, dots_per_inch: int = _DOTS_PER_INCH) -> str:
    """Return a figure as the address of a PNG that contains the picture itself."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=dots_per_inch)
    return f"data:image/png;base64,{b64encode(stream.getvalue()).decode()}"


def as_text(name: str) -> str:
    """Return a name for a figure that others wrote: no formula, nothing invisible."""
    return one_line(name).replace("$", r"\$")
