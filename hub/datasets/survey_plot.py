"""Plot a survey of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.pictures import picture
from hub.structures.analysis import bonds_title

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes

    from hub.datasets.survey import Survey
    from hub.structures.arrays import FloatArray

_PANEL = (4.4, 3.4)  # inches
_MOST_CURVES = 6
_DENSITY_BINS = 10
_LABEL_BINS = (10, 60)  # minimum and maximum; in between the square root of the number of values
_OUTLIERS = 0.5  # percent left out of an axis at either end


def survey_plot(path: Path, survey: Survey) -> None:
    """Plot radial distribution, angles, coordination and labels as a PNG.

    Parameters
    ----------
    path
        The file to write atomically.
    survey
        What to plot.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    with picture(path, (3 * _PANEL[0], 2 * _PANEL[1])) as figure:
        axes = figure.subplots(2, 3)
        _radial_distribution(axes[0, 0], survey)
        _angles(axes[0, 1], survey)
        _coordination(axes[0, 2], survey)
        energies = {name: _about_median(each.energies) for name, each in survey.labels.items()}
        _histogram(axes[1, 0], energies, "energies", "eV/atom from the median")
        forces = {name: each.forces for name, each in survey.labels.items()}
        _histogram(axes[1, 1], forces, "forces", "force on an atom (eV/Å)")
        _coordination_by_density(axes[1, 2], survey)
        figure.suptitle(f"{survey.name}: {survey.counted}")


def _radial_distribution(axes: Axes, survey: Survey) -> None:
    curves = list(_radial_curves(survey))
    distances = survey.groups[0].local.distances
    highest = 1.0
    for title, curve in curves:
        axes.plot(distances, curve, linewidth=1.2, label=title)
        highest = max(highest, float(np.nanmax(curve)))
    if len(survey.elements) == 1:
        bonded_below = float(survey.groups[0].local.bonded_below[0, 0])
        axes.axvline(bonded_below, color="0.4", linestyle=":", linewidth=1)
        axes.annotate(
            f"bonded\nbelow {bonded_below:.2f} Å",
            (bonded_below, 0.97),
            xycoords=axes.get_xaxis_transform(),
            xytext=(3, 0),
            textcoords="offset points",
            va="top",
            fontsize="x-small",
        )
    axes.set(xlabel="distance (Å)", ylabel="g(r)", title="radial distribution")
    axes.set(xlim=(0, distances[-1]), ylim=(0, 1.2 * highest))
    _legend(axes, curves, "no structure is periodic")


def _radial_curves(survey: Survey) -> Iterator[tuple[str, FloatArray]]:
    """Yield g(r) of each density group or, for several elements, of the most common pairs."""
    if len(survey.elements) == 1:
        for group in survey.groups:
            curve = group.local.total_radial_distribution
            if np.isfinite(curve).any():
                yield group.title, curve
        return
    local = survey.groups[0].local
    rows, columns = np.triu_indices(len(survey.elements))
    commonest = np.argsort(-local.pair_counts[rows, columns].sum(axis=1), kind="stable")
    for row, column in zip(rows[commonest[:_MOST_CURVES]], columns[commonest], strict=False):
        if np.isfinite(local.radial_distribution[row, column]).any():
            title = f"{survey.elements[row]}-{survey.elements[column]}"
            yield title, local.radial_distribution[row, column]


def _angles(axes: Axes, survey: Survey) -> None:
    if len(survey.elements) == 1:
        curves = [(group.title, group.local.angle_distribution[0]) for group in survey.groups]
    else:
        local = survey.groups[0].local
        commonest = np.argsort(-local.angle_counts.sum(axis=1), kind="stable")[:_MOST_CURVES]
        curves = [
            (f"at {survey.elements[row]}", local.angle_distribution[row]) for row in commonest
        ]
    curves = [(title, curve) for title, curve in curves if np.isfinite(curve).any()]
    for title, curve in curves:
        axes.plot(survey.groups[0].local.angles, 100 * curve, linewidth=1.2, label=title)
    axes.set(xlabel="bond angle (°)", ylabel="% of angles per degree", title="bond angles")
    axes.set(xlim=(0, 180), xticks=range(0, 181, 30))
    axes.set_ylim(bottom=0)
    _legend(axes, curves, "no angle between bonds")


def _coordination(axes: Axes, survey: Survey) -> None:
    shown = survey.common_coordinations()
    if len(survey.elements) == 1:
        bars = [(g.title, g.local.coordination_fractions[0]) for g in survey.groups]
    else:
        local = survey.groups[0].local
        commonest = np.argsort(-local.coordination.sum((0, 2)), kind="stable")[:_MOST_CURVES]
        bars = [(survey.elements[row], local.coordination_fractions[row]) for row in commonest]
    width = 0.8 / len(bars)
    for place, (title, fractions) in enumerate(bars):
        offset = (place - (len(bars) - 1) / 2) * width
        heights = 100 * np.nan_to_num(fractions[shown])
        axes.bar(np.arange(len(shown)) + offset, heights, width, label=title)
    axes.set_xticks(range(len(shown)), [bonds_title(bonds) for bonds in shown])
    axes.set(xlabel="bonds of an atom", ylabel="% of atoms", title="coordination")
    axes.margins(y=0.3)  # for the legend
    _legend(axes, bars, "no structures")


def _coordination_by_density(axes: Axes, survey: Survey) -> None:
    """Plot coordination against density, if the density varies."""
    densities = np.concatenate([group.structure_densities for group in survey.groups])
    counts = np.concatenate([g.local.coordination.sum(axis=1) for g in survey.groups])
    known = np.isfinite(densities)
    if len(survey.groups) == 1 or known.sum() < 2:
        axes.set_axis_off()
        return
    densities, counts = densities[known], counts[known]
    edges = np.linspace(densities.min(), densities.max(), _DENSITY_BINS + 1)
    bins = np.digitize(densities, edges[1:-1])
    totals = np.stack([counts[bins == place].sum(axis=0) for place in range(_DENSITY_BINS)])
    filled = totals.sum(axis=1) > 0
    centres = ((edges[:-1] + edges[1:]) / 2)[filled]
    fractions = totals[filled] / totals[filled].sum(axis=1, keepdims=True)
    shown = survey.common_coordinations()
    for bonds in shown:
        title = f"{bonds_title(bonds)} bonds"
        axes.plot(centres, 100 * fractions[:, bonds], marker="o", markersize=4, label=title)
    axes.set(xlabel="density (g/cm³)", ylabel="% of atoms", title="coordination by density")
    axes.set_ylim(0, 100)
    _legend(axes, shown, "")


def _histogram(axes: Axes, series: dict[str, FloatArray], title: str, quantity: str) -> None:
    series = {name: values for name, values in series.items() if len(values)}
    axes.set(xlabel=quantity, ylabel="% per bin", title=title)
    if series:
        ends = [np.percentile(values, (_OUTLIERS, 100 - _OUTLIERS)) for values in series.values()]
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        n_bins = int(np.sqrt(max(map(len, series.values()))).clip(*_LABEL_BINS))
        bins = np.linspace(low, high if high > low else low + 1, n_bins + 1).tolist()
        for name, values in series.items():
            weights = np.full(len(values), 100 / len(values))
            axes.hist(values, bins, weights=weights, histtype="step", linewidth=1.2, label=name)
    _legend(axes, series, "no labels")


def _about_median(values: FloatArray) -> FloatArray:
    """Shift energies so that label sets with different references can be compared."""
    return values - np.median(values) if len(values) else values


def _legend(axes: Axes, curves: object, absent: str) -> None:
    if curves:
        axes.legend(fontsize="x-small", frameon=False)
    else:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, absent, transform=axes.transAxes, ha="center", color="0.4")
