"""Spread of a committee's predictions, and how well it tells the size of the errors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.evaluation.evaluate import evaluate
from hub.potentials.batches import Predictions
from hub.potentials.committee.potential import Committee
from hub.structures.neighbours import NeighbourLists

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.counting import Counting
    from hub.potentials.potential import Potential
    from hub.structures.arrays import FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

LEVELS = (0.5, 0.683, 0.9, 0.954, 0.99)  # 0.683 and 0.954: one and two standard deviations
ENERGIES, FORCES = "energies per atom", "force components"
_ONE_SIGMA = 0.683
_ROUNDING = 1e-6  # eV/atom or eV/Å; errors and spreads below it are zero, e.g. by symmetry
_FEWEST = 5  # with fewer values, a coverage says nothing


@dataclass(frozen=True)
class Spread:
    """Sample standard deviations over the members of a committee, for S structures.

    Attributes
    ----------
    energies
        (S,) of total energies, eV.
    forces
        S arrays (n, 3), eV/Å.
    """

    energies: FloatArray
    forces: tuple[FloatArray, ...]

    def select(self, indices: IntArray) -> Spread:
        """Return the spread for the structures at `indices`, in that order."""
        return Spread(self.energies[indices], tuple(self.forces[i] for i in indices.tolist()))


def combine(predictions: Sequence[Predictions]) -> tuple[Predictions, Spread]:
    """Return the mean of the members' predictions, and their sample standard deviation.

    Parameters
    ----------
    predictions
        Of each member, at least two, for the same structures.

    Raises
    ------
    ValueError
        If there are fewer than two members.
    """
    if len(predictions) < 2:
        raise ValueError(f"a committee has at least two members, got {len(predictions)}")
    energies = np.stack([each.energies for each in predictions])
    stresses = np.stack([each.stresses for each in predictions])
    by_structure = zip(*(each.forces for each in predictions), strict=True)
    forces = [np.stack(members) for members in by_structure]
    mean = Predictions(
        energies.mean(axis=0),
        tuple(each.mean(axis=0) for each in forces),
        stresses.mean(axis=0),
    )
    deviations = tuple(each.std(axis=0, ddof=1) for each in forces)
    return mean, Spread(energies.std(axis=0, ddof=1), deviations)


def predict_with_spread(
    potential: Potential, structures: StructureSet, counting: Counting
) -> tuple[Predictions, Spread | None]:
    """Predict as `evaluate` does; of a committee, also return the spread over its members.

    Raises
    ------
    IncompatibleModelError
        If a structure contains an element that the model does not cover.
    """
    if not isinstance(potential, Committee):
        return evaluate(potential, structures, counting("predicting")), None
    lists = NeighbourLists(structures, potential.cutoff)
    return combine(
        [
            evaluate(member, structures, counting("predicting"), lists)
            for member in potential.members
        ]
    )


@dataclass(frozen=True)
class Coverage:
    """Fraction of the errors that an interval around the predictions contains.

    Attributes
    ----------
    expected
        For normally distributed errors whose standard deviation is the spread.
    observed
        With the spread as it is.
    scaled
        With the spread multiplied by the scale of the calibration.
    """

    expected: float
    observed: float
    scaled: float


@dataclass(frozen=True)
class Calibration:
    """How well a spread tells the size of the errors.

    Attributes
    ----------
    n
        Number of errors.
    rms_error, rms_spread
        Root mean squares, in eV/atom or eV/Å.
    correlation
        Rank correlation (Spearman) of the spread with the absolute error; NaN if either is
        constant.
    scale
        Factor by which to multiply the spread, so that 68.3 % of the errors are smaller.
    coverage
        At each of `LEVELS`.
    """

    n: int
    rms_error: float
    rms_spread: float
    correlation: float
    scale: float
    coverage: tuple[Coverage, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON, None standing for NaN and infinity."""
        numbers = asdict(self) | {"coverage": [asdict(each) for each in self.coverage]}
        return {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in numbers.items()
        }


def calibrate(
    structures: StructureSet, predictions: Predictions, spread: Spread
) -> dict[str, Calibration]:
    """Compare the spread with the errors of the mean, for energies per atom and force components.

    The zeros of energy of labels and predictions must agree. Quantities with fewer than five labels
    are left out.
    """
    return calibrations(errors_and_spreads(structures, predictions, spread))


def calibrations(
    pairs: Mapping[str, tuple[FloatArray, FloatArray]],
) -> dict[str, Calibration]:
    """Calibrate what `errors_and_spreads` returned."""
    return {
        name: _calibration(errors, spreads)
        for name, (errors, spreads) in pairs.items()
        if errors.size >= _FEWEST
    }


def errors_and_spreads(
    structures: StructureSet, predictions: Predictions, spread: Spread
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return the errors (prediction - label) with the spread of each, in eV/atom and eV/Å.

    Missing labels are skipped, and so are errors and spreads that are both zero.
    """
    sizes = structures.n_atoms
    forces = np.concatenate(predictions.forces) - structures.force_labels
    found = {
        ENERGIES: ((predictions.energies - structures.energies) / sizes, spread.energies / sizes),
        FORCES: (forces.ravel(), np.concatenate(spread.forces).ravel()),
    }
    return {name: _informative(errors, spreads) for name, (errors, spreads) in found.items()}


def coverage_of(errors: FloatArray, spreads: FloatArray, levels: FloatArray) -> FloatArray:
    """Return the fraction of errors within the intervals that should contain `levels` of them.

    Parameters
    ----------
    errors, spreads
        (N,) in the same unit.
    levels
        (L,) between 0 and 1.

    Returns
    -------
    (L,) fractions.
    """
    widths = np.array([NormalDist().inv_cdf((1 + level) / 2) for level in levels])
    ratios = np.sort(_ratios(errors, spreads))
    return np.searchsorted(ratios, widths, side="right") / max(1, ratios.size)


def _calibration(errors: FloatArray, spreads: FloatArray) -> Calibration:
    levels = np.array(LEVELS)
    scale = float(np.quantile(_ratios(errors, spreads), _ONE_SIGMA, method="inverted_cdf"))
    observed = coverage_of(errors, spreads, levels)
    scaled = coverage_of(errors, scale * spreads, levels) if np.isfinite(scale) else observed
    rows = zip(LEVELS, observed.tolist(), scaled.tolist(), strict=True)
    return Calibration(
        n=errors.size,
        rms_error=float(np.sqrt(np.mean(errors**2))),
        rms_spread=float(np.sqrt(np.mean(spreads**2))),
        correlation=_rank_correlation(np.abs(errors), spreads),
        scale=scale,
        coverage=tuple(Coverage(*row) for row in rows),
    )


def _informative(errors: FloatArray, spreads: FloatArray) -> tuple[FloatArray, FloatArray]:
    labelled = np.isfinite(errors)
    kept = labelled & ((np.abs(errors) > _ROUNDING) | (spreads > _ROUNDING))
    return errors[kept], spreads[kept]


def _ratios(errors: FloatArray, spreads: FloatArray) -> FloatArray:
    """Return errors in units of the spread; infinite without a spread."""
    with np.errstate(divide="ignore"):
        ratios: FloatArray = np.abs(errors) / spreads
    return ratios


def _rank_correlation(x: FloatArray, y: FloatArray) -> float:
    if not np.ptp(x) or not np.ptp(y):
        return float("nan")
    from scipy.stats import spearmanr  # slow to import

    return float(spearmanr(x, y).statistic)
