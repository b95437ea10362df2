"""Run folders: made for one training, and locked while it runs."""

from __future__ import annotations

import itertools
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import TrainingError
from hub.jobs.out_folder import LOCK_NAME, at_work, is_unused, require_real
from hub.library import MODEL_FOLDER
from hub.training.run_files import (
    DATASET_NAME,
    INPUTS_NAME,
    JOB_NAME,
    METRICS_NAME,
    PARITY_NAME,
    PREDICTIONS_NAME,
    RECIPE_NAME,
    RESULTS_NAME,
    SEARCH_NAME,
    SEARCH_PLOT_NAME,
    STATE_NAME,
    resume_command,
)
from registry.cards import FILE_NAME as CARD_NAME
from registry.errors import StorageError
from registry.outputs import require_file, require_folder
from registry.removal import (
    MARKER_NAME,
    TEMPORARY,
    claim,
    discard,
    entries,
    is_real_directory,
    is_real_file,
    remove,
    take_over,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PARENT = "runs"

_FILES = re.compile(
    "|".join(
        re.escape(name)
        for name in (
            RECIPE_NAME, JOB_NAME, INPUTS_NAME, SEARCH_NAME, SEARCH_PLOT_NAME, STATE_NAME,
            METRICS_NAME, PREDICTIONS_NAME, PARITY_NAME, RESULTS_NAME, LOCK_NAME, MARKER_NAME,
        )
    )
)  # fmt: skip
# The run folder of each seed within that of all, and of each fold of a cross-validation.
_INNER = re.compile(r"(seed|fold)-\d+")
_OURS = re.compile(
    f"{_FILES.pattern}|{_INNER.pattern}|{TEMPORARY.pattern}|{MODEL_FOLDER}|{DATASET_NAME}"
)
# Files of a run that was killed before its job was written.
_NOT_BEGUN = re.compile(
    "|".join([TEMPORARY.pattern, *map(re.escape, (LOCK_NAME, MARKER_NAME, RECIPE_NAME))])
)


@contextmanager
def new_run_folder(out: Path | None, data: tuple[str, ...]) -> Iterator[Path]:
    """Make and lock a run folder; empty it again on a failure before any training.

    It is `out`, or ``runs/<name of the data>``, numbered if that exists.

    Raises
    ------
    TrainingError
        If `out` is not empty, in use, a link, or cannot be made.
    """
    try:
        folder, is_new = (_first_free_folder(data), True) if out is None else _empty_folder(out)
    except OSError as error:
        message = f"cannot make a run folder: {error}"
        raise TrainingError(message, hint="Choose a folder with --out.") from error
    except StorageError as error:
        message = f"cannot make a run folder: {error.message}"
        raise TrainingError(message, hint=error.hint) from error
    with locked(folder):
        try:
            yield folder
        except BaseException:
            if not any((place / STATE_NAME).exists() for place in _run_folders(folder)):
                _remove_files(folder)
                if is_new:  # and nobody has put anything there
                    with suppress(OSError):
                        folder.rmdir()
            raise


def _empty_folder(out: Path) -> tuple[Path, bool]:
    """Return a folder to start in, and whether it was made here."""
    if is_real_directory(out) and not is_unused(out, _NOT_BEGUN):
        raise TrainingError(
            f"{out} is not empty",
            hint=f"Resume it with `{resume_command(out)}`, or choose another --out.",
        )
    return out, claim(out)


def clear(folder: Path) -> None:
    """Remove from a run folder everything that a training writes, when it cannot be resumed.

    Raises
    ------
    StorageError
        If it is not ours, or something else has one of our names.
    """
    if is_real_directory(folder):
        take_over(folder, _OURS)
        _require_ours(folder)
        for place in _run_folders(folder):
            discard(place / MODEL_FOLDER, folder)
        _remove_files(folder)


def _remove_files(folder: Path) -> None:
    """Remove the files that a training writes to its folder, the marker last."""
    for place in reversed(_run_folders(folder)):
        for path in (*entries(place, TEMPORARY), *filter(is_real_file, entries(place, _FILES))):
            if path.name != MARKER_NAME:
                discard(path, folder)
        discard(place / DATASET_NAME, folder)
        if place != folder:
            with suppress(OSError):  # Something of the user's is in it.
                place.rmdir()
    discard(folder / MARKER_NAME, folder)


def _run_folders(folder: Path) -> list[Path]:
    """Return a run folder and those of its seeds and folds."""
    inner = filter(is_real_directory, entries(folder, _INNER))
    return [folder, *(place for each in inner for place in _run_folders(each))]


def _require_ours(folder: Path) -> None:
    """Refuse links and others' folders under the names that a training uses."""
    require_real(folder, TrainingError)
    for path in folder.iterdir():
        if _FILES.fullmatch(path.name):
            require_file(path)
        elif path.name == DATASET_NAME:
            require_real(path, TrainingError)
        elif path.name == MODEL_FOLDER:
            require_folder(path, model_files())
        elif _INNER.fullmatch(path.name):
            _require_ours(path)


def model_files() -> re.Pattern[str]:
    """Return the names of the files in a run folder's model."""
    from hub.potentials.directory import FILES  # with torch, which is slow to import

    return re.compile("|".join(map(re.escape, (*FILES, CARD_NAME))))


def _first_free_folder(data: tuple[str, ...]) -> Path:
    stem = Path(data[0]).name.split(".")[0].strip("*?[]") or "run"
    for number in itertools.count(1):
        folder = Path(DEFAULT_PARENT) / (stem if number == 1 else f"{stem}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run folder and those within it for this process, and remove unfinished files.

    The folder is made if need be, and marked if an older release made it.

    Raises
    ------
    TrainingError
        If another process is at work in it, or it is a link.
    StorageError
        If something else has one of our names in it, or it cannot be written.
    """
    if os.path.lexists(folder):
        _require_ours(folder)
    with at_work(folder, TrainingError):
        for place in _run_folders(folder)[1:]:
            for unfinished in entries(place, TEMPORARY):
                remove(unfinished)
        yield
