"""The structures that a model predicts worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hub.evaluation.result import Evaluation
    from hub.structures.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Badly:
    """A structure that is predicted badly.

    Attributes
    ----------
    index
        Of the structure in the data.
    energy_error
        Prediction - label, in meV/atom, with shifts if the zeros of energy differ; NaN without a
        label.
    force_rmse
        Over its force components, in eV/Å; NaN without labels.
    atom_errors
        (n,) length of the error of the force on each atom, in eV/Å; NaN without a label.
    """

    index: int
    energy_error: float
    force_rmse: float
    atom_errors: FloatArray

    @property
    def largest(self) -> float:
        """The largest error of the force on an atom, in eV/Å; NaN without labels."""
        known = self.atom_errors[np.isfinite(self.atom_errors)]
        return float(known.max()) if known.size else float("nan")


def worst_structures(found: Evaluation, most: int) -> list[Badly]:
    """Return the structures with the largest force RMSE, the worst first.

    Without forces, the largest absolute errors of the energy per atom decide. Structures without
    any label are left out.
    """
    structures = found.data.structures
    errors = np.concatenate(found.best.forces) - structures.force_labels
    atoms = np.linalg.norm(errors, axis=1)
    forces = _rms_by_structure(errors, structures.structure_of_atom, len(structures))
    energies = 1000 * (found.best.energies - structures.energies) / structures.n_atoms
    measure = forces if np.isfinite(forces).any() else np.abs(energies)
    order = np.argsort(-np.nan_to_num(measure, nan=-1.0), kind="stable")
    return [
        Badly(
            index,
            float(energies[index]),
            float(forces[index]),
            atoms[structures.atoms_of(index)],
        )
        for index in order[:most].tolist()
        if np.isfinite(measure[index])
    ]


def _rms_by_structure(errors: FloatArray, owner: IntArray, n_structures: int) -> FloatArray:
    """Return the root mean square of the labelled components of each structure; else NaN."""
    known = np.isfinite(errors)
    owners = np.broadcast_to(owner[:, None], errors.shape)[known]
    counts = np.bincount(owners, minlength=n_structures)
    sums = np.bincount(owners, errors[known] ** 2, minlength=n_structures)
    means: FloatArray = np.divide(sums, counts, out=np.full(n_structures, np.nan), where=counts > 0)
    return np.sqrt(means)
