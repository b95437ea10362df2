"""Plot of a learning curve: errors against the number of training structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.pictures import picture
from hub.studies.curve_table import grouped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from hub.studies.curve import Point

FILE_NAME = "learning_curve.png"

_PANEL = (4.6, 4.2)  # inches
_MARKERS = "osD^vP*X"
_PANELS = {
    "energy_rmse": "energy RMSE (meV/atom)",
    "force_rmse": "force RMSE (eV/Å)",
}


def curve_plot(path: Path, points: Sequence[Point]) -> None:
    """Plot the errors of energies and forces on logarithmic axes, as a PNG.

    Lines connect the means over the seeds of one start; small points are individual seeds. Lines
    of random weights are dashed.

    Parameters
    ----------
    path
        The file to write, whole or not at all.
    points
        Of any number of starts, sizes and seeds.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    with picture(path, (2 * _PANEL[0], _PANEL[1])) as figure:
        panels = figure.subplots(1, 2)
        for axes, (quantity, label) in zip(panels, _PANELS.items(), strict=True):
            _panel(axes, points, quantity)
            axes.set_ylabel(label)
        panels[0].legend(frameon=False, fontsize="small")


def _panel(axes: Axes, points: Sequence[Point], quantity: str) -> None:
    for number, start in enumerate(dict.fromkeys(point.start for point in points)):
        own = [point for point in points if point.start == start]
        color, marker = f"C{number}", _MARKERS[number % len(_MARKERS)]
        style = "-" if any(point.before for point in own) else "--"
        groups = grouped(own)
        sizes = [size for (size, _), _ in groups]
        means = [np.mean([getattr(each.errors, quantity) for each in group]) for _, group in groups]
        axes.plot(sizes, means, color=color, marker=marker, ms=5, ls=style, label=start)
        singles = [getattr(point.errors, quantity) for point in own]
        axes.scatter([point.size for point in own], singles, s=14, color=color, alpha=0.6, lw=0)
    ticks = sorted({point.size for point in points})
    axes.set(xscale="log", yscale="log", xlabel="training structures")
    axes.set_xticks(ticks, [str(size) for size in ticks])
    _label_plainly(axes)
    axes.grid(which="both", color="0.92", linewidth=0.6)


def _label_plainly(axes: Axes) -> None:
    """Label ticks as 50 rather than 5x10^1: errors seldom span a decade."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
