"""Differences between two label sets of one dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.dataset import Dataset
from hub.datasets.pulling import pull_dataset
from hub.errors import DataError
from hub.evaluation.evaluate import align_energy_zero
from hub.evaluation.metrics import errors_by_group
from hub.evaluation.parity import parity_plot
from hub.potentials.batches import Predictions
from registry.paths import user_path

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from hub.evaluation.metrics import Errors
    from hub.structures import StructureSet
    from hub.structures.reference_energies import ReferenceEnergies
    from registry.download import Progress


@dataclass(frozen=True)
class Comparison:
    """Two label sets on the structures that both cover.

    Attributes
    ----------
    dataset
        The name of the dataset, or its directory.
    labels
        The names of the two label sets.
    structures
        The structures with the first label set.
    others
        The second label set.
    shifts
        Fitted difference of the zeros of energy for each element, in eV/atom.
    shifted
        The second label set, shifted to the zero of energy of the first.
    errors, shifted_errors
        Differences of the second label set from the first, without and with the shifts: over all
        structures, then for each configuration type.
    energy_correlation, force_correlation
        Pearson correlation of energies per atom (the second shifted) and of force components; NaN
        if either is constant.
    """

    dataset: str
    labels: tuple[str, str]
    structures: StructureSet
    others: Predictions
    shifts: ReferenceEnergies
    shifted: Predictions
    errors: dict[str, Errors]
    shifted_errors: dict[str, Errors]
    energy_correlation: float
    force_correlation: float


def compare_labels(
    dataset: str | Path,
    labels: tuple[str, str],
    *,
    plot: str | Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two label sets of a dataset.

    Parameters
    ----------
    dataset
        A reference, or the directory of a dataset.
    labels
        The names of the two label sets.
    plot
        A PNG to write: the second label set against the first.
    progress
        Called with the number of bytes downloaded and their total.

    Raises
    ------
    DataError
        If one of them does not exist, or no structure has labels of both.
    IntegrityError
        If a shard is missing or corrupted.
    RegistryError
        As `hub.pull` does.
    StorageError
        If the plot cannot be written.
    """
    first, second = labels
    opened = _open(dataset, (first, second), progress)
    one, other = opened.load(first), opened.load(second)
    covered = np.isfinite(one.energies) & np.isfinite(other.energies)
    if not covered.any():
        raise DataError(
            f"no structure of {opened.name} has labels of both {first} and {second}",
            "`hub show` lists how many structures each label set covers.",
        )
    if not covered.all():
        one, other = one.select(covered), other.select(covered)
    others = Predictions(
        other.energies, tuple(np.split(other.forces, other.pointers[1:-1])), other.stresses
    )
    shifts, shifted = align_energy_zero(one, others)
    sizes = one.n_atoms
    if plot is not None:
        parity_plot(user_path(plot), {f"{second} against {first}": shifted}, one)
    return Comparison(
        opened.name,
        (first, second),
        one,
        others,
        shifts,
        shifted,
        errors_by_group(one, others),
        errors_by_group(one, shifted),
        _correlation(one.energies / sizes, shifted.energies / sizes),
        _correlation(one.forces.ravel(), other.forces.ravel()),
    )


def _open(place: str | Path, labels: tuple[str, str], progress: Progress | None) -> Dataset:
    """Open a dataset by directory or reference, with both label sets on this machine."""
    directory = user_path(place)
    if directory.is_dir():
        return Dataset(directory)
    pulled = pull_dataset(str(place), labels=labels, progress=progress)
    return Dataset(pulled.version.path, str(pulled.version.reference))


def _correlation(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if x.size < 2 or not x.std() or not y.std():
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])
