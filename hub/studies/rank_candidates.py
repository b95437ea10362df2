"""The rows of a ranking, each kept in a folder once it is known."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import JobError
from hub.evaluation.metrics import ALL
from hub.facts import models_that_know
from hub.library import open_model
from hub.structures.reference_energies import isolated_atoms
from hub.studies.candidates import MODEL, candidate
from hub.studies.cross_validation import cross_validate, quick_epochs
from hub.studies.measuring import measure
from hub.studies.ranking import SCRATCH, Row, beats
from hub.teachers.spec import TeacherSpec
from hub.training.job import DEFAULT_MODEL, SHIPPED_MODEL, Job
from hub.training.run_files import read_json, write_json
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.structures.structure_set import StructureSet
    from hub.studies.candidates import Candidate

BEGUN = "rank.json"
SAMPLE = 100  # structures at most, by default
# Enough to see whether fine-tuning a model beats training from scratch: 7net-0 does on molybdenum.
_SHORT_EPOCHS = 10


@dataclass(frozen=True)
class Trial:
    """What a ranking depends on, besides the models.

    Attributes
    ----------
    structures
        Training and validation structures; never those of the test set.
    architecture
        Settings of the model from scratch.
    seed
        Of the folds and the random weights.
    allow
        Codes of errors in the data that do not stop a training.
    """

    structures: StructureSet
    architecture: dict[str, Any]
    seed: int
    allow: tuple[str, ...] = ()

    @property
    def measured(self) -> StructureSet:
        """The structures without isolated atoms, whose energies a shift cannot match."""
        return self.structures.select(~isolated_atoms(self.structures))

    def settings(self) -> dict[str, Any]:
        """Return what must be the same to resume."""
        return {
            "structures": self.structures.digest(),
            "architecture": self.architecture,
            "seed": self.seed,
        }


def sampled(structures: StructureSet, count: int, seed: int) -> StructureSet:
    """Return at most `count` random structures besides isolated atoms, in their order."""
    alone = isolated_atoms(structures)
    free = np.flatnonzero(~alone)
    drawn = np.random.default_rng(seed).permutation(free)[:count]
    return structures.select(np.sort(np.concatenate([drawn, np.flatnonzero(alone)])))


def rank_candidates(
    trial: Trial,
    candidates: Sequence[Candidate],
    folder: Path,
    pool: Pool,
    *,
    alchemical: bool = False,
    finetunes: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> tuple[Row, ...]:
    """Return the rows of a ranking, from the lowest force error to the highest.

    Parameters
    ----------
    trial
        The structures, and the model from scratch.
    candidates
        The models and teachers.
    folder
        An existing folder, in which finished rows are kept.
    pool
        Where trainings run; each candidate has a process of its own.
    alchemical
        Whether to try the transfer of a model of another element.
    finetunes
        Whether to fine-tune the best trainable model if nothing else beats training from scratch.
    progress
        Called with the number of rows done, and their total.
    report
        Called with a line for each row.

    Raises
    ------
    DataError
        If the structures are too few, or cannot be trained on.
    JobError
        If the folder was begun with other structures or settings.
    """
    _begin(folder, trial.settings())
    makers: dict[str, Callable[[], Row]] = {"scratch": partial(_from_scratch, trial, folder, pool)}
    donor = _donor(trial.structures.elements) if alchemical else ""
    if donor:
        makers["alchemical"] = partial(_transferred, donor, trial, folder, pool)
    for each in candidates:
        makers[f"model-{_slug(each.name)}"] = partial(_zero_shot, each, trial.measured)
    rows: list[Row] = []
    while makers:
        name, make = next(iter(makers.items()))
        del makers[name]
        path = folder / f"{name}.json"
        row = read_json(path, Row) if path.exists() else make()
        if not row.failure:  # what failed is tried again
            write_json(path, row.to_json())
        rows.append(row)
        if finetunes and not makers and (best := _worth_finetuning(rows)):
            makers["finetuned"] = partial(_finetuned, best, trial, folder, pool)
        if report:
            report(_line(row))
        if progress:
            progress(len(rows), len(rows) + len(makers))
    return tuple(sorted(rows, key=lambda row: row.force_rmse))


def _worth_finetuning(rows: Sequence[Row]) -> Row | None:
    """Return the best trainable model if nothing beats training from scratch; None otherwise."""
    scratch = next(row for row in rows if row.kind == "scratch")
    if any(row.kind == "finetuned" or beats(row, scratch) for row in rows):
        return None
    trainable = [row for row in rows if row.kind == "model" and row.is_trainable and row.is_sound]
    return min(trainable, key=lambda row: row.force_rmse, default=None)


def _begin(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / BEGUN
    if not path.exists():
        write_json(path, settings)
        return
    begun = read_json(path, dict[str, Any])
    changed = [name for name in settings if begun.get(name) != settings[name]]
    if changed:
        raise JobError(
            f"the ranking in {folder} was started with different {' and '.join(changed)}",
            "Give the same data and settings as before, or choose another --out.",
        )


def _zero_shot(each: Candidate, structures: StructureSet) -> Row:
    row = Row(each.name, "model" if each.is_model else "teacher", licence=each.licence)
    try:
        found = measure(each.spec, structures)
    except RegistryError as problem:
        return replace(row, failure=problem.message)
    return replace(
        row,
        errors=found.errors,
        ms_per_atom=found.ms_per_atom,
        is_trainable=found.is_trainable,
        # What provenance says of a model is its name, unless its card says more.
        level_of_theory=each.level_of_theory
        or ("" if each.is_model else found.provenance["level_of_theory"]),
        n_failed=len(found.failures),
    )


def _from_scratch(trial: Trial, folder: Path, pool: Pool) -> Row:
    place = _made(folder / "scratch")
    job = replace(_job(trial), model="", from_scratch=True, architecture=trial.architecture)
    found = cross_validate(_quick(job, trial), trial.structures, place, pool)
    speed = measure(TeacherSpec(f"{MODEL}{place.absolute() / 'fold-0'}"), trial.measured)
    return Row(SCRATCH, "scratch", found.errors, speed.ms_per_atom, is_trainable=True)


def _transferred(donor: str, trial: Trial, folder: Path, pool: Pool) -> Row:
    row = Row(donor, "alchemical", is_trainable=True, licence=candidate(donor).licence)
    place = _made(folder / "alchemical")
    job = replace(_job(trial), model=donor, alchemical="auto")
    try:
        found = cross_validate(_quick(job, trial), trial.structures, place, pool)
        speed = measure(TeacherSpec(f"{MODEL}{place.absolute() / 'fold-0'}"), trial.measured)
    except RegistryError as problem:
        return replace(row, failure=problem.message)
    return replace(row, errors=found.errors, ms_per_atom=speed.ms_per_atom)


def _finetuned(before: Row, trial: Trial, folder: Path, pool: Pool) -> Row:
    job = replace(_job(trial), model=before.name, max_epochs=_SHORT_EPOCHS)
    try:
        found = cross_validate(job, trial.structures, _made(folder / "finetuned"), pool)
    except RegistryError as problem:
        return replace(before, kind="finetuned", errors={}, failure=problem.message)
    return replace(before, kind="finetuned", errors=found.errors, n_failed=0)


def _job(trial: Trial) -> Job:
    return Job(data=(), seed=trial.seed, device="cpu", allow=trial.allow)


def _quick(job: Job, trial: Trial) -> Job:
    recipe = job.resolved_recipe()
    epochs = quick_epochs(len(trial.measured), recipe.batch_size, recipe.max_epochs)
    return replace(job, max_epochs=epochs)


def _donor(elements: tuple[str, ...]) -> str:
    """Return the model of another element to start from, for data of a single one; else empty."""
    if len(elements) > 1 or DEFAULT_MODEL in models_that_know(elements):
        return ""
    try:
        open_model(DEFAULT_MODEL)
    except RegistryError:  # it must be downloaded, and cannot be
        return SHIPPED_MODEL
    return DEFAULT_MODEL


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _slug(name: str) -> str:
    return re.sub(r"[^\w.@=-]+", "-", name).strip("-")


def _line(row: Row) -> str:
    if row.failure:
        return f"{row.name}: {row.failure}"
    errors = row.errors[ALL]
    text = f"{row.title}: {errors['energy_rmse']:.1f} meV/atom, {errors['force_rmse']:.3f} eV/Å"
    return f"{text} ({row.n_failed} structures without labels)" if row.n_failed else text
