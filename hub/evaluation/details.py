"""Errors in detail: forces by element and size, energy differences, stresses by kind."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.evaluation.metrics import rmse_and_mae
from hub.structures.reference_energies import isolated_atoms
from hub.structures.stresses import EV_PER_A3_IN_GPA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.potentials.batches import Predictions
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

ALL_ATOMS = "all atoms"
ALL_COMPOSITIONS = "all compositions"
FORCE_BINS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, np.inf)  # edges, eV/Å
_SMALLEST = 0.01  # eV/Å; the direction of a smaller force is noise


@dataclass(frozen=True)
class ForceErrors:
    """Errors of the forces on some atoms; NaN where there is nothing to measure.

    Attributes
    ----------
    n_atoms
        Number of atoms whose forces are labelled.
    rmse, mae
        Over force components, in eV/Å.
    cosine
        Mean cosine of the angle between predicted and reference force, of atoms with a reference
        force of at least 0.01 eV/Å; 1 if all directions are correct.
    """

    n_atoms: int
    rmse: float
    mae: float
    cosine: float


@dataclass(frozen=True)
class DifferenceErrors:
    """Errors of energy differences between all pairs of structures of the same composition.

    Compositions are the same if the proportions of the elements are: differences are per atom.
    Isolated atoms are left out. The errors do not depend on the zeros of energy.

    Attributes
    ----------
    n_structures, n_pairs
        Numbers of structures that are in a pair, and of pairs.
    rmse, mae
        Over pairs, in meV/atom.
    """

    n_structures: int
    n_pairs: int
    rmse: float
    mae: float


@dataclass(frozen=True)
class StressErrors:
    """Errors of pressures and of the rest of the stress, in GPa.

    Attributes
    ----------
    n_structures
        Number of structures with a stress label and a prediction.
    pressure_rmse, pressure_bias
        Of the pressure, a third of the negative trace; the bias is the mean of prediction - label.
    deviator_rmse
        Over the components of the stress without its trace.
    """

    n_structures: int
    pressure_rmse: float
    pressure_bias: float
    deviator_rmse: float


@dataclass(frozen=True)
class Details:
    """Errors in detail.

    Attributes
    ----------
    forces
        Of all atoms, then by element if there are several, then by size of the reference force;
        empty without labels.
    differences
        Over all pairs of structures, then for each composition if there are several; empty if no
        two structures have the same composition.
    stresses
        None without labels.
    """

    forces: dict[str, ForceErrors]
    differences: dict[str, DifferenceErrors]
    stresses: StressErrors | None

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON, None standing for NaN."""
        return {
            "forces": {name: _plain(each) for name, each in self.forces.items()},
            "energy_differences": {name: _plain(each) for name, each in self.differences.items()},
            "stresses": _plain(self.stresses) if self.stresses else None,
        }


def measure_details(structures: StructureSet, predictions: Predictions) -> Details:
    """Compare predictions with labels in detail; missing labels are skipped."""
    return Details(
        _by_atoms(structures, np.concatenate(predictions.forces)),
        _differences(structures, predictions.energies),
        _stresses(structures, predictions.stresses),
    )


def _by_atoms(structures: StructureSet, predicted: FloatArray) -> dict[str, ForceErrors]:
    labels = structures.force_labels
    known = np.isfinite(labels).all(axis=1)
    if not known.any():
        return {}
    groups = {ALL_ATOMS: known}
    if len(structures.elements) > 1:
        numbers = zip(structures.elements, structures.atomic_numbers, strict=True)
        groups |= {symbol: known & (structures.numbers == number) for symbol, number in numbers}
    sizes = np.linalg.norm(labels, axis=1)
    groups |= {name: known & chosen for name, chosen in _by_size(sizes)}
    return {
        name: _force_errors(labels[chosen], predicted[chosen])
        for name, chosen in groups.items()
        if chosen.any()
    }


def _by_size(sizes: FloatArray) -> Iterator[tuple[str, BoolArray]]:
    for low, high in pairwise(FORCE_BINS):
        if not low:
            name = f"below {high:g} eV/Å"
        elif np.isinf(high):
            name = f"{low:g} eV/Å or more"
        else:
            name = f"{low:g} to {high:g} eV/Å"
        yield name, (sizes >= low) & (sizes < high)


def _force_errors(labels: FloatArray, predicted: FloatArray) -> ForceErrors:
    lengths = np.linalg.norm(labels, axis=1) * np.linalg.norm(predicted, axis=1)
    clear = (np.linalg.norm(labels, axis=1) >= _SMALLEST) & (lengths > 0)
    cosines = (labels * predicted).sum(axis=1)[clear] / lengths[clear]
    cosine = float(cosines.mean()) if cosines.size else float("nan")
    return ForceErrors(len(labels), *rmse_and_mae(predicted - labels), cosine)


def _differences(structures: StructureSet, energies: FloatArray) -> dict[str, DifferenceErrors]:
    errors = 1000 * (energies - structures.energies) / structures.n_atoms
    errors[isolated_atoms(structures)] = np.nan
    groups = {}
    for name, members in _compositions(structures).items():
        known = errors[members][np.isfinite(errors[members])]
        if known.size > 1:
            groups[name] = known
    measured = {name: _over_pairs([group]) for name, group in groups.items()}
    if len(measured) > 1:
        measured = {ALL_COMPOSITIONS: _over_pairs(list(groups.values())), **measured}
    return measured


def _compositions(structures: StructureSet) -> dict[str, IntArray]:
    """Return the indices of the structures with each proportion of elements, most first."""
    from ase.formula import Formula

    table = structures.composition
    reduced = table // np.maximum(1, np.gcd.reduce(table, axis=1))[:, None]
    kinds, which = np.unique(reduced, axis=0, return_inverse=True)
    found = {}
    for number in np.argsort(-np.bincount(which.ravel()), kind="stable").tolist():
        counts = zip(structures.elements, kinds[number].tolist(), strict=True)
        formula = Formula.from_dict({symbol: count for symbol, count in counts if count})
        found[str(formula.format("hill"))] = np.flatnonzero(which.ravel() == number)
    return found


def _over_pairs(groups: list[FloatArray]) -> DifferenceErrors:
    """Measure differences of all pairs within each group, in time that grows like their number."""
    pairs, squares, magnitudes = 0, 0.0, 0.0
    for group in groups:
        ordered = np.sort(group - group.mean())
        n = ordered.size
        pairs += n * (n - 1) // 2
        squares += n * float(ordered @ ordered)
        # The k-th smallest is the larger of a pair k times, and the smaller n - 1 - k times.
        magnitudes += float((2 * np.arange(n) - n + 1) @ ordered)
    n_structures = sum(group.size for group in groups)
    return DifferenceErrors(n_structures, pairs, (squares / pairs) ** 0.5, magnitudes / pairs)


def _stresses(structures: StructureSet, predicted: FloatArray) -> StressErrors | None:
    errors = EV_PER_A3_IN_GPA * (predicted - structures.stresses)
    known = errors[np.isfinite(errors).all(axis=(1, 2))]
    if not len(known):
        return None
    pressures = -np.trace(known, axis1=1, axis2=2) / 3
    deviators = known + pressures[:, None, None] * np.eye(3)
    return StressErrors(
        len(known),
        float(np.sqrt(np.mean(pressures**2))),
        float(pressures.mean()),
        float(np.sqrt(np.mean(deviators**2))),
    )


def _plain(errors: ForceErrors | DifferenceErrors | StressErrors) -> dict[str, float | None]:
    return {
        name: None if np.isnan(value) else round(value, 6) for name, value in asdict(errors).items()
    }
