"""Predictions of a model for a structure set, and the shift to the labels' zero of energy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import IncompatibleModelError
from hub.evaluation.metrics import measure_errors
from hub.potentials.batches import Predictions, predict
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.structures.reference_energies import fit_energy_shift

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.potentials.potential import Potential
    from hub.structures.arrays import BoolArray
    from hub.structures.reference_energies import ReferenceEnergies
    from hub.structures.structure_set import StructureSet

_STRUCTURES_AT_ONCE = 50  # whose graphs are in memory together
_EXPLAINED = 2.0  # a shift that reduces the energy error by this factor is worth reporting
_STRUCTURES_PER_ELEMENT = 3  # with fewer, a shift fits noise


def evaluate(
    potential: Potential,
    structures: StructureSet,
    progress: Callable[[int, int | None], None] | None = None,
    lists: NeighbourLists | None = None,
) -> Predictions:
    """Predict energies, forces and stresses; labels are not used.

    The stresses of structures that are not periodic in all three directions are NaN.

    Parameters
    ----------
    potential
        On the device, and in the precision, to compute with.
    structures
        S structures.
    progress
        Called with the number of structures done and their total.
    lists
        Neighbour lists of `structures` at the cutoff of the potential, if they already exist.

    Raises
    ------
    IncompatibleModelError
        If a structure contains an element that the model does not cover.
    """
    _require_elements(structures, potential.elements)
    lists = lists or NeighbourLists(structures, potential.cutoff, most_kept=0)
    parts = [predict(potential, [])]
    for start in range(0, len(structures), _STRUCTURES_AT_ONCE):
        stop = min(start + _STRUCTURES_AT_ONCE, len(structures))
        graphs = build_graphs(lists, potential.elements, np.arange(start, stop))
        parts.append(predict(potential, [graph.to(potential.device) for graph in graphs]))
        if progress is not None:
            progress(stop, len(structures))
    repeats: BoolArray = np.asarray(structures.pbc.all(axis=1))
    return Predictions(
        np.concatenate([part.energies for part in parts]),
        tuple(forces for part in parts for forces in part.forces),
        np.where(repeats[:, None, None], np.concatenate([part.stresses for part in parts]), np.nan),
    )


def align_energy_zero(
    structures: StructureSet, predictions: Predictions
) -> tuple[ReferenceEnergies, Predictions]:
    """Fit shifts per element that move the predictions to the labels' zero of energy.

    Returns
    -------
    The shifts in eV/atom, and the predictions with shifted energies.

    Raises
    ------
    DataError
        If no structure has an energy.
    """
    shifts = fit_energy_shift(structures, predictions.energies)
    return shifts, replace(predictions, energies=predictions.energies + shifts.of(structures))


def energy_zeros_differ(structures: StructureSet, raw: Predictions, shifted: Predictions) -> bool:
    """Whether a shift per element, fitted to enough structures, explains most of the error."""
    labelled = int(np.isfinite(structures.energies).sum())
    if labelled < _STRUCTURES_PER_ELEMENT * len(structures.elements):
        return False
    before, after = (measure_errors(structures, each).energy_rmse for each in (raw, shifted))
    return before > _EXPLAINED * after


def _require_elements(structures: StructureSet, type_names: tuple[str, ...]) -> None:
    unknown = [symbol for symbol in structures.elements if symbol not in type_names]
    if not unknown:
        return
    columns = [structures.elements.index(symbol) for symbol in unknown]
    first = int(structures.composition[:, columns].any(axis=1).argmax())
    raise IncompatibleModelError(
        f"the model covers {', '.join(type_names)}, but {structures.where(first)} "
        f"({structures.formula(first)}) contains {', '.join(unknown)}",
        hint="Choose a model that covers these elements (`hub list`), or leave these out.",
    )
