"""Errors as the rows of a table, the same for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.evaluation.metrics import measure_errors, measure_errors_by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.evaluation.metrics import Errors
    from hub.potentials.prediction import Predictions
    from hub.structures.structure_set import StructureSet

ALL = "all structures"


def errors_by_group(structures: StructureSet, predictions: Predictions) -> dict[str, Errors]:
    """Measure errors over all structures, then over each configuration type.

    Returns
    -------
    The errors by name: `ALL` first; the types that the files name follow in sorted order.
    """
    energies, forces = predictions.energies, predictions.forces
    by_type = measure_errors_by_type(structures, energies, forces)
    if len(by_type) == 1 and (structures.config_types != "").all():
        by_type = {}  # it would repeat the first row
    return {ALL: measure_errors(structures, energies, forces), **by_type}


def error_table(series: Mapping[str, Mapping[str, Errors]]) -> tuple[list[str], list[list[str]]]:
    """Write errors as a header and rows of text.

    Parameters
    ----------
    series
        Label of a model (``before``, ``after``), or an empty one if there is only one model, to its
        errors by group. All models have the same groups.

    Returns
    -------
    The header, and one row for each group and model, models of a group one below the other.
    """
    named = any(series)
    header = ["STRUCTURES", "NUMBER", *(["MODEL"] if named else [])]
    header += ["ENERGY RMSE", "MAE (meV/atom)", "FORCE RMSE", "MAE (eV/Å)"]
    groups = next(iter(series.values()))
    rows = []
    for group in groups:
        for label, errors_of in series.items():
            errors = errors_of[group]
            rows.append(
                [
                    group,
                    str(errors.n_structures),
                    *([label] if named else []),
                    _number(errors.energy_rmse, 1),
                    _number(errors.energy_mae, 1),
                    _number(errors.force_rmse, 3),
                    _number(errors.force_mae, 3),
                ]
            )
    return header, rows


def _number(value: float, decimals: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{decimals}f}"
