"""Parity plots: predicted against reference energies, forces and stresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.evaluation.metrics import measure_errors
from hub.pictures import as_text, picture
from hub.structures.stresses import EV_PER_A3_IN_GPA, to_voigt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hub.potentials.batches import Predictions
    from hub.structures.structure_set import StructureSet

FILE_NAME = "parity.png"

_PANEL = 4.2  # inches, of which the square plot in it has
_SQUARE = 3.1
_LEFT, _BELOW = 0.9, 0.55  # of the square, for the labels
_BINS = 70
_DENSE = 2000  # above this number of points, plot their density instead


def parity_plot(path: Path, series: Mapping[str, Predictions], structures: StructureSet) -> None:
    """Plot energies per atom, force and stress components against their labels as a PNG.

    Stresses have panels if any structure has a stress label.

    Parameters
    ----------
    path
        The file to write, whole or not at all.
    series
        Predictions of each row of panels, by its label (``before``, ``after``; may be empty).
    structures
        With labels; missing labels are skipped.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    with picture(path, parity_size(series, structures)) as figure:
        draw_parity(figure, series, structures)


def parity_size(series: Mapping[str, Predictions], structures: StructureSet) -> tuple[float, float]:
    """Return width and height of the figure in inches."""
    return _n_panels(structures) * _PANEL, len(series) * _PANEL


def draw_parity(
    figure: Figure, series: Mapping[str, Predictions], structures: StructureSet
) -> None:
    """Draw what `parity_plot` writes."""
    axes = figure.subplots(len(series), _n_panels(structures), squeeze=False)
    _place(figure)
    sizes = structures.n_atoms
    for (energy_axes, force_axes, *stress_axes), (label, predictions) in zip(
        axes, series.items(), strict=True
    ):
        errors = measure_errors(structures, predictions)
        _panel(
            energy_axes,
            structures.energies / sizes,
            predictions.energies / sizes,
            _title(label, f"energy RMSE {errors.energy_rmse:.1f} meV/atom"),
            ("energy", "eV/atom"),
        )
        _panel(
            force_axes,
            structures.force_labels.ravel(),
            np.concatenate(predictions.forces).ravel(),
            _title(label, f"force RMSE {errors.force_rmse:.3f} eV/Å"),
            ("force component", "eV/Å"),
        )
        for each in stress_axes:
            _panel(
                each,
                EV_PER_A3_IN_GPA * to_voigt(structures.stresses).ravel(),
                EV_PER_A3_IN_GPA * to_voigt(predictions.stresses).ravel(),
                _title(label, f"stress RMSE {errors.stress_rmse:.2f} GPa"),
                ("stress component", "GPa"),
            )


def _place(figure: Figure) -> None:
    """Place the squares at fixed distances; constrained layout would take half of the time."""
    width, height = figure.get_size_inches()
    gap = _PANEL - _SQUARE
    figure.set_layout_engine(None)
    figure.subplots_adjust(
        left=_LEFT / width,
        right=1 - (gap - _LEFT) / width,
        bottom=_BELOW / height,
        top=1 - (gap - _BELOW) / height,
        wspace=gap / _SQUARE,
        hspace=gap / _SQUARE,
    )


def _n_panels(structures: StructureSet) -> int:
    return 3 if np.isfinite(structures.stresses).any() else 2


def _title(label: str, errors: str) -> str:
    return f"{as_text(label)}:\n{errors}" if label else errors


def _panel(
    axes: Axes,
    labels: np.ndarray,
    predictions: np.ndarray,
    title: str,
    quantity: tuple[str, str],
) -> None:
    """Draw one panel: the diagonal, and the points or, if there are many, their density."""
    name, unit = quantity
    shown = np.isfinite(labels) & np.isfinite(predictions)
    axes.set(xlabel=f"reference {name} ({unit})", ylabel=f"predicted {name} ({unit})")
    axes.set_aspect("equal")
    if not shown.any():
        axes.set_title(f"no {name} labels", fontsize="medium", y=1.0)
        return
    axes.set_title(title, fontsize="medium", y=1.0)
    x, y = labels[shown], predictions[shown]
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    margin = 0.05 * (high - low) or 0.5
    low, high = low - margin, high + margin
    axes.plot([low, high], [low, high], color="0.6", linewidth=1, zorder=0)
    if shown.sum() > _DENSE:
        axes.hexbin(
            x,
            y,
            gridsize=_BINS,
            extent=(low, high, low, high),
            bins="log",
            mincnt=1,
            cmap="viridis",
        )
    else:
        axes.scatter(x, y, s=14, alpha=0.5, linewidths=0, color="tab:blue")
    axes.set(xlim=(low, high), ylim=(low, high))
