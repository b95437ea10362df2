"""Select structures of a dataset by a condition on its columns and a random sample."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from hub.datasets.conditions import evaluate
from hub.errors import DataError
from registry.documents import damage, fit_whole, parse_json, read_bounded
from registry.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from hub.datasets.dataset import Dataset
    from hub.structures.arrays import IntArray


SELECTION = "selection.json"  # next to the group, in a directory of the user's own


@dataclass(frozen=True)
class Choice:
    """Some structures of a dataset.

    Attributes
    ----------
    where
        A condition on its extras; see `hub.datasets.conditions`.
    sample
        Number of matching structures to draw at random; all by default.
    seed
        Seed of the random sample.
    """

    where: str | None = None
    sample: Annotated[int, Meta(ge=1)] | None = None
    seed: Annotated[int, Meta(ge=0)] = 0

    @property
    def is_any(self) -> bool:
        """Whether it restricts the structures at all."""
        return bool(self.where) or self.sample is not None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def recorded_choice(directory: Path) -> Choice | None:
    """Return the choice with which a directory was pulled, if any.

    Raises
    ------
    IntegrityError
        If the record is corrupted.
    """
    path = directory / SELECTION
    if not path.is_file():
        return None
    with damage(path, IntegrityError, "Pull the dataset again."):
        return fit_whole(parse_json(read_bounded(path)), Choice)


def select(
    dataset: Dataset,
    choice: Choice,
    within: IntArray | None = None,
    energies: npt.NDArray[Any] | None = None,
) -> IntArray:
    """Return the indices of structures, ascending.

    Parameters
    ----------
    dataset
        The dataset to select from.
    choice
        What to select.
    within
        Indices to select from; all by default.
    energies
        (S,) energies; structures with NaN are left out.

    Raises
    ------
    DataError
        If the condition is invalid, or fewer structures match than requested.
    """
    keep = np.ones(len(dataset), np.bool_)
    if within is not None:
        keep[:] = False
        keep[within] = True
    if choice.where:
        keep &= evaluate(choice.where, dataset)
    if energies is not None:
        keep &= np.isfinite(energies)
    chosen = np.flatnonzero(keep)
    if not len(chosen):
        raise DataError(
            f"no structure of {dataset.name} matches"
            + (f" {choice.where!r}" if choice.where else ""),
            "Show the columns and their ranges: hub show.",
        )
    if choice.sample is None:
        return chosen
    if not 0 < choice.sample <= len(chosen):
        raise DataError(
            f"cannot draw a sample of {choice.sample}: {len(chosen)} structures match",
            f"Give a number from 1 to {len(chosen)}.",
        )
    return np.sort(np.random.default_rng(choice.seed).choice(chosen, choice.sample, replace=False))
