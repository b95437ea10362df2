"""The data of a job, read and checked, and the architecture that they are checked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import DataError
from hub.library import open_model
from hub.potentials.architectures import DEFAULT_CUTOFF, read_config
from hub.structures import read_structures
from hub.structures.checks import blocking, check_structures, require_error_codes
from hub.structures.splits import split_structures
from hub.training.other_models import with_models_that_know, with_shipped_models
from registry.errors import AccessError, OfflineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.potentials.config import PotentialConfig
    from hub.structures import ReadResult, StructureSet
    from hub.structures.checks import Finding
    from hub.training.job import Job
    from hub.training.reporter import Reporter


@dataclass(frozen=True)
class Data:
    """What was read, checked and held out.

    Attributes
    ----------
    read
        All structures of the data files, with the names of their labels.
    findings
        Warnings, and errors that the job allows; others have stopped it before.
    test
        Held-out structures of another file; None if there is no such file.
    """

    read: ReadResult
    findings: tuple[Finding, ...]
    test: StructureSet | None


def read_data(job: Job, reporter: Reporter) -> Data:
    """Read and check a job's files.

    Raises
    ------
    DataError
        If they cannot be read, or a check finds an error that the job does not allow.
    """
    require_error_codes(job.allow)
    try:
        config = starting_config(job)
    except (OfflineError, AccessError) as problem:
        raise with_shipped_models(
            problem, job, _read(job, reporter).structures.elements
        ) from problem
    if job.alchemical:
        config = None  # its elements and its cutoff will be those of the data
    read = _read(job, reporter)
    test = None
    if job.test:
        keys = (job.energy_key, job.forces_key)
        test = read_structures(
            job.test, *keys, reporter.counting("reading the test set")
        ).structures
    elements = config.type_names if config is not None else None
    cutoff = config.r_max if config is not None else DEFAULT_CUTOFF
    findings = check_structures(read.structures, elements, cutoff, reporter.counting("checking"))
    _stop_on_errors(read.structures, findings, job)
    if test is not None:
        known = elements or read.structures.elements
        _stop_on_errors(test, check_structures(test, known, cutoff), job)
    return Data(read, tuple(findings), test)


def _read(job: Job, reporter: Reporter) -> ReadResult:
    progress = reporter.counting("reading")
    return read_files_or_dataset(job.data, job.labels, job.energy_key, job.forces_key, progress)


def read_files_or_dataset(
    places: Sequence[str],
    labels: str = "",
    energy_key: str | None = None,
    forces_key: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> ReadResult:
    """Read files, or the label set of one dataset.

    Raises
    ------
    DataError
        If they cannot be read, or several things are given and one is a dataset.
    RegistryError
        If the dataset is not on this machine and cannot be pulled.
    """
    from hub.datasets.loading import is_dataset_name, load_structures

    if not labels and not any(map(is_dataset_name, places)):
        return read_structures(places, energy_key, forces_key, progress)
    if len(places) > 1:
        raise DataError(
            f"a dataset is trained on alone, and {len(places)} things are given: "
            + ", ".join(places),
            "Take one after the other, or join them: hub import --onto.",
        )
    return load_structures(places[0], labels or None, progress)


def starting_config(job: Job) -> PotentialConfig | None:
    """Return the configuration of the model to start from; None for the default architecture."""
    if job.from_scratch and not job.model:
        return None
    return read_config(open_model(job.model).path)


def _stop_on_errors(structures: StructureSet, findings: list[Finding], job: Job) -> None:
    """Do as :func:`stop_on_errors`; where the model lacks elements, name those that know them."""
    try:
        stop_on_errors(structures, findings, job.allow)
    except DataError as problem:
        if any(each.code == "unknown-elements" for each in blocking(findings, job.allow)):
            raise with_models_that_know(problem, job, tuple(structures.elements)) from problem
        raise


def stop_on_errors(
    structures: StructureSet, findings: list[Finding], allowed: tuple[str, ...] = ()
) -> None:
    """Raise `DataError` for errors that :func:`check_structures` found and nobody allows."""
    errors = blocking(findings, allowed)
    if not errors:
        return
    lines = []
    for finding in errors:
        where = ", ".join(structures.where(index) for index in finding.structures[:3])
        lines.append(f"{finding.code}: {finding.message}" + (f" ({where})" if where else ""))
    raise DataError(
        f"{', '.join(structures.sources[:3])} cannot be trained on:\n  " + "\n  ".join(lines),
        f"{errors[0].advice} `hub check` lists every structure concerned. If you know better: "
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
        # Half of what one seed leaves over, so that the others draw from more than its own.
        shuffled = np.random.default_rng(job.seed).permutation(held_out)
        held_out = np.sort(shuffled[: len(held_out) // 2])
    others = np.setdiff1d(np.arange(len(structures)), held_out)
    read = replace(data.read, structures=structures.select(others))
    return Data(read, data.findings, structures.select(held_out))
