"""Import published label files onto a dataset, joined by order and verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

from hub.datasets.conditions import evaluate
from hub.datasets.dataset import Dataset
from hub.datasets.importing import Source
from hub.errors import DataError
from hub.importers.label_tape import LabelTape, files_in_order
from hub.library import open_version
from hub.structures.files import expand_patterns

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from ase import Atoms


def npz_source(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    onto: str,
    covers: str | None = None,
    proved_by: str | None = None,
) -> Source:
    """Return the structures of a dataset with labels from published files, joined by order.

    Parameters
    ----------
    files
        ``.npz`` files with ``energy`` and ``force``; read in the order of their numbers.
    onto
        The dataset whose structures they label.
    covers
        A condition on its columns that selects the labelled structures. All by default.
    proved_by
        The label set whose forces verify the order; the only one by default.

    Raises
    ------
    DataError
        If a file is missing, or the dataset has no labels to verify the order.

    Notes
    -----
    Iterating over the source raises `hub.importers.join.JoinError` if the labels do not belong to
    the structures.
    """
    paths = {str(path): path for path in expand_patterns(files)}  # type: ignore[arg-type]
    dataset = Dataset(open_version(onto).path, onto)
    known = dataset.labels_name(proved_by)
    if not known:
        raise DataError(
            f"{onto} has no labels to verify the order of {', '.join(paths)}",
            "Labels joined by order require a dataset that already has other labels.",
        )
    covered = evaluate(covers, dataset) if covers else np.ones(len(dataset), np.bool_)

    def frames(after: Any) -> Iterator[tuple[Any, Atoms]]:
        tape = LabelTape(files_in_order("*", paths))
        start = 0
        for block in dataset.blocks():
            structures = block.structures
            own = covered[start : start + len(structures)]
            labels = tape.take(own, structures.pointers, block.labels[known].forces)
            for index in np.flatnonzero(own).tolist():
                if after is None or start + index > after:
                    atoms = structures.to_atoms(index)
                    energy, forces = labels.energies[index], labels.forces
                    atoms.calc = SinglePointCalculator(
                        atoms, energy=float(energy), forces=forces[structures.atoms_of(index)]
                    )
                    yield start + index, atoms
            start += len(structures)
        tape.finish()

    described = {"files": sorted(paths), "onto": onto, "covers": covers, "proved_by": known}
    note = f"labels joined by order, verified by the forces of {known}"
    return Source(described, "energy", "forces", frames, (note,))
