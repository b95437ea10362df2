"""The trainings of a learning curve: several starting points, growing training sets."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal

from hub.errors import DataError, JobError, TrainingError
from hub.jobs.out_folder import at_work, require_new
from hub.jobs.pool import InProcess, Lost, Tasks
from hub.structures.reference_energies import isolated_atoms
from hub.structures.splits import split_structures
from hub.structures.writing import ENERGY, FORCES, write_labelled
from hub.studies.curve import CurveReporter, Point, Start, Training
from hub.studies.held_out import hold_out
from hub.training import run_files
from hub.training.data import read_data
from hub.training.finetune import train_or_resume
from hub.training.job import Job
from hub.training.recipe import Recipe
from registry.outputs import require_real_way

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.structures import StructureSet
    from hub.training.reporter import Reporter

TEST_NAME = "test.extxyz"
_BEGUN = f"*/*-structures/seed-*/{run_files.JOB_NAME}"
_FEWEST_VALIDATION = 5


def train_curve(
    job: Job,
    starts: Sequence[str],
    sizes: Sequence[int],
    seeds: int,
    out: Path,
    *,
    resume: bool = False,
    pool: Pool | None = None,
    reporter: CurveReporter | None = None,
) -> list[Point]:
    """Train from every start, with every number of structures and every seed.

    All models are tested on the same structures. For one seed, larger training sets include the
    smaller ones, whatever the start.

    Parameters
    ----------
    job
        The common settings: data, test set, recipe. Without a test set, a fifth of the data is
        held out for all.
    starts
        As `Start.parse` reads them.
    sizes, seeds, out, resume, pool, reporter
        As for `hub.learning_curve`.

    Returns
    -------
    The points, by number of structures, then in the order of the starts, then by seed.

    Raises
    ------
    DataError
        If the data cannot be trained on, or are too few.
    TrainingError
        If a training in `out` was started with other settings or data, or a training fails.
    RegistryError
        If a model cannot be pulled.
    JobError
        If `out` is in use or contains other files, or a training keeps crashing its process.
    """
    reporter = reporter or CurveReporter()
    require_new(out, _BEGUN, resume=resume)
    beginnings = list(dict.fromkeys(Start.parse(text) for text in starts))
    structures, test = _read(job, beginnings, reporter)
    chosen = sorted(set(sizes))
    _require_enough(structures, chosen[-1], test)
    test_files = job.test or (str(out / TEST_NAME),)
    trainings = [
        Training(start.name, size, seed, _job(job, start, size, seed, test_files), folder)
        for size in chosen
        for start in beginnings
        for seed in range(seeds)
        for folder in [out / _folder_name(start.name) / f"{size}-structures" / f"seed-{seed}"]
    ]
    _require_different_folders(trainings)
    for training in trainings:
        require_real_way(training.folder, out)
    with at_work(out):
        done = _finished(trainings, structures)
        if not job.test:
            keys = (job.energy_key or ENERGY, job.forces_key or FORCES)
            write_labelled(out / TEST_NAME, test, *keys, job.stress_key)
        reporter.planned(len(trainings), len(done), len(test))
        left = [training for training in trainings if training not in done]
        for training, results in _train_all(left, pool, reporter):
            done[training] = Point.of(training, results)
            reporter.trained(done[training], len(done))
    return [done[training] for training in trainings]


def _read(
    job: Job, starts: Sequence[Start], reporter: Reporter
) -> tuple[StructureSet, StructureSet]:
    """Return the structures and the test set, checked for every start."""
    for start in starts:
        data = read_data(start.applied(job), reporter)
    structures = data.read.structures
    return structures, data.test.structures if data.test else hold_out(structures)


def _require_enough(structures: StructureSet, size: int, test: StructureSet) -> None:
    """Refuse a number of structures that leaves too few for validation."""
    advice = f"{len(test)} structures are held out for testing. Give more data or smaller --sizes."
    try:
        split = split_structures(structures, size, test=test)
    except DataError as problem:
        raise DataError(problem.message, advice) from problem
    n_train = int((~isolated_atoms(structures)[split.train]).sum())
    if n_train < size or len(split.validation) < _FEWEST_VALIDATION:
        raise DataError(
            f"{size} training structures leave fewer than {_FEWEST_VALIDATION} for validation",
            advice,
        )


def _job(job: Job, start: Start, size: int, seed: int, test: tuple[str, ...]) -> Job:
    # On exactly as many structures as from random weights, which need some for validation.
    stop: Literal["last", "early"] = "last" if start.alchemical else "early"
    return replace(start.applied(job), n_train=size, seed=seed, test=test, stop=stop)


def _folder_name(start: str) -> str:
    return re.sub(r"[^\w.@=-]+", "-", start).strip("-")


def _require_different_folders(trainings: Sequence[Training]) -> None:
    places: dict[Path, str] = {}
    for training in trainings:
        first = places.setdefault(training.folder, training.start)
        if first != training.start:
            raise TrainingError(
                f"the starts {first} and {training.start} would share the folder {training.folder}",
                hint="Rename one of the two.",
            )


def _finished(trainings: Sequence[Training], structures: StructureSet) -> dict[Training, Point]:
    """Return the points of finished trainings; refuse other settings or data."""
    done = {}
    has_stress, digests = bool(structures.has_stress.any()), {structures.digest()}
    for training in trainings:
        folder = training.folder
        if not (folder / run_files.JOB_NAME).exists():
            continue
        recipe = Recipe.read(folder)
        begun = _settings(Job.read(folder), recipe, has_stress)
        asked = _settings(training.job, training.job.resolved_recipe(), has_stress)
        changed = [f"{name} was {begun[name]}" for name in begun if begun[name] != asked[name]]
        if changed:
            raise TrainingError(
                f"the training in {folder} was started with other settings: {', '.join(changed)}",
                hint="Give the same settings as before, or choose another --out.",
            )
        results = run_files.read_results(folder)
        if results is None:
            continue
        digest = results["training"]["data"]["sha256"]
        # Older releases read no stresses; without a weight, they change nothing.
        if digest not in digests and not recipe.stress_weight:
            digests.add(structures.digest(stresses=False))
        if digest not in digests:
            raise TrainingError(
                f"the data have changed since the training in {folder}",
                hint="Restore the old files, or choose another --out.",
            )
        done[training] = Point.of(training, results)
    return done


def _settings(job: Job, recipe: Recipe, has_stress: bool) -> dict[str, Any]:
    """Return the settings that a training depends on, with the numbers of its recipe."""
    settings = asdict(job) | asdict(recipe)
    idle = {"recipe", "name", "stop"} | (set() if has_stress else {"stress_weight"})
    return {name: settings[name] for name in settings if name not in idle}


def _train_all(
    trainings: Sequence[Training], pool: Pool | None, reporter: Reporter
) -> Iterator[tuple[Training, dict[str, Any]]]:
    """Yield the results of trainings as they finish."""
    told = reporter if pool is None else None  # Other processes cannot reach it.
    with pool or InProcess() as workers:
        tasks = Tasks(workers)
        for training in trainings:
            tasks.add(training, train_or_resume, training.job, training.folder, told)
        for training, results in tasks.finished():
            if isinstance(results, Lost):
                raise JobError(
                    f"{training.folder}: {results.reason}",
                    "It may have run out of memory. Resume with --resume, and fewer --jobs.",
                )
            yield training, results
