"""The one place that deletes: only what we made, never through a link.

A folder in which we delete things that another process made carries `MARKER_NAME`, written when we
made the folder. Everything else that is deleted was made by the process that deletes it.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from registry.errors import StorageError
from registry.files import storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKER_NAME = ".mlip-hub"
SCRATCH = "parts"  # in a store: what is on its way
# What `registry.files` calls whatever it has not finished.
TEMPORARY = re.compile(r"[0-9a-f]{32}\.tmp")

_SCRATCH_NAMES = re.compile(
    r"[0-9a-f]{32}\.tmp|[0-9a-f]{64}\.part|sources-of-[a-z0-9._-]+"
    r"|[a-z]+-[a-z0-9._-]+-\d+\.\d+\.\d+"  # what a command works on that can be resumed
)
_MARKER_TEXT = b"This folder and what is in it were made by mlip-hub, which may delete it.\n"


def is_real_directory(path: Path) -> bool:
    """Whether `path` is a directory itself, and not a link to one."""
    with suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def is_real_file(path: Path) -> bool:
    """Whether `path` is a regular file itself, and not a link, pipe or device."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def remove(path: Path) -> None:
    """Remove a file, a link (not what it points to) or a folder with all that is in it.

    Only of what this process has made, or `entries` has given.
    """
    with storage_errors(path), suppress(FileNotFoundError):
        if is_real_directory(path):
            # It does not follow links either.
            shutil.rmtree(path)
        else:
            path.unlink()


def entries(folder: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    """Give the files and folders, no links, in a real folder whose whole names fit a pattern."""
    if not is_real_directory(folder):
        return
    with storage_errors(folder), suppress(FileNotFoundError), os.scandir(folder) as found:
        names = sorted(each.name for each in found if not each.is_symlink())
    for name in names:
        if pattern.fullmatch(name):
            yield folder / name


def is_marked(folder: Path) -> bool:
    """Whether `folder` is real and carries our marker."""
    return is_real_directory(folder) and is_real_file(folder / MARKER_NAME)


def mark(folder: Path) -> None:
    """Let a folder that we made carry our marker."""
    with storage_errors(folder), suppress(FileExistsError):
        descriptor = os.open(folder / MARKER_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MARKER_TEXT)


def require_marked(folder: Path) -> None:
    """Raise `StorageError` unless `folder` carries our marker."""
    if not is_marked(folder):
        raise StorageError(
            f"{folder} does not carry the marker {MARKER_NAME}, so nothing is deleted in it",
            "It was not made by mlip-hub, or is a link. Name the folder itself.",
        )


def age(path: Path) -> float:
    """Return the seconds since a file, or anything in a folder, was last changed."""
    newest = path.lstat().st_mtime
    if is_real_directory(path):
        for folder, _, files in os.walk(path):
            names = [folder, *(os.path.join(folder, name) for name in files)]  # noqa: PTH118
            newest = max([newest, *(os.lstat(name).st_mtime for name in names)])
    return time.time() - newest


def sweep(root: Path, older_than: float) -> None:
    """Remove what killed processes left in the scratch folder of a store.

    Parameters
    ----------
    root
        The store. Nothing is done unless it carries our marker.
    older_than
        Age in seconds that what is still in use does not reach.
    """
    if not is_marked(root):
        return
    for path in entries(root / SCRATCH, _SCRATCH_NAMES):
        # Another process may finish with it meanwhile.
        with storage_errors(path), suppress(FileNotFoundError):
            if age(path) >= older_than:
                remove(path)


def in_the_way(path: Path, what: str) -> StorageError:
    """Return the error for something that was not made by us and stands where we would work."""
    return StorageError(
        f"{path} {what}: mlip-hub neither uses nor removes it",
        "Move it elsewhere, or name another place.",
    )


def claim(folder: Path, ours: re.Pattern[str] | None = None) -> bool:
    """Make a folder that carries our marker, or take one over; return whether it was made.

    Parameters
    ----------
    folder
        The folder; its parents are made too.
    ours
        As for `take_over`.

    Raises
    ------
    StorageError
        As `take_over` does, or if it cannot be made.
    """
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
        except FileExistsError:
            take_over(folder, ours)
            return False
    mark(folder)
    return True


def take_over(folder: Path, ours: re.Pattern[str] | None = None) -> None:
    """Let a folder carry our marker if it is empty, or an older release made it.

    Nothing is done where there is no folder.

    Parameters
    ----------
    folder
        The folder.
    ours
        The names that an older release, which left no markers, gave to what it put there; without
        them the folder has to be empty.

    Raises
    ------
    StorageError
        If it is a link, or has no marker and holds anything else.
    """
    if not os.path.lexists(folder) or is_marked(folder):
        return
    if not is_real_directory(folder):
        raise in_the_way(folder, "is a link, or no folder")
    with storage_errors(folder), os.scandir(folder) as found:
        others = [
            each.name
            for each in found
            if ours is None or each.is_symlink() or not ours.fullmatch(each.name)
        ]
    if others:
        raise in_the_way(folder, f"was not made by mlip-hub (it holds {min(others)})")
    mark(folder)


def discard(path: Path, marked: Path) -> None:
    """Remove a file or folder that we made, if it is there.

    Parameters
    ----------
    path
        What to remove.
    marked
        The folder whose marker says that we made it.

    Raises
    ------
    StorageError
        If that folder carries no marker, or `path` is neither a file nor a folder itself.
    """
    require_marked(marked)
    if not os.path.lexists(path):
        return
    if not (is_real_directory(path) or is_real_file(path)):
        raise in_the_way(path, "is a link, or neither file nor folder")
    remove(path)


def retire(folder: Path, scratch: Path) -> None:
    """Remove a folder that carries our marker: first out of the way, so that none of it is used.

    Parameters
    ----------
    folder
        The folder.
    scratch
        Where it is swept away if this process is killed; on the same file system.
    """
    require_marked(folder)
    trash = scratch / f"{uuid4().hex}.tmp"
    with storage_errors(folder):
        scratch.mkdir(parents=True, exist_ok=True)
        folder.rename(trash)
    remove(trash)
