"""Run folders: made for one training, locked while it runs."""

from __future__ import annotations

import itertools
import json
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from filelock import FileLock, Timeout
from msgspec import Struct

from hub.errors import TrainingError
from hub.schemas import Count, Sha256
from registry.documents import MalformedError, damage, fit, fit_whole, parse_json, read_bounded
from registry.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = TypeVar("Schema")

DEFAULT_PARENT = "runs"
JOB_NAME = "run.json"
RESULTS_NAME = "results.json"
METRICS_NAME = "metrics.csv"
STATE_NAME = "training-state.pt"
PREDICTIONS_NAME = "test-predictions.extxyz"
PARITY_NAME = "parity.png"
JOB_FORMAT = 1
_LOCK_NAME = ".lock"
_REPLACE = "Put a copy of the file back, or start a new run."


@contextmanager
def new_run_folder(out: Path | None, data: tuple[str, ...]) -> Iterator[Path]:
    """Make a run folder and hold it; take it away again if it fails before any training.

    It is `out`, or ``runs/<name of the data>``, numbered if that exists.

    Raises
    ------
    TrainingError
        If `out` is not empty, in use, or cannot be made.
    """
    try:
        folder = _first_free_folder(data) if out is None else _empty_folder(out)
    except OSError as error:
        raise TrainingError(f"no run folder can be made: {error}", hint="Name an --out.") from error
    with locked(folder):
        try:
            yield folder
        except BaseException:
            if not any(folder.rglob(STATE_NAME)):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _empty_folder(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    if any(path.name != _LOCK_NAME for path in out.iterdir()):
        raise TrainingError(
            f"{out} is not empty",
            hint=f"Go on with `{resume_command(out)}`, or name another --out.",
        )
    return out


def _first_free_folder(data: tuple[str, ...]) -> Path:
    stem = Path(data[0]).name.split(".")[0].strip("*?[]") or "run"
    for number in itertools.count(1):
        folder = Path(DEFAULT_PARENT) / (stem if number == 1 else f"{stem}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    return folder


def require_empty(out: Path, *, resume: bool) -> None:
    """Refuse a folder that holds something, unless it is to be gone on with.

    Raises
    ------
    TrainingError
        If it is not new or empty.
    """
    if not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError(
            f"{out} is not empty", hint="Go on in it with --resume, or name another --out."
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process, free of what a killed one was writing.

    Raises
    ------
    TrainingError
        If another process is at work in it.
    """
    lock = FileLock(folder / _LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise TrainingError(
            f"another process is at work in {folder}", hint="Wait for it, or name another --out."
        ) from None
    try:
        for unfinished in folder.rglob("*.tmp"):
            unfinished.unlink()
        yield
    finally:
        lock.release()


def write_json(path: Path, content: Any) -> None:
    """Write JSON beside the file, then put it in its place."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path, path.parent) as part:
        part.write_text(text, encoding="utf-8")


def read_json(path: Path, schema: type[Schema]) -> Schema:
    """Read what :func:`write_json` wrote, as `schema`: all of its fields and no other.

    Raises
    ------
    TrainingError
        If the file is damaged, or another release wrote it.
    """
    with damage(path, TrainingError, _REPLACE):
        return fit_whole(parse_json(read_bounded(path)), schema)


class _Judged(Struct):
    """What ``results.json`` says of the errors, by the name of the structures."""

    set: str
    n_structures: Count
    before: dict[str, dict[str, float | None]] | None
    after: dict[str, dict[str, float | None]]


class _Validation(Struct):
    force_rmse: float


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
    best: int


class _Results(Struct):
    """What is read of ``results.json`` later on; there is more in it for people."""

    errors: _Judged
    validation: _Validation
    training: _Training
    seeds: _Seeds | None = None


def read_results(folder: Path) -> dict[str, Any] | None:
    """Read the results of a finished training, or None if it has not finished.

    Raises
    ------
    TrainingError
        If they are damaged.
    """
    path = folder / RESULTS_NAME
    if not path.exists():
        return None
    hint = "Delete it and resume the run: what was trained is kept."
    with damage(path, TrainingError, hint):
        content: dict[str, Any] = parse_json(read_bounded(path))
        fit(content, _Results)
    return content


class _Job(Struct):
    """What all jobs have in common."""

    format: int
    command: Literal["finetune", "pretrain"] = "finetune"


def read_job(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the command that wrote ``run.json``, and what it was asked for.

    Raises
    ------
    TrainingError
        If the file is damaged, or another release wrote it.
    """
    with damage(path, TrainingError, _REPLACE):
        content: dict[str, Any] = parse_json(read_bounded(path))
        job = fit(content, _Job)
        if job.format != JOB_FORMAT:
            raise MalformedError(f"its format is {job.format}, and this release reads {JOB_FORMAT}")
    return job.command, {key: content[key] for key in content if key not in _Job.__struct_fields__}


def resume_command(folder: Path) -> str:
    """Return the command line that goes on with the training in a run folder.

    Raises
    ------
    TrainingError
        If the job in it is damaged.
    """
    path = folder / JOB_NAME
    command = read_job(path)[0] if path.exists() else "finetune"
    return f"hub {command} --resume {folder}"
