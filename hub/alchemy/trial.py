"""How well a model, transferred with given scales, fits labelled structures before training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.alchemy.transmutation import Transmutation, transmute_structures
from hub.errors import DataError
from hub.potentials.batches import predict
from hub.structures.graphs import average_neighbors, build_graphs
from hub.structures.neighbours import NeighbourLists

if TYPE_CHECKING:
    from hub.alchemy.transmutation import Pairs
    from hub.potentials.config import PotentialConfig
    from hub.potentials.potential import Potential
    from hub.structures.arrays import FloatArray
    from hub.structures.graphs import Graph
    from hub.structures.structure_set import StructureSet

_SMALLEST = 1e-4  # smallest error in the weights, relative to the size of the labels
_MAX_ITERATIONS = 200


@dataclass(frozen=True)
class Trial:
    """A transmutation and its errors.

    Attributes
    ----------
    transmutation
        The transmutation that was tried.
    unexplained
        Mean absolute errors of energies per atom, up to a shift for each element, and of forces,
        both relative to the labels' own spread, averaged: 1 if the model explains nothing. For
        forces alone, 1 minus their correlation.
    energy_mae
        In meV/atom.
    force_mae
        In eV/Å.
    agreement
        Correlation between predicted forces and labels.
    neighbours
        Mean number of neighbours within the scaled cutoff.
    """

    transmutation: Transmutation
    unexplained: float
    energy_mae: float
    force_mae: float
    agreement: float
    neighbours: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**vars(self), "transmutation": self.transmutation.to_json()}


def unscaled_graphs(
    config: PotentialConfig, structures: StructureSet, pairs: Pairs, scale: float
) -> list[Graph] | None:
    """Return graphs of the structures scaled back to the old lengths; None if too dense.

    Parameters
    ----------
    config
        Configuration of the model to transfer.
    structures
        Structures of the new elements.
    pairs
        The elements (old, new).
    scale
        Length scale.
    """
    image = transmute_structures(structures, Transmutation(pairs, scale).inverse())
    try:
        return build_graphs(NeighbourLists(image, config.r_max), config.type_names)
    except DataError:
        return None  # too dense for any model


def predict_unscaled(
    potential: Potential,
    structures: StructureSet,
    pairs: Pairs,
    scale: float,
) -> Prediction | None:
    """Predict the structures scaled back to the old lengths; None if they are too dense."""
    graphs = unscaled_graphs(potential.config, structures, pairs, scale)
    if graphs is None:
        return None
    on_device = [graph.to(potential.device) for graph in graphs]
    found = predict(potential, on_device)
    return Prediction(
        Transmutation(pairs, scale),
        average_neighbors(graphs),
        structures,
        found.energies,
        np.concatenate(found.forces) / scale,
    )


class Prediction:
    """Labels = predictions x energy scale + shifts, in units of the labels' own spread.

    Parameters
    ----------
    transmutation
        The elements and the length scale; its energy scale is not used.
    neighbours
        Mean number of neighbours within the scaled cutoff.
    structures
        Labelled structures; missing labels are ignored.
    energies, forces
        (S,) in eV and (A, 3) in eV/Å, for an energy scale of 1.
    """

    def __init__(
        self,
        transmutation: Transmutation,
        neighbours: float,
        structures: StructureSet,
        energies: FloatArray,
        forces: FloatArray,
    ) -> None:
        self.transmutation, self.neighbours = transmutation, neighbours
        fractions = structures.composition / structures.n_atoms[:, None]
        labels = structures.energies / structures.n_atoms
        known = np.isfinite(labels) & np.isfinite(energies)
        felt = np.isfinite(structures.force_labels) & np.isfinite(forces)
        self.forces, self.force_labels = forces[felt], structures.force_labels[felt]
        self.energies, self.fractions = (energies / structures.n_atoms)[known], fractions[known]
        self.energy_labels = labels[known]
        rest = _least_absolute(self.fractions, self.energy_labels)
        self.energy_spread = _mean_size(self.energy_labels - self.fractions @ rest)
        self.force_spread = _mean_size(self.force_labels)

    def trial(
        self, energy_scale: float | None = None, *, forces_alone: bool = False
    ) -> Trial | None:
        """Return the errors, with the best-fitting energy scale unless one is given.

        The energy scale and the energy shift of each element minimise `Trial.unexplained`, a sum of
        absolute errors: squared ones would be dominated by a few strongly distorted cells.

        Parameters
        ----------
        energy_scale
            Energy scale, if known.
        forces_alone
            Ignore energies, and use the correlation of the forces.

        Returns
        -------
        The trial, or None if no positive energy scale fits.
        """
        if energy_scale is None:
            energy_scale = self.fit_forces() if forces_alone else self.fit()
            if not energy_scale > 0:
                return None
        energy_errors, force_errors = self.errors(energy_scale)
        agreement = self.agreement()
        unexplained = (energy_errors.mean() + force_errors.mean()) / 2
        return Trial(
            transmutation=replace(self.transmutation, energy_scale=energy_scale),
            unexplained=1 - agreement if forces_alone else float(unexplained),
            energy_mae=1000 * self.energy_spread * float(energy_errors.mean()),
            force_mae=self.force_spread * float(force_errors.mean()),
            agreement=agreement,
            neighbours=self.neighbours,
        )

    def fit(self) -> float:
        """Return the best-fitting energy scale; not positive if there is none."""
        n_elements = self.fractions.shape[1]
        energy_rows = np.column_stack([self.energies, self.fractions]) / self.energy_spread
        force_rows = np.zeros((len(self.forces), 1 + n_elements))
        force_rows[:, 0] = self.forces / self.force_spread
        force_labels = self.force_labels / self.force_spread
        weights = [np.full(len(rows), 1 / max(len(rows), 1)) for rows in (energy_rows, force_rows)]
        solution = _least_absolute(
            np.concatenate([energy_rows, force_rows]),
            np.concatenate([self.energy_labels / self.energy_spread, force_labels]),
            np.concatenate(weights),
        )
        return float(solution[0])

    def fit_forces(self) -> float:
        """Return the least-squares energy scale of the forces alone; large forces dominate."""
        return float(self.forces @ self.force_labels / (self.forces @ self.forces))

    def errors(self, energy_scale: float) -> tuple[FloatArray, FloatArray]:
        """Return absolute errors of energies, with the best shifts, and of forces, in spreads."""
        rest = self.energy_labels - energy_scale * self.energies
        rest = rest - self.fractions @ _least_absolute(self.fractions, rest)
        force_errors = np.abs(self.force_labels - energy_scale * self.forces)
        return np.abs(rest) / self.energy_spread, force_errors / self.force_spread

    def agreement(self) -> float:
        """Return the correlation between predicted forces and labels."""
        size = np.linalg.norm(self.forces) * np.linalg.norm(self.force_labels)
        return float(self.forces @ self.force_labels / size) if size else 0.0


def _mean_size(values: FloatArray) -> float:
    """Return the mean absolute value, or 1 if it is zero."""
    return float(np.abs(values).mean()) or 1.0


def _least_absolute(
    matrix: FloatArray, target: FloatArray, weights: FloatArray | None = None
) -> FloatArray:
    """Minimise the weighted sum of |target - matrix x| by reweighted least squares."""
    # SciPy's least_squares with the loss soft_l1 finds the same minimum in six times the time.
    given = np.full(len(target), 1.0) if weights is None else weights
    root = np.sqrt(given)
    solution = np.zeros(matrix.shape[1])
    smallest = _SMALLEST * _mean_size(target)
    for _ in range(_MAX_ITERATIONS):
        before = solution
        solution = np.linalg.lstsq(matrix * root[:, None], target * root, rcond=None)[0]
        root = np.sqrt(given / np.maximum(np.abs(target - matrix @ solution), smallest))
        if np.abs(solution - before).max() < 1e-6 * max(1.0, np.abs(solution).max()):
            break
    return solution
