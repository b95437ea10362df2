"""The work of one process that compares a teacher with other labels: its labels, and their time.

It may run where only numpy, ASE and the teacher are installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hub.teachers.labelling import label_structures, opened_teacher

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet
    from hub.teachers.labelling import Labelled
    from hub.teachers.spec import TeacherSpec


class Compared(NamedTuple):
    """Labels of several structure sets.

    Attributes
    ----------
    labelled
        The labels of each.
    provenance
        Result of `Teacher.provenance`.
    is_trainable
        Whether it is a potential that can be trained here.
    """

    labelled: list[Labelled]
    provenance: dict[str, Any]
    is_trainable: bool


def label_sets(spec: TeacherSpec, parts: list[StructureSet]) -> Compared:
    """Open a teacher, and label several structure sets after a first call that warms it up.

    Raises
    ------
    TeacherError
        If it cannot be opened.
    """
    label_structures(spec, parts[0].select([0]))
    labelled = [label_structures(spec, part) for part in parts]
    with opened_teacher(spec) as teacher:
        potential = getattr(teacher.calculator(), "potential", None)
        return Compared(labelled, teacher.provenance(), _is_trainable(potential))


def _is_trainable(potential: Any) -> bool:
    if potential is None:
        return False
    from hub.potentials.architectures import architecture_of

    return architecture_of(potential.config).is_trainable
