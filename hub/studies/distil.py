"""Distil a foundation model into a small and fast one for some data, in one folder."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import TrainingError
from hub.jobs.choosing import choose_pool
from hub.jobs.out_folder import at_work, require_new
from hub.jobs.pool import LocalPool
from hub.potentials.architectures import DEFAULT_CUTOFF, architecture_settings
from hub.structures.checks import check_structures
from hub.structures.reference_energies import isolated_atoms
from hub.structures.stress_labels import StressReading
from hub.structures.structure_set import StructureSet
from hub.studies.cross_validation import folds_of
from hub.studies.distil_job import FILE_NAME, PRETRAIN_EPOCHS, DistilJob
from hub.studies.distil_report import Made, write_report
from hub.studies.distil_steps import DistilReporter, Gate, Steps, asked_for
from hub.studies.rank import student_settings
from hub.synthesis.around_schedule import Schedule
from hub.synthesis.parents import SIDES, Divided, divide, write_split
from hub.training.data import stop_on_errors
from hub.training.run_files import write_json
from registry.paths import texts, user_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.jobs.pool import Pool
    from hub.schemas import Convention

DEFAULT_PARENT, SPLIT = "runs", "split"
_WRITTEN = "split.json"  # after the files of the split


def distil(
    data: str | Path | Iterable[str | Path] = (),
    *,
    teacher: str = "",
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
    labels: str = "",
    test: str | Path | Iterable[str | Path] = (),
    n_train: int | None = None,
    out: str | Path | None = None,
    force: bool = False,
    finetune_teacher: bool = False,
    schedule: Mapping[str, Any] | None = None,
    pretrain_epochs: int = PRETRAIN_EPOCHS,
    model_config: str | Path | Mapping[str, Any] | None = None,
    layers: int | None = None,
    features: int | None = None,
    l_max: int | None = None,
    parity: bool | None = None,
    cutoff: float | None = None,
    seed: int = 0,
    device: str = "auto",
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    stress_convention: Convention = "ase",
    allow: Iterable[str] = (),
    jobs: int | None = None,
    pool: Pool | None = None,
    resume: bool = False,
    reporter: DistilReporter | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Distil a foundation model into a small and fast one for some data.

    The teacher is compared with training from scratch on the training and validation structures. If
    its forces are better, it labels structures around the training structures; a student is
    pre-trained on them and fine-tuned on the data. Otherwise the model is trained from scratch. The
    test structures are used for the report alone.

    Parameters
    ----------
    data
        Files in any format that ASE reads, patterns of such files, or a dataset.
    teacher
        Model or teacher to distil; the best of all that cover the elements if empty.
    params, arguments, python
        Parameter file, options and interpreter of the teacher.
    labels, test, n_train, seed, energy_key, forces_key, stress_key, stress_convention, allow
        As for `hub.finetune`.
    out
        A new folder; ``runs/<name of the data>-distilled`` if None.
    force
        Distil even if the teacher is worse than training from scratch.
    finetune_teacher
        Fine-tune the teacher on the training structures first; it has to be trainable.
    schedule
        Numbers of `hub.synthesis.around_schedule.Schedule` that differ from their defaults.
    pretrain_epochs
        Number of passes over the structures with the teacher's labels.
    model_config, layers, features, l_max, parity, cutoff
        Architecture of the student: 2 layers, 32 features and 5 Å if not given.
    device
        For the trainings: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
    jobs
        Number of processes for labels and cross-validation; one for each core if None.
    pool
        Where these run, instead of `jobs`.
    resume
        Resume in `out` with its own settings; no others may be given.
    reporter
        Receives progress.

    Returns
    -------
    folder, report
        The folder, and the content of its ``report.json``.

    Raises
    ------
    DataError
        If the data cannot be read or trained on, or are too few.
    TeacherError
        If the teacher is unknown, not installed, does not know the elements, or fails.
    TrainingError
        If the folder to resume has other settings, or the data have changed.
    JobError
        If the folder is in use or not empty, or a worker keeps dying.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
    chosen = architecture_settings(
        model_config,
        layers=layers,
        features=features,
        l_max=l_max,
        parity=parity,
        cutoff=cutoff,
    )
    job = DistilJob(
        data=texts(data),
        labels=labels,
        test=texts(test),
        n_train=n_train,
        seed=seed,
        teacher=teacher,
        params=str(user_path(params).absolute()) if params else "",
        arguments=dict(arguments or {}),
        python=str(user_path(python).absolute()) if python else "",
        force=force,
        finetune_teacher=finetune_teacher,
        schedule=dict(schedule or {}),
        pretrain_epochs=pretrain_epochs,
        architecture=chosen if resume else student_settings(chosen),
        energy_key=energy_key,
        forces_key=forces_key,
        stress_key=stress_key,
        stress_convention=stress_convention,
        allow=tuple(allow),
        device=device,
    )
    reporter = reporter or DistilReporter()
    place = None if out is None else user_path(out)
    if resume:
        folder = job.to_resume(place)
        job = DistilJob.read(folder)
    else:
        if not job.data:
            raise TrainingError("no data given", hint="Give structure files or a dataset.")
        folder = place or _default_folder(job.data[0])
        require_new(folder, FILE_NAME, resume=False)
    _require_usable(job)
    # Wrong data are found before a folder is made.
    divided = None if (folder / SPLIT / _WRITTEN).exists() else _read(job, reporter)
    with at_work(folder), pool or choose_pool(jobs) or LocalPool() as workers:
        if divided is not None:
            job.write(folder)
            _write(folder, divided)
        reporter.opened(folder)
        return folder, _run(folder, job, workers, reporter)


def _run(folder: Path, job: DistilJob, pool: Pool, reporter: DistilReporter) -> dict[str, Any]:
    files = _files(folder)
    # The structures as the trainings read them.
    divided = divide(
        [str(files[name]) for name in ("train", "validation") if name in files],
        test=[str(files["test"])] if "test" in files else [],
    )
    steps = Steps(folder, job, divided, files, pool, reporter)
    gate = steps.rank()
    made = Made(steps.from_scratch())
    if gate.teacher and (gate.is_good or job.force):
        spec = steps.finetuned_teacher(gate.teacher)
        dataset, how = steps.structures(spec)
        pretrained = steps.pretrained(dataset)
        student = steps.student(pretrained, is_good=gate.is_good)
        made = Made(made.scratch, spec, pretrained, student, how)
    else:
        reporter.note(_why_not(gate))
    reporter.step_begun("report")
    return write_report(folder, made, gate, divided, steps.seconds())


def _require_usable(job: DistilJob) -> None:
    """Refuse a schedule or teacher that is invalid, before anything is computed."""
    Schedule.read(job.schedule)
    asked_for(job)


def _read(job: DistilJob, reporter: DistilReporter) -> Divided:
    """Read, divide and check the structures."""
    divided = divide(
        job.data,
        job.labels,
        job.test,
        job.n_train,
        job.seed,
        energy_key=job.energy_key,
        forces_key=job.forces_key,
        stress=StressReading(job.stress_key, job.stress_convention),
        progress=reporter.counting("reading"),
    )
    for note in divided.notes:
        reporter.note(note)
    known = StructureSet.concatenate([divided.train, divided.validation])
    cutoff = float(job.architecture.get("r_max", DEFAULT_CUTOFF))
    stop_on_errors(known, check_structures(known, None, cutoff), job.allow)
    folds_of(known.select(~isolated_atoms(known)), job.seed)
    return divided


def _write(folder: Path, divided: Divided) -> None:
    place = folder / SPLIT
    place.mkdir(exist_ok=True)
    write_split(place, divided)
    write_json(place / _WRITTEN, {name: len(getattr(divided, name)) for name in SIDES})


def _files(folder: Path) -> dict[str, Path]:
    """Return the files of the split by the names of their sets."""
    paths = {name: folder / SPLIT / f"{name}.extxyz" for name in SIDES}
    return {name: path for name, path in paths.items() if path.exists()}


def _default_folder(data: str) -> Path:
    stem = Path(data).name.split(".")[0].strip("*?[]") or "data"
    for number in count(1):
        folder = Path(DEFAULT_PARENT) / f"{stem}-distilled{f'-{number}' if number > 1 else ''}"
        if not folder.exists():
            break
    return folder


def _why_not(gate: Gate) -> str:
    if gate.teacher is None or gate.row is None:
        return "nothing is distilled: no available model can label structures of these elements"
    return (
        f"nothing is distilled: the forces of {gate.teacher.name} have an error of "
        f"{gate.row.force_rmse:.3f} eV/Å, those of training from scratch "
        f"{gate.scratch.force_rmse:.3f}; use --force to distil anyway"
    )
