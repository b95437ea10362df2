"""The structures behind a model or dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.datasets.dataset import Dataset
from hub.datasets.layout import is_dataset
from hub.errors import DataError
from hub.library import catalogue, front_matter_of, open_version
from hub.structures.reading import read_structures
from registry.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.structures.structure_set import StructureSet

SAMPLE = "sample"  # the relation of a dataset to the one that it is a sample of

_DRAWN = 5000  # structures of a dataset
_GIVE_STRUCTURES = (
    "Give the structures that it was trained on, or similar ones, as a dataset or a file."
)


def open_structures(
    place: str,
    progress: Callable[[int, int | None], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> StructureSet:
    """Read structures from a file, a dataset, or the dataset that a model was trained on.

    Parameters
    ----------
    place
        A file, or the reference or directory of a dataset or model.
    progress
        Called with the number of structures of a file.
    report
        Called with what a person should know about where they are from.

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
            away = f"{place} was trained on {name}, which is in no known registry"
            stand_in = _sample_for(opened.path)
            if not stand_in:
                raise DataError(away, _GIVE_STRUCTURES) from problem
            opened = open_version(stand_in)
            if report:
                report(f"{away}: a sample of it is used, {stand_in}")
        if not is_dataset(opened.path):
            raise DataError(f"{place} was trained on {name}, which is not a dataset")
    dataset = Dataset(opened.path, place)
    sample = _DRAWN if len(dataset) > _DRAWN else None
    return dataset.load("", sample=sample)


def _sample_for(model: Path) -> str:
    """Return the sample of a model's training dataset that comes with the package; "" for none."""
    digest = front_matter_of(model)["training"]["data"].get("dataset_digest")
    shipped = catalogue().builtin.shipped
    for name, entry in sorted(shipped.entries().items()):
        found = shipped.version(name, entry, entry.newest)
        if any((of.digest, of.relation) == (digest, SAMPLE) for of in found.manifest.parents):
            return str(found.reference)
    return ""


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
