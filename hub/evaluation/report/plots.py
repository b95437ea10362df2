"""Plots of a report, as addresses that contain the pictures themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.evaluation.calibration_plot import calibration_size, draw_calibration
from hub.evaluation.parity import draw_parity, parity_size
from hub.evaluation.result import best_series
from hub.pictures import as_text, data_uri, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.evaluation.result import Evaluation

_DOTS_PER_INCH = 110
_MOST_GROUPS = 15
_QUANTITIES = {"energy_rmse": "energy RMSE (meV/atom)", "force_rmse": "force RMSE (eV/Å)"}


def parity(found: Sequence[Evaluation]) -> str:
    """Draw predictions of all models against the labels."""
    series, structures = best_series(found), found[0].data.structures
    rows = series if len(series) > 1 else {"": next(iter(series.values()))}
    figure = new_figure(parity_size(rows, structures))
    draw_parity(figure, rows, structures)
    return data_uri(figure, _DOTS_PER_INCH)


def calibration(found: Evaluation) -> str:
    """Draw the calibration of a committee."""
    figure = new_figure(calibration_size(found))
    draw_calibration(figure, found)
    return data_uri(figure, _DOTS_PER_INCH)


def comparison(found: Sequence[Evaluation]) -> str | None:
    """Draw the errors of each group of structures and model as bars; None for a single bar."""
    groups = list(found[0].errors)[:_MOST_GROUPS]
    if len(groups) * len(found) < 2:
        return None
    height = 1.0 + 0.32 * len(groups) * max(1.0, 0.6 * len(found))
    figure = new_figure((9.0, height))
    panels = figure.subplots(1, 2, sharey=True)
    places, thickness = np.arange(len(groups)), 0.8 / len(found)
    for axes, (quantity, label) in zip(panels, _QUANTITIES.items(), strict=True):
        for number, each in enumerate(found):
            values = [getattr(each.best_errors[group], quantity) for group in groups]
            offset = (number - (len(found) - 1) / 2) * thickness
            axes.barh(places + offset, np.nan_to_num(values), thickness, label=as_text(each.name))
        axes.set(xlabel=label)
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
    panels[0].set_yticks(places, [as_text(group) for group in groups])
    panels[0].invert_yaxis()
    if len(found) > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return data_uri(figure, _DOTS_PER_INCH)
