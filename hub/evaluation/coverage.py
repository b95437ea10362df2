"""Share of some data that a model or dataset covers, from names and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.alchemy.transmutation import pair_elements
from hub.counting import not_counting
from hub.datasets.loading import is_dataset_name, require_one
from hub.evaluation.overlap import measure_overlap
from hub.evaluation.overlap_plot import plot_overlap
from hub.evaluation.overlap_source import open_structures
from hub.structures.reading import read_structures
from registry.paths import texts, user_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from hub.counting import Counting
    from hub.evaluation.overlap import Overlap


def overlap(
    source: str | Path,
    data: str | Path | Iterable[str | Path],
    *,
    scale: float | None = None,
    element_map: str = "",
    plot: str | Path | None = None,
    counting: Counting = not_counting,
    report: Callable[[str], None] | None = None,
) -> Overlap:
    """Measure how many of the atomic environments in some data a model or dataset covers.

    Parameters
    ----------
    source
        A dataset, a model whose card names the dataset that it was trained on, or a file of
        structures.
    data
        Files in any format that ASE reads, patterns of such files, or one dataset; labels are not
        needed.
    scale
        Lengths of the data / lengths of the source; determined if None.
    element_map
        Mapping of the source's elements to those of the data, such as ``C=Si``; not needed for one
        element.
    plot
        A PNG to write: a map of the environments.
    counting
        Called with the name of each task, such as ``reading``; its result is called with the
        amount done and the total.
    report
        Called with what a person should know about the source.

    Raises
    ------
    AlchemyError
        If the mapping of elements is ambiguous or incomplete.
    DataError
        If DScribe is not installed, structures cannot be read, the data are several things of which
        one is a dataset, or the source has too few structures, or is a model whose card names no
        dataset.
    RegistryError
        If the source cannot be pulled.
    StorageError
        If the plot cannot be written.
    """
    places = texts(data)
    is_a_dataset = any(map(is_dataset_name, places))
    if is_a_dataset:
        require_one(places)
    known = open_structures(str(source), counting("reading"), report)
    progress = counting("reading")
    if is_a_dataset:
        target = open_structures(places[0], progress, report)
    else:
        target = read_structures(places, progress=progress, require_labels=False).structures
    pairs = pair_elements(known.elements, target.elements, element_map)
    measured = measure_overlap(known, target, pairs, scale)
    if plot is not None:
        plot_overlap(user_path(plot), measured)
    return measured
