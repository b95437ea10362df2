"""Plot of how well a committee's spread tells the size of its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.evaluation.uncertainty import ENERGIES, coverage_of
from hub.pictures import picture

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hub.evaluation.result import Evaluation
    from hub.structures.arrays import FloatArray

FILE_NAME = "calibration.png"

_PANEL = 4.2  # inches
_LEVELS = np.linspace(0.01, 0.99, 99)
_BINS = 12
_MANY = 4000  # points; more would hide each other


def calibration_plot(path: Path, found: Evaluation) -> None:
    """Plot the coverage, and errors against spreads, of a committee as a PNG.

    Parameters
    ----------
    path
        The file to write, whole or not at all.
    found
        With a calibration.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    with picture(path, calibration_size(found)) as figure:
        draw_calibration(figure, found)


def calibration_size(found: Evaluation) -> tuple[float, float]:
    """Return width and height of the figure in inches."""
    return 2 * _PANEL, _PANEL * len(found.calibration)


def draw_calibration(figure: Figure, found: Evaluation) -> None:
    """Draw one row for each calibrated quantity: the coverage, and errors against spreads."""
    axes = figure.subplots(len(found.calibration), 2, squeeze=False)
    for (left, right), (name, own) in zip(axes, found.calibration.items(), strict=True):
        errors, spreads = found.errors_and_spreads[name]
        _coverage(left, errors, spreads, own.scale)
        left.set_title(name, fontsize="medium")
        in_unit = 1000 if name == ENERGIES else 1
        unit = "meV/atom" if name == ENERGIES else "eV/Å"
        _errors_by_spread(right, in_unit * np.abs(errors), in_unit * spreads, unit)


def _coverage(axes: Axes, errors: FloatArray, spreads: FloatArray, scale: float) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axes.plot(_LEVELS, coverage_of(errors, spreads, _LEVELS), color="tab:blue", label="as it is")
    if np.isfinite(scale):
        scaled = coverage_of(errors, scale * spreads, _LEVELS)
        axes.plot(_LEVELS, scaled, color="tab:orange", label=f"times {scale:.2f}")
    axes.legend(frameon=False)
    axes.set(
        xlabel="expected fraction of errors",
        ylabel="observed fraction of errors",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )


def _errors_by_spread(axes: Axes, errors: FloatArray, spreads: FloatArray, unit: str) -> None:
    """Draw errors against spreads, and the root mean square error of equally many of them."""
    axes.set(xlabel=f"spread ({unit})", ylabel=f"absolute error ({unit})")
    positive = (spreads > 0) & (errors > 0)
    errors, spreads = errors[positive], spreads[positive]
    if not errors.size:
        return
    step = max(1, errors.size // _MANY)
    axes.scatter(spreads[::step], errors[::step], s=8, alpha=0.3, linewidths=0, color="tab:blue")
    bins = [each for each in np.array_split(np.argsort(spreads), _BINS) if each.size]
    middle = [np.sqrt(np.mean(spreads[each] ** 2)) for each in bins]
    measured = [np.sqrt(np.mean(errors[each] ** 2)) for each in bins]
    axes.plot(middle, measured, "o-", color="tab:orange", label="root mean square")
    ends = [spreads.min(), spreads.max()]
    axes.plot(ends, ends, color="0.4", linewidth=1, label="error = spread")
    axes.set(xscale="log", yscale="log")
    axes.legend(frameon=False, fontsize="small")
