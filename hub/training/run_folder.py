"""Run folders: made for one training, locked while it runs."""

from __future__ import annotations

import itertools
import json
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from hub.errors import TrainingError
from registry.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PARENT = "runs"
JOB_NAME = "run.json"
RESULTS_NAME = "results.json"
METRICS_NAME = "metrics.csv"
STATE_NAME = "training-state.pt"
PREDICTIONS_NAME = "test-predictions.extxyz"
PARITY_NAME = "parity.png"
_LOCK_NAME = ".lock"


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


def read_json(path: Path) -> dict[str, Any]:
    """Read what :func:`write_json` wrote.

    Raises
    ------
    TrainingError
        If the file is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path} is damaged: it does not hold names and values")
    return content


def read_results(folder: Path) -> dict[str, Any] | None:
    """Read the results of a finished training, or None if it has not finished."""
    path = folder / RESULTS_NAME
    return read_json(path) if path.exists() else None


def resume_command(folder: Path) -> str:
    """Return the command line that goes on with the training in a run folder.

    Raises
    ------
    TrainingError
        If the job in it is damaged.
    """
    path = folder / JOB_NAME
    command = read_json(path).get("command", "finetune") if path.exists() else "finetune"
    return f"hub {command} --resume {folder}"
