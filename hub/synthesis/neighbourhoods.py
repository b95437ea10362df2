"""The structures around all given ones: a task and a file for each one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from hub.datasets.segments import Segment
from hub.errors import SynthesisError
from hub.jobs.pool import Lost, Tasks
from hub.schemas import Count
from hub.structures.arrays import pointers_of
from hub.synthesis.chains import Frame, Neighbourhood, run_chains
from registry.documents import MalformedError, fit
from registry.errors import IntegrityError
from registry.outputs import write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.structures.structure_set import StructureSet
    from hub.synthesis.around_schedule import Schedule
    from hub.teachers.spec import TeacherSpec

NAMES = re.compile(r"around-\d{6,}\.npz")
_PER_FRAME = ("chain", "step", "cell", "energy", "stress")
_PER_ATOM = ("numbers", "positions", "forces")


class _Facts(Struct, forbid_unknown_fields=True):
    failures: list[str]
    too_large: Count


class AroundCampaign:
    """Makes the structures around some given ones, each a task with a file in a directory.

    Parameters
    ----------
    directory
        Directory of the files.
    spec, schedule, seed
        The teacher, and how structures are made.
    parents
        The given structures.
    pool
        Pool of workers.
    progress
        Called with the number of given structures done, and their total.
    report
        Called with a line for each given structure whose calls failed.
    """

    def __init__(
        self,
        directory: Path,
        spec: TeacherSpec,
        parents: StructureSet,
        schedule: Schedule,
        seed: int,
        pool: Pool,
        progress: Callable[[int, int | None], None] | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.directory = directory
        self.parents = parents
        self._task = (spec, schedule, seed)
        self._tasks = Tasks(pool)
        self._progress = progress or (lambda done, total: None)  # noqa: ARG005
        self._report = report or (lambda text: None)  # noqa: ARG005

    def run(self) -> list[Neighbourhood]:
        """Run all unfinished tasks, and return the structures around each given one.

        Raises
        ------
        SynthesisError
            If no structure has labels.
        IntegrityError
            If a file is corrupted.
        """
        spec, schedule, seed = self._task
        for number in range(len(self.parents)):
            if not self._path(number).exists():
                parent = self.parents.select([number])
                self._tasks.add(number, run_chains, spec, parent, schedule, seed, number)
        self._show()
        for number, result in self._tasks.finished():
            lost = isinstance(result, Lost)
            found = Neighbourhood(failures=[result.reason]) if lost else result
            write_file(self._path(number), _to_bytes(found))
            if found.failures:
                self._report(
                    f"{len(found.failures)} calls of the teacher around "
                    f"{self.parents.where(number)} failed: {found.failures[0]}"
                )
            self._show()
        done = [_read(self._path(number)) for number in range(len(self.parents))]
        if not any(each.frames for each in done):
            reasons = [reason for each in done for reason in each.failures]
            raise SynthesisError(
                "none of the structures could be labelled: "
                + (reasons[0] if reasons else "all have forces above the limit of the schedule"),
                "Try the teacher on a single structure, or change the --schedule.",
            )
        return done

    def _show(self) -> None:
        self._progress(len(self.parents) - len(self._tasks), len(self.parents))

    def _path(self, number: int) -> Path:
        return self.directory / f"around-{number:06d}.npz"


def _to_bytes(found: Neighbourhood) -> bytes:
    frames = found.frames
    arrays: dict[str, Any] = {
        name: np.array([getattr(frame, name) for frame in frames]) for name in _PER_FRAME
    }
    for name in _PER_ATOM:
        parts = [getattr(frame, name) for frame in frames]
        arrays[name] = np.concatenate(parts) if parts else np.zeros(0)
    arrays["pointers"] = pointers_of(np.array([len(frame.numbers) for frame in frames], np.int64))
    facts = {"failures": found.failures, "too_large": found.too_large}
    return Segment([arrays], facts=facts).to_bytes()


def _read(path: Path) -> Neighbourhood:
    try:
        segment = Segment.from_file(path)
        facts = fit(segment.facts, _Facts)
        (arrays,) = segment.blocks
        return Neighbourhood(_frames(arrays), facts.failures, facts.too_large)
    except (IntegrityError, MalformedError, KeyError, ValueError, IndexError) as problem:
        raise IntegrityError(
            f"{path} is corrupted", "Remove it and resume with --resume: it will be made again."
        ) from problem


def _frames(arrays: dict[str, Any]) -> list[Frame]:
    pointers = arrays["pointers"]
    if len(arrays["positions"]) != pointers[-1] or len(arrays["energy"]) != len(pointers) - 1:
        raise MalformedError("its arrays have different numbers of structures")
    found = []
    for index in range(len(pointers) - 1):
        own = slice(int(pointers[index]), int(pointers[index + 1]))
        found.append(
            Frame(
                chain=int(arrays["chain"][index]),
                step=int(arrays["step"][index]),
                numbers=arrays["numbers"][own],
                positions=arrays["positions"][own],
                cell=arrays["cell"][index],
                energy=float(arrays["energy"][index]),
                forces=arrays["forces"][own],
                stress=arrays["stress"][index],
            )
        )
    return found
