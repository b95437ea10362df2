"""Predictions of a model for labelled structures, and what they were found to be worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from hub.evaluation.details import measure_details
from hub.evaluation.evaluate import align_energy_zero, energy_zeros_differ
from hub.evaluation.metrics import errors_by_group
from hub.evaluation.uncertainty import calibrations, combine, errors_and_spreads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.evaluation.details import Details
    from hub.evaluation.metrics import Errors
    from hub.evaluation.uncertainty import Calibration, Spread
    from hub.potentials.batches import Predictions
    from hub.structures import ReadResult
    from hub.structures.arrays import FloatArray
    from hub.structures.reference_energies import ReferenceEnergies

AS_IT_IS, SHIFTED = "as it is", "shifted"


@dataclass(frozen=True)
class Evaluation:
    """Predictions of a model for labelled structures, and their errors.

    Attributes
    ----------
    name
        The name that the caller gave.
    model
        Its reference or directory.
    data
        The structures, and the names of their labels.
    predictions
        Without shifts.
    errors
        Over all structures, then for each configuration type.
    shifts
        Fitted difference between the zeros of energy of model and data for each element, in
        eV/atom; None if they agree.
    shifted, shifted_errors
        Predictions and errors with these shifts; None without shifts.
    spread
        Standard deviations over the members of a committee; None for a single model.
    members
        The names of the models whose mean this is; empty for a model, also a committee.
    """

    name: str
    model: str
    data: ReadResult
    predictions: Predictions
    errors: dict[str, Errors]
    shifts: ReferenceEnergies | None = None
    shifted: Predictions | None = None
    shifted_errors: dict[str, Errors] | None = None
    spread: Spread | None = None
    members: tuple[str, ...] = ()

    @property
    def best(self) -> Predictions:
        """The predictions in the labels' zero of energy: shifted if there are shifts."""
        return self.predictions if self.shifted is None else self.shifted

    @property
    def best_errors(self) -> dict[str, Errors]:
        """The errors of `best`."""
        return self.errors if self.shifted_errors is None else self.shifted_errors

    @cached_property
    def details(self) -> Details:
        """The errors in detail, none of which depend on the zero of energy."""
        return measure_details(self.data.structures, self.predictions)

    @cached_property
    def calibration(self) -> dict[str, Calibration]:
        """How well the spread tells the errors; empty without a spread."""
        return calibrations(self.errors_and_spreads)

    @cached_property
    def errors_and_spreads(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """The errors and the spread of each, by quantity; empty without a spread."""
        if self.spread is None:
            return {}
        return errors_and_spreads(self.data.structures, self.best, self.spread)


def assess(
    name: str, model: str, read: ReadResult, predictions: Predictions, spread: Spread | None = None
) -> Evaluation:
    """Measure the errors of predictions, and the shifts if the zeros of energy differ.

    Parameters
    ----------
    name, model, spread
        As in `Evaluation`.
    read
        The structures and their labels.
    predictions
        For these structures, without shifts.
    """
    structures = read.structures
    errors = errors_by_group(structures, predictions)
    if read.energy_key:
        shifts, shifted = align_energy_zero(structures, predictions)
        if energy_zeros_differ(structures, predictions, shifted):
            shifted_errors = errors_by_group(structures, shifted)
            return Evaluation(
                name, model, read, predictions, errors, shifts, shifted, shifted_errors, spread
            )
    return Evaluation(name, model, read, predictions, errors, spread=spread)


def as_committee(found: Sequence[Evaluation]) -> Evaluation:
    """Return the evaluation of the mean of several models' predictions, with their spread.

    Each model is taken in the labels' zero of energy, so that the spread is not one of zeros.
    """
    mean, spread = combine([each.best for each in found])
    models = ", ".join(each.model for each in found)
    assessed = assess(f"mean of {len(found)}", models, found[0].data, mean, spread)
    return replace(assessed, members=tuple(each.name for each in found))


def error_series(found: Sequence[Evaluation]) -> dict[str, dict[str, Errors]]:
    """Return the errors by group of each row label, for `error_table`.

    A single model without shifts has an empty label.
    """
    series = {}
    for each in found:
        prefix = f"{each.name}, " if len(found) > 1 else ""
        if each.shifted_errors is not None:
            series[f"{prefix}{AS_IT_IS}"] = each.errors
            series[f"{prefix}{SHIFTED}"] = each.shifted_errors
        else:
            series[each.name if prefix else ""] = each.errors
    return series


def best_series(found: Sequence[Evaluation]) -> dict[str, Predictions]:
    """Return the best predictions of each model by a label, for a plot."""
    return {
        each.name if each.shifted is None else f"{each.name}, {SHIFTED}": each.best
        for each in found
    }
