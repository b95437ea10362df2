"""Errors as the rows of a table, the same for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.evaluation.metrics import measure_errors, measure_errors_by_type
from hub.structures.stresses import EV_PER_A3_IN_GPA

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
    by_type = measure_errors_by_type(structures, predictions)
    if len(by_type) == 1 and (structures.config_types != "").all():
        by_type = {}  # it would repeat the first row
    return {ALL: measure_errors(structures, predictions), **by_type}


def error_table(series: Mapping[str, Mapping[str, Errors]]) -> tuple[list[str], list[list[str]]]:
    """Write errors as a header and rows of text.

    Parameters
    ----------
    series
        Label of a model (``before``, ``after``), or an empty one if there is only one model, to its
        errors by group. All models have the same groups.

    Returns
    -------
    The header, and one row for each group and model, models of a group one below the other. There
    are columns for stresses if any were compared.
    """
    named = any(series)
    every = [errors for errors_of in series.values() for errors in errors_of.values()]
    stressed = not all(np.isnan(errors.stress_rmse) for errors in every)
    header = ["STRUCTURES", "NUMBER", *(["MODEL"] if named else [])]
    header += ["ENERGY RMSE", "MAE (meV/atom)", "FORCE RMSE", "MAE (eV/Å)"]
    header += ["STRESS RMSE", "MAE (GPa)", "RMSE", "MAE (meV/Å^3)"] if stressed else []
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
                    *(_stress_columns(errors) if stressed else []),
                ]
            )
    return header, rows


def _stress_columns(errors: Errors) -> list[str]:
    in_gpa = (errors.stress_rmse, errors.stress_mae)
    in_mev = (1000 * value / EV_PER_A3_IN_GPA for value in in_gpa)
    return [*(_number(each, 2) for each in in_gpa), *(_number(each, 1) for each in in_mev)]


def _number(value: float, decimals: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{decimals}f}"
