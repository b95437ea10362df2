"""How far two label sets of one dataset are apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.dataset import Dataset
from hub.datasets.pulling import pull_dataset
from hub.errors import DataError
from hub.evaluation.evaluate import align_energy_zero
from hub.potentials.batches import Predictions

if TYPE_CHECKING:
    import numpy.typing as npt

    from hub.datasets.selection import Choice
    from hub.structures import StructureSet
    from hub.structures.reference_energies import ReferenceEnergies
    from registry.download import Progress


@dataclass(frozen=True)
class Comparison:
    """Two label sets on the structures that both cover.

    Attributes
    ----------
    structures
        With the first label set.
    others
        The second one.
    shifts
        Energy of each element by which the zeros of the two differ, fitted, in eV/atom.
    shifted
        The second one, moved to the zero of the first.
    energy_correlation, force_correlation
        Pearson's, of energies per atom (the second moved) and of force components.
    """

    structures: StructureSet
    others: Predictions
    shifts: ReferenceEnergies
    shifted: Predictions
    energy_correlation: float
    force_correlation: float


def compare_labels(dataset: Dataset, first: str, second: str) -> Comparison:
    """Compare two label sets of a dataset.

    Raises
    ------
    DataError
        If one of them is not there, or they have no structure in common.
    IntegrityError
        If a shard is missing or damaged.
    """
    one, other = dataset.load(first), dataset.load(second)
    covered = np.isfinite(one.energies) & np.isfinite(other.energies)
    if not covered.any():
        raise DataError(
            f"no structure of {dataset.name} has labels of both {first} and {second}",
            "`hub show` says how many structures each label set covers.",
        )
    if not covered.all():
        one, other = one.select(covered), other.select(covered)
    others = Predictions(
        other.energies, tuple(np.split(other.forces, other.pointers[1:-1])), other.stresses
    )
    shifts, shifted = align_energy_zero(one, others)
    sizes = one.n_atoms
    return Comparison(
        one,
        others,
        shifts,
        shifted,
        _correlation(one.energies / sizes, shifted.energies / sizes),
        _correlation(one.forces.ravel(), other.forces.ravel()),
    )


def open_for_comparison(
    place: str,
    labels: tuple[str, str],
    choice: Choice | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Open a dataset, a directory or a reference, with two label sets on this machine."""
    if Path(place).is_dir():
        return Dataset(Path(place))
    pulled = pull_dataset(place, labels=labels, choice=choice, progress=progress)
    return Dataset(pulled.version.path, str(pulled.version.reference))


def _correlation(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if x.size < 2 or not x.std() or not y.std():
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])
