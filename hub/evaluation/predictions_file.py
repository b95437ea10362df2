"""Predictions beside their labels, in a file that ASE and other programs read.

An extended XYZ file: for each structure ``REF_energy`` and ``ML_energy`` (total energies, eV), for
each atom ``REF_forces`` and ``ML_forces`` (eV/Å), ``REF`` being the labels and ``ML`` the
predictions. A label that the data lack is left out. ``source`` names the file that a structure
came from and its position there; ``config_type`` and ``split`` are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ase import Atoms

    from hub.evaluation.evaluate import Predictions
    from hub.structures.structure_set import StructureSet

FILE_NAME = "predictions.extxyz"


def write_predictions(path: Path, structures: StructureSet, predictions: Predictions) -> None:
    """Write structures with labels and predictions, the whole file or nothing.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    from ase.io import write

    with replacing(path, path.parent) as temporary, temporary.open("w", encoding="utf-8") as file:
        for atoms in _with_predictions(structures, predictions):
            write(file, atoms, format="extxyz", write_results=False)


def _with_predictions(structures: StructureSet, predictions: Predictions) -> Iterator[Atoms]:
    for index in range(len(structures)):
        atoms = structures.to_atoms(index)
        labels = atoms.calc.results if atoms.calc else {}
        atoms.info["source"] = structures.where(index)
        if "energy" in labels:
            atoms.info["REF_energy"] = labels["energy"]
        if "forces" in labels:
            atoms.arrays["REF_forces"] = labels["forces"]
        atoms.info["ML_energy"] = float(predictions.energies[index])
        atoms.arrays["ML_forces"] = predictions.forces[index]
        yield atoms
