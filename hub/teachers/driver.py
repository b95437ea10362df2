"""Label the structures of a dataset in a pool, and isolate structures that kill workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import TeacherError
from hub.jobs.pool import Lost
from hub.structures.structure_set import StructureSet
from hub.teachers.labelling import describe_teacher, label_structures, unlabelled
from hub.teachers.relative_labels import relative_to_atoms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from hub.datasets.dataset import Dataset
    from hub.jobs.pool import Pool
    from hub.teachers.label_segments import LabelSegments
    from hub.teachers.labelling import Described, Labelled
    from hub.teachers.spec import TeacherSpec

Progress = Callable[[int, int | None], None]
Report = Callable[[str], None]

# Work lost at most, for each worker, if it is killed.
TASK_SECONDS = 5.0
_MOST_ATOMS = 65_536  # in a task, since they are sent to another process
_BLOCK_ATOMS = 262_144  # decoded at once
_MOST_DEATHS = 30  # in a row


@dataclass(frozen=True)
class Task:
    """Consecutive structures of a dataset that one worker labels.

    Attributes
    ----------
    start
        Number of the first structure in the dataset.
    structures
        The structures.
    deaths
        Number of workers that died on it.
    alone
        Whether it runs while nothing else does.
    """

    start: int
    structures: StructureSet
    deaths: int = 0
    alone: bool = False


class TaskQueue:
    """The structures that are still to be labelled.

    The size of tasks follows from the time of previous ones: large enough that sending them is
    negligible, and smaller towards the end, so that all workers finish together.

    Parameters
    ----------
    dataset
        The dataset.
    runs
        Its structures to label, as first structure and the one after the last.
    workers
        Number of tasks that run at a time.
    """

    def __init__(self, dataset: Dataset, runs: Iterable[tuple[int, int]], workers: int) -> None:
        self._dataset = dataset
        self._runs = deque(runs)
        self._again: list[Task] = []
        self._suspects: list[Task] = []
        self._workers = workers
        self._atoms_left = sum(self._n_atoms(*run) for run in self._runs)
        self._atoms_done, self._seconds, self._deaths = 0, 0.0, 0
        self._block: tuple[int, StructureSet] | None = None

    def take(self, under_way: int) -> Task | None:
        """Return the next task; None if there is none to start while others are running."""
        if self._again:
            return self._again.pop()
        if not self._runs:
            return self._suspects.pop() if self._suspects and not under_way else None
        start, last = self._runs.popleft()
        pointers = self._dataset.pointers
        end = int(np.searchsorted(pointers, pointers[start] + self._task_atoms(), "right")) - 1
        stop = min(max(end, start + 1), last)
        if stop < last:
            self._runs.appendleft((stop, last))
        self._atoms_left -= self._n_atoms(start, stop)
        return Task(start, self._structures(start, stop))

    def done(self, task: Task, seconds: float) -> None:
        """Record the time that a task took."""
        self._deaths = 0
        self._atoms_done += len(task.structures.numbers)
        self._seconds += seconds

    def lost(self, task: Task, lost: Lost) -> Labelled | None:
        """Retry a task that killed a worker: in halves from the second time on, finally alone.

        Returns
        -------
        None, or the missing labels of a structure that was found to kill workers.

        Raises
        ------
        TeacherError
            If too many workers die in a row.
        """
        size = len(task.structures)
        if size == 1 and (task.alone or (task.deaths and lost.certain)):
            return unlabelled(task.structures, lost.reason)
        self._deaths += 1
        if self._deaths > _MOST_DEATHS:
            raise TeacherError(
                f"{self._deaths} workers died in a row, the last one at "
                f"{task.structures.where(0)}: {lost.reason}",
                "Is there enough memory? Use fewer --jobs, and continue with --resume.",
            )
        if not task.deaths:
            self._again.append(replace(task, deaths=1))
        elif size == 1:
            self._suspects.append(replace(task, alone=True))
        else:
            for first, last in ((0, size // 2), (size // 2, size)):
                part = task.structures.select(np.arange(first, last))
                self._again.append(Task(task.start + first, part, task.deaths + 1))
        return None

    def _task_atoms(self) -> float:
        """Return the number of atoms of the next task; 0 before the first one is done."""
        if not self._seconds:
            return 0.0
        in_time = self._atoms_done / self._seconds * TASK_SECONDS
        return min(in_time, self._atoms_left / (2 * self._workers), _MOST_ATOMS)

    def _structures(self, start: int, stop: int) -> StructureSet:
        if self._block is None or stop > self._block[0] + len(self._block[1]):
            pointers = self._dataset.pointers
            end = int(np.searchsorted(pointers, pointers[start] + _BLOCK_ATOMS, "right")) - 1
            self._block = start, self._dataset.take("", np.arange(start, max(end, stop)))
        first, block = self._block
        # Extra columns are not sent to workers.
        return StructureSet.select(block, np.arange(start - first, stop - first))

    def _n_atoms(self, start: int, stop: int) -> int:
        return int(self._dataset.pointers[stop] - self._dataset.pointers[start])


class Driver:
    """Computes the missing labels of a label set.

    Parameters
    ----------
    dataset
        Dataset to label.
    segments
        Storage of the labels.
    spec
        The teacher.
    isolated_atoms
        Energies to subtract for each atom, in eV by chemical symbol.
    properties
        Properties to keep besides energies and forces.
    progress
        Called with the number of structures done, and their total.
    report
        Called with a line for each structure that cannot be labelled.
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

    def run(self, pool: Pool) -> None:
        """Label until nothing is missing.

        Raises
        ------
        TeacherError
            If the teacher cannot be opened, or too many workers die in a row.
        StorageError
            If the disk is full or cannot be written.
        """
        missing = self.segments.missing(len(self.dataset))
        self._n_done = len(self.dataset) - sum(stop - start for start, stop in missing)
        queue = TaskQueue(self.dataset, missing, pool.capacity)
        under_way = 0
        finished: tuple[Task, Labelled] | None = None
        while True:
            # Start workers first, so that they are busy while labels are written.
            while under_way < pool.capacity and (task := queue.take(under_way)):
                pool.submit(task, label_structures, self.spec, task.structures)
                under_way += 1
            if finished:
                self._keep(*finished)
                finished = None
            if not under_way:
                return
            task, result = pool.wait()
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


def ask_teacher(pool: Pool, spec: TeacherSpec, elements: Sequence[str]) -> Described:
    """Get the description of a teacher, in a pool without running tasks.

    Raises
    ------
    TeacherError
        If it cannot be opened, or kills the process.
    """
    pool.submit(None, describe_teacher, spec, elements)
    _, described = pool.wait()
    if isinstance(described, Lost):
        raise TeacherError(
            f"the teacher cannot be opened: {described.reason}",
            "Is its program installed for this Python version and processor?",
        )
    found: Described = described
    return found
