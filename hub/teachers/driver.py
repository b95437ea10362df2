"""Lead workers through the structures of a dataset, and keep what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from hub.teachers.labelling import label_structures, relative_to_atoms
from hub.teachers.tasks import TaskQueue
from hub.teachers.workers import Lost

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hub.datasets.dataset import Dataset
    from hub.teachers.label_segments import LabelSegments
    from hub.teachers.labelling import Labelled
    from hub.teachers.spec import TeacherSpec
    from hub.teachers.tasks import Task
    from hub.teachers.workers import Workers

Progress = Callable[[int, int | None], None]
Report = Callable[[str], None]


class Driver:
    """Labels what is missing of a label set.

    Parameters
    ----------
    dataset
        Whose structures are labelled.
    segments
        Where the labels are kept.
    spec
        Who labels.
    isolated_atoms
        What is subtracted for each atom, in eV by chemical symbol.
    properties
        What is kept besides energies and forces.
    progress
        Called with the number of structures that are done, and of all.
    report
        Told of each structure that cannot be labelled.
    """

    def __init__(
        self,
        dataset: Dataset,
        segments: LabelSegments,
        spec: TeacherSpec,
        isolated_atoms: Mapping[str, float],
        properties: Collection[str] = (),
        progress: Progress | None = None,
        report: Report | None = None,
    ) -> None:
        self.dataset = dataset
        self.segments = segments
        self.spec = spec
        self.isolated_atoms = isolated_atoms
        self.properties = properties
        self.progress = progress
        self.report = report

    def run(self, workers: Workers) -> None:
        """Label until nothing is missing.

        Raises
        ------
        TeacherError
            If the teacher cannot be opened, or workers only die.
        StorageError
            If the disk is full or cannot be written.
        """
        missing = self.segments.missing(len(self.dataset))
        self._n_done = len(self.dataset) - sum(stop - start for start, stop in missing)
        queue = TaskQueue(self.dataset, missing, workers.capacity)
        under_way = 0
        finished: tuple[Task, Labelled] | None = None
        while True:
            # Workers first: they have something to do while labels are written.
            while under_way < workers.capacity and (task := queue.take(under_way)):
                workers.submit(task, label_structures, self.spec, task.structures)
                under_way += 1
            if finished:
                self._keep(*finished)
                finished = None
            if not under_way:
                return
            task, result = workers.wait()
            under_way -= 1
            if isinstance(result, Lost):
                result = queue.lost(task, result)
            else:
                queue.done(task, result.seconds)
            if result is not None:
                finished = (task, result)

    def _keep(self, task: Task, labelled: Labelled) -> None:
        structures = task.structures
        labels, failures = relative_to_atoms(labelled, structures, self.isolated_atoms)
        numbered = {task.start + index: reason for index, reason in failures.items()}
        kept = {name: labels.properties[name] for name in self.properties}
        self.segments.add(task.start, replace(labels, properties=kept), numbered)
        self._n_done += len(structures)
        if self.report:
            for index, reason in failures.items():
                self.report(f"{structures.where(index)} has no labels: {reason}")
        if self.progress:
            self.progress(self._n_done, len(self.dataset))
