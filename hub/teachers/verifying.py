"""Recompute some labels with a new instance of the teacher, and compare."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.loading import open_dataset
from hub.datasets.names import STRESS
from hub.errors import LabelsDisagreeError
from hub.jobs.choosing import choose_pool
from hub.jobs.pool import LocalPool, Lost, Tasks
from hub.structures.stresses import from_voigt
from hub.teachers.labelling import label_structures
from hub.teachers.relative_labels import relative_to_atoms
from hub.teachers.spec import specify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hub.datasets.dataset import Dataset
    from hub.datasets.loaded import LoadedStructures
    from hub.jobs.pool import Pool
    from hub.structures.arrays import FloatArray
    from hub.teachers.labelling import Labelled
    from hub.teachers.spec import TeacherSpec

# Differences from a different order of summation and from rounding of stored labels.
ENERGY_TOLERANCE = 1e-6  # eV/atom
FORCE_TOLERANCE = {"float64": 1e-6, "float32": 1e-5}  # eV/Å
STRESS_TOLERANCE = 1e-7  # eV/Å^3
_RELATIVE = 1e-6  # of a force or stress
_SHOWN = 5


@dataclass(frozen=True)
class Verification:
    """Comparison of stored labels with recomputed ones.

    Attributes
    ----------
    n_structures
        Number of structures compared.
    energy
        The largest difference of energies, in eV/atom.
    force
        The largest difference of a force component, in eV/Å.
    stress
        The largest difference of a stress component, in eV/Å^3; 0 if there are no stresses.
    """

    n_structures: int
    energy: float
    force: float
    stress: float


def verify_labels(
    dataset: str,
    teacher: TeacherSpec | str,
    labels: str,
    n_structures: int = 100,
    *,
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    slurm: Mapping[str, Any] | None = None,
    pool: Pool | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Verification:
    """Recompute a random sample of a label set, and compare.

    Parameters
    ----------
    dataset
        A reference or a directory.
    teacher
        Teacher that made the labels: its name, or its complete specification.
    labels
        The label set.
    n_structures
        Number of labelled structures to draw; all if there are fewer.
    params, arguments, python, jobs, dask, slurm, pool
        As for `hub.relabel`.
    progress
        Called with the number of structures compared, and their total.

    Raises
    ------
    LabelsDisagreeError
        If labels differ by more than rounding, or cannot be recomputed.
    DataError
        If the label set does not exist.
    TeacherError
        If the teacher cannot be used.
    """
    spec = specify(teacher, params, arguments, python)
    opened = open_dataset(dataset, labels)
    with pool or choose_pool(jobs, dask, slurm, spec.python) or LocalPool() as workers:
        return compare_again(opened, labels, spec, n_structures, workers, progress)


def compare_again(
    dataset: Dataset,
    labels: str,
    spec: TeacherSpec,
    n_structures: int,
    pool: Pool,
    progress: Callable[[int, int | None], None] | None = None,
) -> Verification:
    """Do the same as `verify_labels` with an open dataset and an existing pool."""
    n_labelled = int(np.isfinite(dataset.read(f"labels/{labels}/energies")).sum())
    sample = dataset.load(
        labels,
        sample=min(n_structures, n_labelled),
        seed=secrets.randbits(32),
        labelled_only=True,
    )
    zero = dataset.label_sets[labels].subtracted_energies or dict.fromkeys(dataset.elements, 0.0)
    tasks = Tasks(pool)
    numbers = np.array_split(np.arange(len(sample)), min(len(sample), 4 * pool.capacity))
    parts = dict(enumerate(map(sample.select, numbers)))
    for number, part in parts.items():
        tasks.add(number, partial(label_structures, afresh=True), spec, part)
    energy, force, stress, done, wrong = 0.0, 0.0, 0.0, 0, []
    for number, again in tasks.finished():
        part = parts[number]
        compared = _Compared(part, again, zero, FORCE_TOLERANCE[dataset.dtype])
        energy = max(energy, compared.energy)
        force = max(force, compared.force)
        stress = max(stress, compared.stress)
        wrong += compared.wrong
        done += len(part)
        if progress:
            progress(done, len(sample))
    _refuse(wrong, len(sample), labels)
    return Verification(len(sample), energy, force, stress)


class _Compared:
    """Comparison of the stored labels of structures with recomputed ones.

    Attributes
    ----------
    energy, force, stress
        The largest differences, in eV/atom, eV/Å and eV/Å^3.
    wrong
        A message for each structure whose labels differ.
    """

    def __init__(
        self,
        kept: LoadedStructures,
        again: Labelled | Lost,
        zero: dict[str, float],
        tolerance: float,
    ) -> None:
        self.energy = self.force = self.stress = 0.0
        self.wrong: list[str] = []
        if isinstance(again, Lost):
            self.wrong = [f"{kept.where(index)}: {again.reason}" for index in range(len(kept))]
            return
        labels, failures = relative_to_atoms(again, kept, zero)
        energies = np.abs(labels.energies - kept.energies) / np.maximum(kept.n_atoms, 1)
        forces = np.abs(labels.forces - kept.forces)
        excess = forces > tolerance + _RELATIVE * np.abs(kept.forces)
        stresses = np.abs(from_voigt(labels.properties[STRESS]) - kept.stresses)
        strained = stresses > STRESS_TOLERANCE + _RELATIVE * np.abs(kept.stresses)
        self.energy, self.force = _largest(energies), _largest(forces)
        self.stress = _largest(stresses)
        for index in range(len(kept)):
            where, own = kept.where(index), kept.atoms_of(index)
            if index in failures:
                self.wrong.append(f"{where}: {failures[index]}")
            elif energies[index] > ENERGY_TOLERANCE or excess[own].any() or strained[index].any():
                self.wrong.append(
                    f"{where}: energies differ by {energies[index]:.2g} eV/atom, forces by "
                    f"{_largest(forces[own]):.2g} eV/Å, stresses by "
                    f"{_largest(stresses[index]):.2g} eV/Å^3"
                )


def _largest(differences: FloatArray) -> float:
    """Return the largest number, ignoring NaN; 0 if there is none."""
    return float(np.nanmax(differences, initial=0.0))


def _refuse(wrong: list[str], n_structures: int, labels: str) -> None:
    if wrong:
        raise LabelsDisagreeError(
            f"the recomputed {labels} labels of {len(wrong)} of {n_structures} structures differ; "
            f"{'; '.join(wrong[:_SHOWN])}",
            "Were different parameters or versions used, or does the teacher depend on previous "
            "calculations?",
        )
