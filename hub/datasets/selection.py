"""Which structures of a dataset: a condition on its columns, and a random sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.conditions import evaluate
from hub.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt

    from hub.datasets.dataset import Dataset
    from hub.structures.arrays import IntArray


def select(
    dataset: Dataset,
    where: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    energies: npt.NDArray[Any] | None = None,
) -> IntArray:
    """Return the indices of structures, ascending.

    Parameters
    ----------
    dataset
        To choose from.
    where
        A condition on its extras; see `hub.datasets.conditions`.
    sample
        How many of those that fit to draw.
    seed
        Of the draw.
    energies
        (S,) whose NaN are left out.

    Raises
    ------
    DataError
        If the condition cannot be understood, or fewer fit than were asked for.
    """
    keep = np.ones(len(dataset), np.bool_)
    if where:
        keep &= evaluate(where, dataset)
    if energies is not None:
        keep &= np.isfinite(energies)
    chosen = np.flatnonzero(keep)
    if not len(chosen):
        raise DataError(
            f"no structure of {dataset.name} fits" + (f" {where!r}" if where else ""),
            "`hub show` prints the columns and their ranges.",
        )
    if sample is None:
        return chosen
    if not 0 < sample <= len(chosen):
        raise DataError(
            f"a sample of {sample} cannot be drawn: {len(chosen)} structures fit",
            "Ask for fewer, and at least one.",
        )
    return np.sort(np.random.default_rng(seed).choice(chosen, sample, replace=False))
