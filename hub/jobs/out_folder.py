"""The folder that a person names for what is made: new, or resumed; held by one process."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.errors import HubError, JobError
from hub.jobs.unfinished import held
from registry.files import storage_errors
from registry.outputs import require_file
from registry.removal import (
    MARKER_NAME,
    TEMPORARY,
    entries,
    is_marked,
    is_real_directory,
    is_real_file,
    mark,
    remove,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = ".lock"

# What is there of work that was killed before it began.
_NOT_BEGUN = re.compile("|".join([TEMPORARY.pattern, re.escape(LOCK_NAME), re.escape(MARKER_NAME)]))


def is_unused(folder: Path, not_begun: re.Pattern[str] = _NOT_BEGUN) -> bool:
    """Whether a folder holds nothing, or only what we had not begun to use.

    Parameters
    ----------
    folder
        A real folder.
    not_begun
        The names of what may be there of work that was killed before it began.
    """
    names = [path.name for path in folder.iterdir()]
    return not names or (is_marked(folder) and all(map(not_begun.fullmatch, names)))


def require_new(out: Path, begun: str, *, resume: bool) -> None:
    """Refuse a folder that holds something, unless it is ours and to be resumed.

    Parameters
    ----------
    out
        The folder.
    begun
        A pattern of a file in folders that an older release, which left no markers, has begun.
    resume
        Whether to resume what is there.

    Raises
    ------
    JobError
        If it is not new or empty, nor ours; or a link.
    """
    if not os.path.lexists(out):
        return
    require_real(out, JobError)
    if resume and (is_marked(out) or any(map(is_real_file, out.glob(begun)))):
        return
    if not is_unused(out):
        if resume:
            raise JobError(
                f"{out} is not empty and was not made by mlip-hub", "Choose another --out."
            )
        raise JobError(f"{out} is not empty", "Add --resume to resume it, or name another --out.")


def require_real(folder: Path, kind: type[HubError]) -> None:
    """Raise an error of this kind unless `folder` is a folder itself, and no link to one."""
    if not is_real_directory(folder):
        raise kind(f"{folder} is a link, or not a folder", "Give the folder itself.")


@contextmanager
def at_work(folder: Path, kind: type[HubError] = JobError) -> Iterator[None]:
    """Hold a folder of ours for this process, free of what a killed one was writing.

    It is made if need be. If an older release made it, it gets its marker now.

    Parameters
    ----------
    folder
        The folder.
    kind
        Of the errors below.

    Raises
    ------
    JobError
        If another process is at work in it, or it is a link; an error of `kind`, if given.
    StorageError
        If something else has one of our names in it, or it cannot be written.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    require_real(folder, kind)
    lock = folder / LOCK_NAME
    require_file(lock)
    require_file(folder / MARKER_NAME)
    busy = kind(
        f"another process is at work in {folder}", "Wait until it has finished, or name another."
    )
    with held(lock, busy):
        mark(folder)
        for unfinished in entries(folder, TEMPORARY):
            remove(unfinished)
        yield
