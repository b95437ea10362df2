"""The structures behind a model or dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.datasets.dataset import Dataset
from hub.datasets.layout import is_dataset
from hub.errors import DataError
from hub.library import front_matter_of, open_version
from hub.structures.reading import read_structures
from registry.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.structures.structure_set import StructureSet

_DRAWN = 5000  # structures of a dataset
_GIVE_STRUCTURES = (
    "Give the structures that it was trained on, or similar ones, as a dataset or a file."
)


def open_structures(
    place: str, progress: Callable[[int, int | None], None] | None = None
) -> StructureSet:
    """Read structures from a file, a dataset, or the dataset that a model was trained on.

    Raises
    ------
    DataError
        If it is a model whose card names no dataset that can be opened.
    NotFoundError
        If nothing has that name.
    """
    if Path(place).is_file():
        return read_structures(place, progress=progress, require_labels=False).structures
    opened = open_version(place)
    if not is_dataset(opened.path):
        name = dataset_of_model(opened.path, place)
        try:
            opened = open_version(name)
        except NotFoundError as problem:
            raise DataError(
                f"{place} was trained on {name}, which is in no known registry", _GIVE_STRUCTURES
            ) from problem
        if not is_dataset(opened.path):
            raise DataError(f"{place} was trained on {name}, which is not a dataset")
    dataset = Dataset(opened.path, place)
    sample = _DRAWN if len(dataset) > _DRAWN else None
    return dataset.load("", sample=sample)


def dataset_of_model(directory: Path, place: str) -> str:
    """Return the dataset that a model was trained on, according to its card.

    Parameters
    ----------
    directory
        A run folder or model directory.
    place
        What to call it in messages.

    Raises
    ------
    DataError
        If the card names none that can be opened.
    """
    content = front_matter_of(directory)
    training = content.get("training")
    data = training.get("data") if isinstance(training, dict) else None
    name = data.get("dataset") if isinstance(data, dict) else None
    if not name:
        listed = content.get("datasets")
        said = ", ".join(map(str, listed)) if isinstance(listed, list) else ""
        raise DataError(
            f"the card of {place} names no dataset that can be opened"
            + (f"; it was trained on {said}" if said else ""),
            _GIVE_STRUCTURES,
        )
    return str(name)
