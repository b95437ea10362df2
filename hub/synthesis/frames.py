"""Reading files of trajectories as structures of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols

from hub.datasets.dataset import Dataset
from hub.datasets.importing import Source
from hub.library import open_version
from hub.structures.stresses import to_voigt
from hub.synthesis.start import numbers_of
from hub.synthesis.trajectory import read_trajectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

RUN_ID = "run_id"


def frames_source(paths: Sequence[Path], begun: Mapping[str, Any]) -> Source:
    """Return a source of the frames of all trajectories, in order.

    Parameters
    ----------
    paths
        The files of the trajectories.
    begun
        Their settings: ``recipe`` and ``isolated_atoms``, the energies in eV to subtract.

    Raises
    ------
    IntegrityError
        If a file is corrupted, when it is read.
    """
    formula, isolated = begun["recipe"]["formula"], begun["isolated_atoms"]

    def frames(after: Any) -> Iterator[tuple[Any, Atoms]]:
        file, frame = after or (0, -1)
        for number in range(file, len(paths)):
            for position, atoms in enumerate(_structures(paths[number], formula, isolated)):
                if number > file or position > frame:
                    yield [number, position], atoms

    return Source(begun, "energy", "forces", frames)


def open_base(reference: str) -> Dataset:
    """Open the dataset to which trajectories are added.

    Raises
    ------
    RegistryError
        If the dataset cannot be obtained.
    """
    return Dataset(open_version(reference).path, reference)


def next_run_id(dataset: Dataset) -> int:
    """Return the first unused trajectory number of a dataset."""
    if RUN_ID not in dataset.structure_extras:
        return 0
    return int(dataset.column(RUN_ID).max()) + 1


def _structures(path: Path, formula: str, isolated: Mapping[str, float]) -> Iterator[Atoms]:
    trajectory = read_trajectory(path)
    plan = trajectory.plan
    numbers = numbers_of(formula, plan.n_atoms)
    alone = sum(isolated[chemical_symbols[number]] for number in numbers)
    for index, time in enumerate(trajectory.times.tolist()):
        atoms = Atoms(
            numbers,
            trajectory.positions[index],
            cell=trajectory.cell,
            pbc=True,
            info={
                "time": time,
                "density": plan.density,
                "anneal_T": plan.anneal_temperature,
                RUN_ID: plan.run_id,
                "temperature": float(trajectory.temperatures[index]),
                "blown_up": bool(trajectory.failure),
            },
        )
        energy = float(trajectory.energies[index]) - alone
        labels = {"energy": energy, "forces": trajectory.forces[index]}
        if np.isfinite(trajectory.stresses[index]).all():
            labels["stress"] = to_voigt(trajectory.stresses[index])
        atoms.calc = SinglePointCalculator(atoms, **labels)
        yield atoms
