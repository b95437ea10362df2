"""Energies per element: the reference zero of a dataset, and the shift between two zeros."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import DataError
from hub.structures.annotations import names_isolated_atoms

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

_ISOLATION = 8.0  # Å to the next image; farther, an atom counts as isolated
_HUBER = 1.345  # scaled residual above which a structure has less weight
_SMALLEST_SCALE = 1e-6  # eV/atom; an exact fit has no scale of its own
_MAX_ITERATIONS = 100


@dataclass(frozen=True)
class ReferenceEnergies:
    """One energy for each element.

    Attributes
    ----------
    energies
        Energies in eV/atom by symbol.
    method
        How they were determined.
    notes
        Notes to the user.
    """

    energies: dict[str, float]
    method: str
    notes: list[str] = field(default_factory=list)

    def of(self, structures: StructureSet) -> FloatArray:
        """Return (S,) the sum of the reference energies of each structure's atoms, in eV.

        Raises
        ------
        DataError
            If a structure contains an element without reference energy.
        """
        unknown = [symbol for symbol in structures.elements if symbol not in self.energies]
        if unknown:
            raise DataError(
                f"no reference energy for {', '.join(unknown)}",
                "Fit the reference energies on structures with all elements.",
            )
        per_element = np.array([self.energies[symbol] for symbol in structures.elements])
        total: FloatArray = structures.composition @ per_element
        return total


def isolated_atoms(structures: StructureSet) -> BoolArray:
    """Return (S,) whether each structure is an isolated atom.

    It is if it has no images within 8 Å, or if its configuration type says so for any box.
    """
    lengths = np.linalg.norm(structures.cells, axis=2)
    near_image = (structures.pbc & (lengths < _ISOLATION)).any(axis=1)
    named = names_isolated_atoms(structures.config_types)
    alone: BoolArray = (structures.n_atoms == 1) & (named | ~near_image)
    return alone


def fit_reference_energies(structures: StructureSet) -> ReferenceEnergies:
    """Find the energy of each element relative to the structures' own zero of energy.

    Isolated atoms are used if present, with the median if there are several of one element. All
    other elements are fitted robustly to the total energies (see `robust_fit`).

    Raises
    ------
    DataError
        If no structure has an energy.
    """
    return fit_to_composition(
        structures.elements, structures.composition, structures.energies, isolated_atoms(structures)
    )


def fit_to_composition(
    symbols: tuple[str, ...], composition: IntArray, energies: FloatArray, alone: BoolArray
) -> ReferenceEnergies:
    """Do the same as `fit_reference_energies` for arrays of S structures with E elements.

    Parameters
    ----------
    symbols
        (E,) chemical symbols.
    composition
        (S, E) atoms of each element.
    energies
        (S,) total energies in eV; NaN where missing.
    alone
        (S,) whether a structure is an isolated atom.

    Raises
    ------
    DataError
        If no structure has an energy.
    """
    labelled = np.isfinite(energies)
    _require_energies(labelled)
    alone = alone & labelled
    known: dict[str, float] = {}
    notes = []
    for column, symbol in enumerate(symbols):
        of_atoms = energies[alone & (composition[:, column] == 1)]
        if len(of_atoms):
            known[symbol] = float(np.median(of_atoms))
            if np.ptp(of_atoms) > 0.01:
                notes.append(
                    f"{len(of_atoms)} isolated {symbol} atoms differ by {np.ptp(of_atoms):.3f} eV; "
                    "their median is used"
                )
    columns = [column for column, symbol in enumerate(symbols) if symbol not in known]
    unknown = [symbols[column] for column in columns]
    if not unknown:
        return ReferenceEnergies(known, "isolated atoms", notes)
    rest = energies - composition @ np.array([known.get(symbol, 0.0) for symbol in symbols])
    used = labelled & ~alone
    sizes = composition.sum(axis=1)
    fitted, fit_notes = _fit_per_element(
        unknown, composition[used][:, columns], sizes[used], rest[used]
    )
    method = f"isolated atoms ({', '.join(known)}) and robust fit" if known else "robust fit"
    energies_of = {**known, **fitted}
    return ReferenceEnergies(
        {symbol: energies_of[symbol] for symbol in symbols}, method, notes + fit_notes
    )


def fit_energy_shift(structures: StructureSet, predicted_energies: FloatArray) -> ReferenceEnergies:
    """Find the shift of each element from a model's zero of energy to that of the labels.

    Parameters
    ----------
    structures
        Structures; those without energies are ignored.
    predicted_energies
        (S,) total energies in eV that the model predicts.

    Returns
    -------
    The shifts, such that label = prediction + sum of the shifts of the atoms, up to the model's
    errors. They are fitted like reference energies.

    Raises
    ------
    DataError
        If no structure has both an energy and a finite prediction.
    """
    difference = structures.energies - predicted_energies
    labelled = np.isfinite(difference)
    _require_energies(labelled)
    fitted, notes = _fit_per_element(
        list(structures.elements),
        structures.composition[labelled],
        structures.n_atoms[labelled],
        difference[labelled],
    )
    return ReferenceEnergies(fitted, "robust fit of label - prediction", notes)


def _require_energies(labelled: BoolArray) -> None:
    if not labelled.any():
        raise DataError(
            "no structure has an energy to fit reference energies to",
            "Name the energies with --energy-key.",
        )


def _fit_per_element(
    symbols: list[str], counts: IntArray, sizes: IntArray, energies: FloatArray
) -> tuple[dict[str, float], list[str]]:
    """Fit (S,) `energies` by one energy for each of E `symbols`.

    `counts` (S, E) and `sizes` (S,) are the numbers of atoms of these and of all elements.
    """
    concerned = counts.any(axis=1)
    counts, sizes, energies = counts[concerned], sizes[concerned], energies[concerned]
    if not len(counts):
        return dict.fromkeys(symbols, 0.0), [
            f"no energies to fit {', '.join(symbols)} to; 0 is used"
        ]
    fractions = counts / sizes[:, None]
    solution = robust_fit(fractions, energies / sizes)
    notes = []
    if np.linalg.matrix_rank(fractions, tol=1e-6 * np.sqrt(len(counts))) < len(symbols):
        notes.append(
            f"the compositions do not determine {', '.join(symbols)} individually (only "
            "combinations of them occur); the undetermined part is shared equally, so the "
            "individual values are not valid for other compositions"
        )
    return dict(zip(symbols, solution.tolist(), strict=True)), notes


def robust_fit(fractions: FloatArray, per_atom: FloatArray) -> FloatArray:
    """Fit energies per atom by one energy per element, with little weight on outliers.

    Iteratively reweighted least squares with Huber weights, starting from the median; the scale of
    the residuals is their median absolute deviation. A tiny ridge pulls the energies of the
    elements together, which affects only what the compositions leave undetermined.

    Parameters
    ----------
    fractions
        (S, E) share of each element in each structure.
    per_atom
        (S,) in eV/atom.

    Returns
    -------
    (E,) in eV/atom.
    """
    n_elements = fractions.shape[1]
    if n_elements == 1 and np.allclose(fractions, 1.0):
        return np.array([np.median(per_atom)])
    to_each_other = 1e-6 * (np.eye(n_elements) - 1.0 / n_elements)
    # SciPy's least_squares has a fixed scale for its Huber loss: with the spread around the median,
    # 5 % of wrong energies among 60 of three elements move the fit by 3 eV, here by 0.06.
    weights = np.ones(len(per_atom))
    solution = np.full(n_elements, np.median(per_atom))
    for _ in range(_MAX_ITERATIONS):
        root = np.sqrt(weights / weights.sum())
        matrix = np.concatenate([fractions * root[:, None], to_each_other])
        target = np.concatenate([per_atom * root, np.zeros(n_elements)])
        previous, solution = solution, np.linalg.lstsq(matrix, target, rcond=None)[0]
        residual = np.abs(per_atom - fractions @ solution)
        scaled = residual / max(1.4826 * float(np.median(residual)), _SMALLEST_SCALE)
        weights = np.minimum(1.0, _HUBER / np.maximum(scaled, _HUBER))
        if np.abs(solution - previous).max() < 1e-9:
            break
    return solution
