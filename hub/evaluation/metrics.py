"""Errors of predictions against labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hub.structures.stresses import EV_PER_A3_IN_GPA

if TYPE_CHECKING:
    from hub.potentials.prediction import Predictions
    from hub.structures.structure_set import StructureSet


@dataclass(frozen=True)
class Errors:
    """Errors over some structures; NaN where there are no labels.

    Attributes
    ----------
    n_structures
        How many structures.
    energy_rmse, energy_mae
        In meV/atom.
    force_rmse, force_mae
        Over force components, in eV/Å.
    stress_rmse, stress_mae
        Over the nine components of the tensors, so that the orientation of the cells does not
        matter to the RMSE, in GPa.
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
    """Compare predictions with the labels of a structure set; missing labels are left out."""
    energy_errors = 1000 * (predictions.energies - structures.energies) / structures.n_atoms
    force_errors = np.concatenate(predictions.forces) - structures.force_labels
    stress_errors = EV_PER_A3_IN_GPA * (predictions.stresses - structures.stresses)
    return Errors(
        len(structures),
        *_rmse_and_mae(energy_errors),
        *_rmse_and_mae(force_errors),
        *_rmse_and_mae(stress_errors),
    )


def measure_errors_by_type(structures: StructureSet, predictions: Predictions) -> dict[str, Errors]:
    """Compare predictions with labels for each configuration type that the file names."""
    errors = {}
    for config_type in sorted(set(structures.config_types.tolist()) - {""}):
        chosen = np.flatnonzero(structures.config_types == config_type)
        errors[config_type] = measure_errors(structures.select(chosen), predictions.select(chosen))
    return errors


def _rmse_and_mae(errors: np.ndarray) -> tuple[float, float]:
    labelled = errors[~np.isnan(errors)]
    if not labelled.size:
        return float("nan"), float("nan")
    return float(np.sqrt(np.mean(labelled**2))), float(np.mean(np.abs(labelled)))
