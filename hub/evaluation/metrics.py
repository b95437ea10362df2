"""Errors of predictions against labels, of all structures and by configuration type."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hub.structures.stresses import EV_PER_A3_IN_GPA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.potentials.batches import Predictions
    from hub.structures.structure_set import StructureSet


ALL = "all structures"


@dataclass(frozen=True)
class Errors:
    """Errors over some structures; NaN where there are no labels.

    Attributes
    ----------
    n_structures
        Number of structures.
    energy_rmse, energy_mae
        In meV/atom.
    force_rmse, force_mae
        Over force components, in eV/Å.
    stress_rmse, stress_mae
        Over all nine tensor components, so that the RMSE does not depend on the orientation of
        the cells, in GPa.
    """

    n_structures: int
    energy_rmse: float
    energy_mae: float
    force_rmse: float
    force_mae: float
    stress_rmse: float = np.nan  # older results have none
    stress_mae: float = np.nan

    def to_dict(self) -> dict[str, float | None]:
        """Return a dictionary for JSON, None standing for NaN."""
        return {
            name: None if np.isnan(value) else round(value, 6)
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        values: dict[str, Any] = {
            name: np.nan if value is None else value for name, value in content.items()
        }
        return cls(**values)


def measure_errors(structures: StructureSet, predictions: Predictions) -> Errors:
    """Compare predictions with the labels of a structure set; missing labels are skipped."""
    energy_errors = 1000 * (predictions.energies - structures.energies) / structures.n_atoms
    force_errors = np.concatenate(predictions.forces) - structures.force_labels
    stress_errors = EV_PER_A3_IN_GPA * (predictions.stresses - structures.stresses)
    return Errors(
        len(structures),
        *rmse_and_mae(energy_errors),
        *rmse_and_mae(force_errors),
        *rmse_and_mae(stress_errors),
    )


def measure_errors_by_type(structures: StructureSet, predictions: Predictions) -> dict[str, Errors]:
    """Compare predictions with labels for each configuration type named in the files."""
    errors = {}
    for config_type in sorted(set(structures.config_types.tolist()) - {""}):
        chosen = np.flatnonzero(structures.config_types == config_type)
        errors[config_type] = measure_errors(structures.select(chosen), predictions.select(chosen))
    return errors


def rmse_and_mae(errors: np.ndarray) -> tuple[float, float]:
    """Return root mean square and mean magnitude; NaN entries are skipped."""
    labelled = errors[~np.isnan(errors)]
    if not labelled.size:
        return float("nan"), float("nan")
    return float(np.sqrt(np.mean(labelled**2))), float(np.mean(np.abs(labelled)))


def errors_by_group(structures: StructureSet, predictions: Predictions) -> dict[str, Errors]:
    """Measure errors over all structures, then over each configuration type.

    Returns
    -------
    The errors by name: `ALL` first, then the configuration types in sorted order.
    """
    by_type = measure_errors_by_type(structures, predictions)
    if len(by_type) == 1 and (structures.config_types != "").all():
        by_type = {}  # it would repeat the first row
    return {ALL: measure_errors(structures, predictions), **by_type}


def error_table(series: Mapping[str, Mapping[str, Errors]]) -> tuple[list[str], list[list[str]]]:
    """Format errors as a header and rows of text.

    Parameters
    ----------
    series
        The errors by group of each model, by its label (``before``, ``after``; empty for a single
        model). All models have the same groups.

    Returns
    -------
    The header, and one row for each group and model, sorted by group. Stresses have columns if any
    were compared.
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
                    number(errors.energy_rmse, 1),
                    number(errors.energy_mae, 1),
                    number(errors.force_rmse, 3),
                    number(errors.force_mae, 3),
                    *(_stress_columns(errors) if stressed else []),
                ]
            )
    return header, rows


def _stress_columns(errors: Errors) -> list[str]:
    in_gpa = (errors.stress_rmse, errors.stress_mae)
    in_mev = (1000 * value / EV_PER_A3_IN_GPA for value in in_gpa)
    return [*(number(each, 2) for each in in_gpa), *(number(each, 1) for each in in_mev)]


def number(value: float, decimals: int) -> str:
    """Format a number for a table; one that is not finite as a dash."""
    return "-" if not np.isfinite(value) else f"{value:.{decimals}f}"
