"""The data of a job, read and checked for the model to start from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.loading import read_files_or_dataset
from hub.errors import DataError
from hub.facts import models_that_know
from hub.library import open_model
from hub.potentials.architectures import DEFAULT_CUTOFF, read_config, require_trainable
from hub.structures import read_structures
from hub.structures.checks import blocking, check_structures, require_error_codes
from hub.structures.neighbours import NeighbourLists
from hub.structures.splits import split_structures
from registry.errors import AccessError, OfflineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.library import OpenedVersion
    from hub.structures import ReadResult, StructureSet
    from hub.structures.checks import Finding
    from hub.training.job import Job
    from hub.training.reporter import Reporter
    from registry.errors import RegistryError


@dataclass(frozen=True)
class Data:
    """Structures that were read and checked, and the model that they were checked for.

    Attributes
    ----------
    read
        All structures of the data files, with the names of their labels.
    lists
        Their neighbour lists.
    findings
        Warnings, and errors that the job allows; other errors are raised.
    test
        Neighbour lists of held-out structures from a separate file; None if there is none.
    parent
        The model to start from; None for the default architecture.
    """

    read: ReadResult
    lists: NeighbourLists
    findings: tuple[Finding, ...]
    test: NeighbourLists | None
    parent: OpenedVersion | None


def read_data(job: Job, reporter: Reporter) -> Data:
    """Read and check a job's files.

    Raises
    ------
    DataError
        If they cannot be read, or a check finds an error that the job does not allow.
    TrainingError
        If the model to start from cannot be trained.
    """
    require_error_codes(job.allow)
    parent = config = None
    if job.model or not job.from_scratch:
        try:
            parent = open_model(job.model)
        except (OfflineError, AccessError) as problem:
            known = _read(job, reporter).structures.elements
            raise with_shipped_models(problem, job, known) from problem
        config = read_config(parent.path)
        require_trainable(config, job.model)
    if job.alchemical:
        config = None  # its elements and cutoff will be those of the data
    read = _read(job, reporter)
    elements = config.type_names if config is not None else None
    default = float(job.architecture.get("r_max", DEFAULT_CUTOFF))
    cutoff = config.r_max if config is not None else default
    lists, findings = _checked(read.structures, elements, cutoff, job, reporter)
    test = None
    if job.test:
        keys = (job.energy_key, job.forces_key)
        progress = reporter.counting("reading the test set")
        held_out = read_structures(job.test, *keys, progress, stress=job.stress()).structures
        known = elements or read.structures.elements
        test, _ = _checked(held_out, known, cutoff, job, reporter)
    return Data(read, lists, tuple(findings), test, parent)


def _checked(
    structures: StructureSet,
    elements: tuple[str, ...] | None,
    cutoff: float,
    job: Job,
    reporter: Reporter,
) -> tuple[NeighbourLists, list[Finding]]:
    lists = NeighbourLists(structures, cutoff)
    progress = reporter.counting("checking")
    findings = check_structures(structures, elements, cutoff, progress, lists)
    _stop_on_errors(structures, findings, job)
    return lists, findings


def _read(job: Job, reporter: Reporter) -> ReadResult:
    progress = reporter.counting("reading")
    keys = (job.energy_key, job.forces_key)
    return read_files_or_dataset(job.data, job.labels, *keys, progress, job.stress())


def _stop_on_errors(structures: StructureSet, findings: list[Finding], job: Job) -> None:
    """Call :func:`stop_on_errors`; if the model lacks elements, suggest models that have them."""
    try:
        stop_on_errors(structures, findings, job.allow)
    except DataError as problem:
        if any(each.code == "unknown-elements" for each in blocking(findings, job.allow)):
            raise with_models_that_know(problem, job, tuple(structures.elements)) from problem
        raise


def stop_on_errors(
    structures: StructureSet, findings: list[Finding], allowed: tuple[str, ...] = ()
) -> None:
    """Raise `DataError` for errors from :func:`check_structures` that are not allowed."""
    errors = blocking(findings, allowed)
    if not errors:
        return
    lines = []
    for finding in errors:
        where = ", ".join(structures.where(index) for index in finding.structures[:3])
        lines.append(f"{finding.code}: {finding.message}" + (f" ({where})" if where else ""))
    raise DataError(
        f"{', '.join(structures.sources[:3])} cannot be trained on:\n  " + "\n  ".join(lines),
        f"{errors[0].advice} `hub check` lists all affected structures. To train anyway: "
        + " ".join(f"--allow {code}" for code in dict.fromkeys(each.code for each in errors)),
    )


def hold_out_test(data: Data, job: Job) -> Data:
    """Fix the test set before several seeds draw their own training sets from the rest."""
    structures = data.read.structures
    if data.test is not None:
        return data
    split = split_structures(structures, job.n_train, seed=job.seed)
    held_out = split.test
    if not len(held_out):
        return data
    if not (structures.split_labels[held_out] == "test").any():
        # Half of the structures one seed leaves, so that other seeds can draw different ones.
        shuffled = np.random.default_rng(job.seed).permutation(held_out)
        held_out = np.sort(shuffled[: len(held_out) // 2])
    lists = data.lists.select(np.setdiff1d(np.arange(len(structures)), held_out))
    read = replace(data.read, structures=lists.structures)
    return replace(data, read=read, lists=lists, test=data.lists.select(held_out))


_MOST = 5


def with_shipped_models(problem: RegistryError, job: Job, elements: Iterable[str]) -> RegistryError:
    """Return the error with a hint at models that ship with the package.

    These are the ones that cover the elements of the data, each with the full command.
    """
    names = models_that_know(elements, shipped=True)
    if not names:
        return problem
    models = "one of these models, which come" if len(names) > 1 else "this model, which comes"
    hint = f"{problem.hint} Or start from {models} with mlip-hub:{_commands(job, names)}"
    return type(problem)(problem.message, hint.strip())


def with_models_that_know(
    problem: RegistryError, job: Job, elements: Sequence[str]
) -> RegistryError:
    """Return the error with a hint at models that cover all elements."""
    known = ", ".join(elements)
    names = models_that_know(elements)
    hint = f"Start from a model that covers {known}:{_commands(job, names)}"
    if not names:
        scratch = replace(job, model="", from_scratch=True).command_line()
        hint = f"No model on this machine covers {known}. Train one from scratch:\n  {scratch}"
    return type(problem)(problem.message, hint)


def _commands(job: Job, names: list[str]) -> str:
    """Return the command for each model, one per line."""
    commands = [f"\n  {replace(job, model=name).command_line()}" for name in names[:_MOST]]
    if len(names) > _MOST:
        commands.append(f"\n  and {len(names) - _MOST} more: hub list")
    return "".join(commands)
