"""Errors of predictions against labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """

    n_structures: int
    energy_rmse: float
    energy_mae: float
    force_rmse: float
    force_mae: float

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


def measure_errors(
    structures: StructureSet, energies: np.ndarray, forces: Sequence[np.ndarray]
) -> Errors:
    """Compare predictions with the labels of a structure set.

    Parameters
    ----------
    structures
        S structures with labels; missing ones are left out.
    energies
        (S,) predicted total energies, eV.
    forces
        S arrays (n, 3) of predicted forces, eV/Å.
    """
    energy_errors = 1000 * (np.asarray(energies) - structures.energies) / structures.n_atoms
    force_errors = np.concatenate([np.asarray(item) for item in forces]) - structures.force_labels
    return Errors(
        len(structures),
        *_rmse_and_mae(energy_errors),
        *_rmse_and_mae(force_errors),
    )


def measure_errors_by_type(
    structures: StructureSet, energies: np.ndarray, forces: Sequence[np.ndarray]
) -> dict[str, Errors]:
    """Compare predictions with labels for each configuration type that the file names."""
    errors = {}
    for config_type in sorted(set(structures.config_types.tolist()) - {""}):
        chosen = np.flatnonzero(structures.config_types == config_type).tolist()
        errors[config_type] = measure_errors(
            structures.select(chosen),
            np.asarray(energies)[chosen],
            [forces[index] for index in chosen],
        )
    return errors


def _rmse_and_mae(errors: np.ndarray) -> tuple[float, float]:
    labelled = errors[~np.isnan(errors)]
    if not labelled.size:
        return float("nan"), float("nan")
    return float(np.sqrt(np.mean(labelled**2))), float(np.mean(np.abs(labelled)))
