"""Predictions and labels, in a file that ASE and other programs read.

An extended XYZ file: for each structure ``REF_energy`` and ``ML_energy`` (total energies, eV) and
``REF_stress`` and ``ML_stress`` (eV/Å^3, positive under tension; for structures periodic in all
three directions), for each atom ``REF_forces`` and ``ML_forces`` (eV/Å). ``REF`` marks labels,
``ML`` predictions; of a committee these are means, and ``ML_energy_std`` and ``ML_forces_std`` the
standard deviations. Missing labels are left out. ``source`` is the original file of a structure and
its position there; ``config_type`` and ``split`` are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.writing import labelled_atoms, write_frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ase import Atoms

    from hub.evaluation.uncertainty import Spread
    from hub.potentials.batches import Predictions
    from hub.structures.structure_set import StructureSet

FILE_NAME = "predictions.extxyz"


def write_predictions(
    path: Path, structures: StructureSet, predictions: Predictions, spread: Spread | None = None
) -> None:
    """Write structures with labels and predictions, the whole file or nothing.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    write_frames(path, _with_predictions(structures, predictions, spread))


def _with_predictions(
    structures: StructureSet, predictions: Predictions, spread: Spread | None
) -> Iterator[Atoms]:
    for index in range(len(structures)):
        atoms = labelled_atoms(structures, index)
        atoms.info["source"] = structures.where(index)
        atoms.info["ML_energy"] = float(predictions.energies[index])
        atoms.arrays["ML_forces"] = predictions.forces[index]
        if np.isfinite(predictions.stresses[index]).all():
            atoms.info["ML_stress"] = predictions.stresses[index].ravel()
        if spread is not None:
            atoms.info["ML_energy_std"] = float(spread.energies[index])
            atoms.arrays["ML_forces_std"] = spread.forces[index]
        yield atoms
