"""Errors and speed of a model or teacher on labelled structures, measured in its own process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import TeacherError
from hub.evaluation.evaluate import align_energy_zero
from hub.evaluation.metrics import errors_by_group
from hub.jobs.pool import LocalPool, Lost
from hub.potentials.batches import Predictions
from hub.teachers.comparing import label_sets

if TYPE_CHECKING:
    from hub.jobs.pool import Pool
    from hub.structures.structure_set import StructureSet
    from hub.teachers.labelling import Labelled
    from hub.teachers.spec import TeacherSpec


@dataclass(frozen=True)
class Measured:
    """A teacher's labels of some structures.

    Attributes
    ----------
    predictions
        Energies are shifted for each element to the zero of the labels, unless they have it.
    errors
        Over all structures, then for each configuration type, as JSON.
    ms_per_atom
        Time for energies, forces and stresses.
    failures
        Why structures have no labels, by index.
    provenance
        Result of `Teacher.provenance`.
    is_trainable
        Whether it is a potential that can be trained here.
    """

    predictions: Predictions
    errors: dict[str, dict[str, Any]]
    ms_per_atom: float
    failures: dict[int, str]
    provenance: dict[str, Any]
    is_trainable: bool


def measure(
    spec: TeacherSpec,
    structures: StructureSet,
    shift_on: StructureSet | None = None,
    *,
    shifted: bool = True,
    pool: Pool | None = None,
) -> Measured:
    """Label structures with a teacher in a process of its own, and compare.

    Parameters
    ----------
    spec
        The teacher.
    structures
        Labelled structures.
    shift_on
        Structures to which the energies are shifted, if not those themselves; the test structures
        of a training have to be compared with a shift fitted to others.
    shifted
        Whether to shift the energies; a model trained on the labels has their zero.
    pool
        Where it runs, if not in a new process that ends afterwards.

    Raises
    ------
    TeacherError
        If it cannot be opened, kills its process, or labels no structure.
    """
    parts = [structures] if shift_on is None else [structures, shift_on]
    with pool or LocalPool(1, spec.python) as workers:
        workers.submit(None, label_sets, spec, parts)
        _, result = workers.wait()
    if isinstance(result, Lost):
        raise TeacherError(
            f"teacher {spec.family}: {result.reason}", "Is there enough memory for it?"
        )
    _require_labels(spec, result.labelled)
    predictions = _predictions(result.labelled[0], structures)
    if shifted:
        other = structures if shift_on is None else shift_on
        shifts, _ = align_energy_zero(other, _predictions(result.labelled[-1], other))
        energies = predictions.energies + shifts.of(structures)
        predictions = replace(predictions, energies=energies)
    groups = errors_by_group(structures, predictions)
    return Measured(
        predictions,
        {name: errors.to_dict() for name, errors in groups.items()},
        1000 * result.labelled[0].seconds / len(structures.numbers),
        result.labelled[0].failures,
        result.provenance,
        result.is_trainable,
    )


def _require_labels(spec: TeacherSpec, labelled: list[Labelled]) -> None:
    for each in labelled:
        if np.isnan(each.energies).all():
            reason = next(iter(each.failures.values()), "it gave no energies")
            raise TeacherError(f"teacher {spec.family} labelled none of the structures: {reason}")


def _predictions(labelled: Labelled, structures: StructureSet) -> Predictions:
    forces = tuple(np.split(labelled.forces, structures.pointers[1:-1]))
    return Predictions(labelled.energies, forces, labelled.stresses)
