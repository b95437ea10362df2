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

from hub.structures.stress_labels import DECLARED
from registry.outputs import file_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ase import Atoms

    from hub.evaluation.uncertainty import Spread
    from hub.potentials.batches import Predictions
    from hub.structures.structure_set import StructureSet

FILE_NAME = "predictions.extxyz"
ENERGY, FORCES = "REF_energy", "REF_forces"


def write_predictions(
    path: Path, structures: StructureSet, predictions: Predictions, spread: Spread | None = None
) -> None:
    """Write structures with labels and predictions, the whole file or nothing.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    _write(path, _with_predictions(structures, predictions, spread))


def write_labelled(
    path: Path,
    structures: StructureSet,
    energy_key: str = ENERGY,
    forces_key: str = FORCES,
    stress_key: str | None = None,
) -> None:
    """Write structures with labels under these names, the whole file or nothing.

    Without `stress_key`, stresses are named after the energies, ``REF_stress`` for ``REF_energy``.
    The file declares that they are in ASE's convention, whatever convention the reader is given.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    numbers = range(len(structures))
    keys = (energy_key, forces_key, stress_key)
    _write(path, (_labelled(structures, number, *keys) for number in numbers))


def _write(path: Path, frames: Iterable[Atoms]) -> None:
    from ase.io import write

    with file_beside(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for atoms in frames:
            write(file, atoms, format="extxyz", write_results=False)


def _labelled(
    structures: StructureSet,
    index: int,
    energy_key: str,
    forces_key: str,
    stress_key: str | None = None,
) -> Atoms:
    atoms = structures.to_atoms(index)
    labels = atoms.calc.results if atoms.calc else {}
    if "energy" in labels:
        atoms.info[energy_key] = labels["energy"]
    stress_key = stress_key or energy_key.replace("energy", "stress")
    if "stress" in labels and stress_key != energy_key:
        atoms.info[stress_key] = structures.stresses[index].ravel()
        atoms.info[DECLARED] = "ase"
    if "forces" in labels:
        atoms.arrays[forces_key] = labels["forces"]
    return atoms


def _with_predictions(
    structures: StructureSet, predictions: Predictions, spread: Spread | None
) -> Iterator[Atoms]:
    for index in range(len(structures)):
        atoms = _labelled(structures, index, ENERGY, FORCES)
        atoms.info["source"] = structures.where(index)
        atoms.info["ML_energy"] = float(predictions.energies[index])
        atoms.arrays["ML_forces"] = predictions.forces[index]
        if np.isfinite(predictions.stresses[index]).all():
            atoms.info["ML_stress"] = predictions.stresses[index].ravel()
        if spread is not None:
            atoms.info["ML_energy_std"] = float(spread.energies[index])
            atoms.arrays["ML_forces_std"] = spread.forces[index]
        yield atoms
