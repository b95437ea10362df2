"""The steps of a distillation. Each is skipped if its result exists, and resumed otherwise."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hub.datasets.finishing import is_whole
from hub.datasets.importing import write_dataset
from hub.errors import TeacherError
from hub.jobs.pool import LocalPool
from hub.structures.structure_set import StructureSet
from hub.studies.candidates import MODEL, candidate, candidates_for
from hub.studies.rank_candidates import SAMPLE, Trial, rank_candidates, sampled
from hub.studies.ranking import beats
from hub.synthesis.around import how_made, label_set, settings_of, source_of
from hub.synthesis.around_schedule import Schedule
from hub.synthesis.neighbourhoods import AroundCampaign
from hub.teachers.spec import TeacherSpec
from hub.training import run_files, run_folder
from hub.training.finetune import train_or_resume
from hub.training.job import Job, PretrainJob
from hub.training.pretrain import resume_pretraining, start_pretraining
from hub.training.reporter import Reporter
from hub.training.run_files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.studies.candidates import Candidate
    from hub.studies.distil_job import DistilJob
    from hub.studies.ranking import Row
    from hub.synthesis.around import Begun
    from hub.synthesis.parents import Divided

SECONDS = "seconds.json"
LABELS = "teacher"  # name of the label set of the synthetic structures
# Structures held out when pre-training, each with its whole chain: the report is on DFT labels.
_HELD_OUT = 1
# Small batches take more steps in the same time. On 25 structures of molybdenum, students of 25
# epochs with batches of 10 were no better than training from scratch after fine-tuning, those of 50
# epochs with batches of 5 far better (cards/learning_curves/distilling.md).
_BATCH_SIZE = 5
_TEACHER_EPOCHS = 10
# After a good teacher, a low learning rate keeps what the student has learned.
RATES = {True: 0.002, False: 0.01}


class DistilReporter(Reporter):
    """Receives the progress of a distillation, and ignores it."""

    def step_begun(self, name: str) -> None:
        """Take note that a step has begun."""

    def note(self, text: str) -> None:
        """Take note of something that the user should know."""


@dataclass(frozen=True)
class Gate:
    """Which teacher is used, and whether it is good enough.

    Attributes
    ----------
    teacher
        The teacher; None if no model knows the elements or can be opened.
    row
        Its row of the ranking, fine-tuned if that is how it is used and no other teacher is good.
    scratch
        The row of training from scratch.
    is_good
        Whether its forces are better than those from scratch.
    """

    teacher: Candidate | None
    row: Row | None
    scratch: Row
    is_good: bool


class Steps:
    """A distillation in its folder, which is held by this process.

    Parameters
    ----------
    folder
        The folder.
    job
        The settings.
    divided
        The structures; its test set is used by nothing here.
    files
        The files of the split: ``train``, ``validation``, ``test``.
    pool
        Where labels are computed and cross-validation runs.
    reporter
        Receives progress.
    """

    def __init__(
        self,
        folder: Path,
        job: DistilJob,
        divided: Divided,
        files: dict[str, Path],
        pool: Pool,
        reporter: DistilReporter,
    ) -> None:
        self.folder = folder
        self.job = job
        self.divided = divided
        self.pool = pool
        self.reporter = reporter
        known = {name: (str(path),) for name, path in files.items()}
        self._data = known["train"] + known.get("validation", ())
        self._test = known.get("test", ())

    def rank(self) -> Gate:
        """Rank the teacher, or all candidates, beside training from scratch.

        Raises
        ------
        TeacherError
            If the teacher that was asked for is unknown or fails.
        """
        known = StructureSet.concatenate([self.divided.train, self.divided.validation])
        asked = asked_for(self.job)
        chosen = [asked] if asked else candidates_for(known.elements)
        place = _made(self.folder / "rank")
        job = self.job
        drawn = sampled(known, SAMPLE, job.seed)
        trial = Trial(drawn, job.architecture, job.seed, job.allow)
        with self._step("rank"):
            rows = rank_candidates(
                trial,
                chosen,
                place,
                self.pool,
                finetunes=job.finetune_teacher,
                report=self.reporter.note,
            )
        scratch = next(row for row in rows if row.kind == "scratch")
        # The best row of each, fine-tuned or not.
        others = {row.name: row for row in reversed(rows) if row.kind != "scratch"}
        if asked and others[asked.name].failure:
            raise TeacherError(others[asked.name].failure, "Choose another: `hub rank` tries all.")
        sound = [each for each in chosen if others[each.name].is_sound]
        if not sound:
            return Gate(None, None, scratch, is_good=False)
        best = min(sound, key=lambda each: others[each.name].force_rmse)
        row = others[best.name]
        return Gate(best, row, scratch, is_good=beats(row, scratch))

    def from_scratch(self) -> Path:
        """Train the student's architecture from random weights; return the run folder."""
        job = self._finetuning(model="", from_scratch=True, architecture=self.job.architecture)
        return self._train("scratch", job)

    def finetuned_teacher(self, teacher: Candidate) -> TeacherSpec:
        """Return the teacher, fine-tuned on the training structures if that was asked for."""
        if not self.job.finetune_teacher:
            return teacher.spec
        job = self._finetuning(model=teacher.name, max_epochs=_TEACHER_EPOCHS)
        return TeacherSpec(f"{MODEL}{self._train('teacher', job).absolute()}")

    def structures(self, spec: TeacherSpec) -> tuple[Path, dict[str, Any]]:
        """Make structures around the training ones; return the dataset and how it was made."""
        target, made = self.folder / "structures", self.folder / "structures.json"
        if is_whole(target) and made.exists():
            return target, read_json(made, dict[str, Any])
        schedule = Schedule.read(self.job.schedule)
        place = _made(self.folder / "chains")
        with self._step("structures"):
            parents = self.divided.parents
            progress = self.reporter.counting("labelling structures")
            seed, note = self.job.seed, self.reporter.note
            with LocalPool(self.pool.capacity, spec.python) as workers:
                begun = settings_of(spec, schedule, seed, self.divided, LABELS, workers)
                found = AroundCampaign(
                    place, spec, parents, schedule, seed, workers, progress, note
                ).run()
            # The date is that of the first attempt, if a kill came between the two files.
            begun = self._same_date(place, begun)
            write_dataset(target, source_of(found, self.divided, begun), LABELS, label_set(begun))
            write_json(made, how_made(begun, found))
        return target, read_json(made, dict[str, Any])

    def pretrained(self, dataset: Path) -> Path:
        """Train the student on the teacher's labels; return the run folder."""
        job = PretrainJob(
            data=str(dataset),
            labels=LABELS,
            held_out=_HELD_OUT,
            architecture=self.job.architecture,
            max_epochs=self.job.pretrain_epochs,
            batch_size=_BATCH_SIZE,
            device=self.job.device,
            seed=self.job.seed,
        )
        folder = self.folder / "pretrained"
        with self._step("pretrain"):
            if (folder / run_files.JOB_NAME).exists():
                resume_pretraining(folder, self.reporter)
            else:
                run_folder.clear(folder)
                start_pretraining(job, folder, self.reporter)
        return folder

    def student(self, pretrained: Path, *, is_good: bool) -> Path:
        """Fine-tune the student on the training structures; return the run folder."""
        job = self._finetuning(model=str(pretrained), learning_rate=RATES[is_good])
        return self._train("student", job)

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each step, in the process that finished it."""
        path = self.folder / SECONDS
        return read_json(path, dict[str, float]) if path.exists() else {}

    def _finetuning(self, **changes: Any) -> Job:
        job = Job(
            data=self._data,
            test=self._test,
            device=self.job.device,
            seed=self.job.seed,
            allow=self.job.allow,
            # The validation structures choose between the student and the model from scratch.
            stop="early",
        )
        return replace(job, **changes)

    def _train(self, name: str, job: Job) -> Path:
        folder = self.folder / name
        with self._step(name):
            train_or_resume(job, folder, self.reporter)
        return folder

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Time a step; the time of a step that was finished before is kept."""
        self.reporter.step_begun(name)
        started = time.perf_counter()
        yield
        known = self.seconds()
        if name not in known:
            known[name] = round(time.perf_counter() - started, 1)
            write_json(self.folder / SECONDS, known)

    def _same_date(self, place: Path, begun: Begun) -> Begun:
        path = place / "date.json"
        if not path.exists():
            write_json(path, {"date": begun["date"]})
        return {**begun, "date": read_json(path, dict[str, str])["date"]}


def asked_for(job: DistilJob) -> Candidate | None:
    """Return the teacher that a job names; None if the best is to be found.

    Raises
    ------
    TeacherError
        If it is unknown, or its options are wrong.
    """
    if job.teacher:
        params, python = job.params or None, job.python or None
        return candidate(job.teacher, params, job.arguments or None, python)
    if job.params or job.arguments or job.python:
        raise TeacherError(
            "--params, --arguments and --python belong to a teacher", "Name it with --teacher."
        )
    return None


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
