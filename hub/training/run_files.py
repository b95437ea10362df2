"""The files of a run folder: their names, and reading and writing of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from msgspec import Struct

from hub.errors import TrainingError
from hub.library import TEST_PREDICTIONS
from hub.schemas import Count, Sha256
from registry.documents import MalformedError, damage, fit, fit_whole, parse_json, read_bounded
from registry.outputs import write_file

if TYPE_CHECKING:
    from pathlib import Path

RECIPE_NAME = "recipe.json"
JOB_NAME = "run.json"
INPUTS_NAME = "inputs.json"
SEARCH_NAME = "alchemical.json"
SEARCH_PLOT_NAME = "alchemical.png"
RESULTS_NAME = "results.json"
METRICS_NAME = "metrics.csv"
STATE_NAME = "training-state.pt"
PREDICTIONS_NAME = TEST_PREDICTIONS
PARITY_NAME = "parity.png"
DATASET_NAME = "dataset"  # a folder, if files are read as a dataset
JOB_FORMAT = 1
REPLACE = "Restore the file from a copy, or start a new run."

Schema = TypeVar("Schema")


def write_json(path: Path, content: Any) -> None:
    """Write JSON to a temporary file, then rename it."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(path, text.encode())


def read_json(path: Path, schema: type[Schema]) -> Schema:
    """Read a file of :func:`write_json` as `schema`, with exactly its fields.

    Raises
    ------
    TrainingError
        If the file is corrupted, or another release wrote it.
    """
    with damage(path, TrainingError, REPLACE):
        return fit_whole(parse_json(read_bounded(path)), schema)


class _Judged(Struct):
    """The errors in ``results.json``, by group of structures."""

    set: str
    n_structures: Count
    before: dict[str, dict[str, float | None]] | None
    after: dict[str, dict[str, float | None]]


class _Validation(Struct):
    force_rmse: float | None  # None if all structures were trained on


class _Data(Struct):
    sha256: Sha256


class _Training(Struct):
    data: _Data
    recipe: dict[str, Any]
    epochs: Count
    best_epoch: Count
    seconds: float
    device: str


class _Seeds(Struct):
    seeds: list[int]
    best: int | None  # None of a committee


class _Results(Struct):
    """The part of ``results.json`` that is read; the rest is for people."""

    errors: _Judged
    validation: _Validation
    training: _Training
    seeds: _Seeds | None = None


def read_results(folder: Path) -> dict[str, Any] | None:
    """Read the results of a finished training, or None if it has not finished.

    Raises
    ------
    TrainingError
        If they are corrupted.
    """
    path = folder / RESULTS_NAME
    if not path.exists():
        return None
    hint = "Delete it and resume the run: the training itself is not lost."
    with damage(path, TrainingError, hint):
        content: dict[str, Any] = parse_json(read_bounded(path))
        fit(content, _Results)
    return content


class _Job(Struct):
    """Common fields of all jobs."""

    format: int
    command: Literal["finetune", "pretrain"] = "finetune"


def read_job(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the command that wrote ``run.json``, and its settings.

    Raises
    ------
    TrainingError
        If the file is corrupted, or another release wrote it.
    """
    with damage(path, TrainingError, REPLACE):
        content: dict[str, Any] = parse_json(read_bounded(path))
        job = fit(content, _Job)
        if job.format != JOB_FORMAT:
            raise MalformedError(f"unsupported format: expected {JOB_FORMAT}, got {job.format}")
    return job.command, {key: content[key] for key in content if key not in _Job.__struct_fields__}


def resume_command(folder: Path) -> str:
    """Return the command line that resumes the training in a run folder.

    Raises
    ------
    TrainingError
        If the job in it is corrupted.
    """
    path = folder / JOB_NAME
    command = read_job(path)[0] if path.exists() else "finetune"
    return f"hub {command} --out {folder} --resume"
