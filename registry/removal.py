"""All deletion of files: only files that mlip-hub made, and never through a link.

A folder in which we delete files of other processes contains `MARKER_NAME`, written when we made
the folder. Everything else that is deleted was made by the same process.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from registry.errors import StorageError
from registry.files import storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKER_NAME = ".mlip-hub"
SCRATCH = "parts"  # in a store: unfinished files
# The names that `registry.files` gives to unfinished files.
TEMPORARY = re.compile(r"[0-9a-f]{32}\.tmp")

_SCRATCH_NAMES = re.compile(
    r"[0-9a-f]{32}\.tmp|[0-9a-f]{64}\.part|sources-of-[a-z0-9._-]+"
    r"|[a-z]+-[a-z0-9._-]+-\d+\.\d+\.\d+"  # work in progress of a command that can be resumed
)
_MARKER_TEXT = b"This folder and what is in it were made by mlip-hub, which may delete it.\n"


def is_real_directory(path: Path) -> bool:
    """Whether `path` is a directory and not a link to one."""
    with suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def is_real_file(path: Path) -> bool:
    """Whether `path` is a regular file and not a link, pipe or device."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def remove(path: Path) -> None:
    """Remove a file, a link (not its target) or a folder with its content.

    Use only for files made by this process or yielded by `entries`.
    """
    with storage_errors(path), suppress(FileNotFoundError):
        if is_real_directory(path):
            from shutil import rmtree  # slow to import

            rmtree(path)  # it does not follow links either
        else:
            path.unlink()


def entries(folder: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    """Yield the files and folders (not links) in a real folder whose names match a pattern."""
    if not is_real_directory(folder):
        return
    with storage_errors(folder), suppress(FileNotFoundError), os.scandir(folder) as found:
        names = sorted(each.name for each in found if not each.is_symlink())
    for name in names:
        if pattern.fullmatch(name):
            yield folder / name


def is_marked(folder: Path) -> bool:
    """Whether `folder` is not a link and contains our marker."""
    return is_real_directory(folder) and is_real_file(folder / MARKER_NAME)


def mark(folder: Path) -> None:
    """Put our marker into a folder that we made."""
    with storage_errors(folder), suppress(FileExistsError):
        descriptor = os.open(folder / MARKER_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MARKER_TEXT)


def require_marked(folder: Path) -> None:
    """Raise `StorageError` unless `folder` contains our marker."""
    if not is_marked(folder):
        raise StorageError(
            f"{folder} does not contain the marker {MARKER_NAME}, so nothing in it is deleted",
            "It was not made by mlip-hub, or is a link. Give the folder itself.",
        )


def changed(path: Path) -> float:
    """Return when a file, or anything in a folder, was last changed: s, by the disk's clock."""
    newest = path.lstat().st_mtime
    if is_real_directory(path):
        for folder, _, files in os.walk(path):
            names = [folder, *(os.path.join(folder, name) for name in files)]  # noqa: PTH118
            newest = max([newest, *(os.lstat(name).st_mtime for name in names)])
    return newest


def now(folder: Path) -> float:
    """Return the time by the clock of the disk, in s: the clock of this machine may differ."""
    path = folder / f"{uuid4().hex}.tmp"
    with storage_errors(path):
        path.touch()
        try:
            return path.stat().st_mtime
        finally:
            path.unlink(missing_ok=True)


def sweep(root: Path, older_than: float) -> None:
    """Remove the leftovers of killed processes from the scratch folder of a store.

    Parameters
    ----------
    root
        The store. Nothing is done unless it contains our marker.
    older_than
        Minimum age in seconds, which files in use do not reach.
    """
    if not is_marked(root):
        return
    found = list(entries(root / SCRATCH, _SCRATCH_NAMES))
    latest = now(root / SCRATCH) - older_than if found else 0.0
    for path in found:
        # Another process may finish it in the meantime.
        with storage_errors(path), suppress(FileNotFoundError):
            if changed(path) <= latest:
                remove(path)


def in_the_way(path: Path, what: str) -> StorageError:
    """Return the error for something not made by us in a place that we would use."""
    return StorageError(
        f"{path} {what}: mlip-hub neither uses nor removes it",
        "Move it elsewhere, or choose another location.",
    )


def claim(folder: Path, ours: re.Pattern[str] | None = None) -> bool:
    """Make a folder with our marker, or take over an existing one; return whether it was made.

    Parameters
    ----------
    folder
        The folder; its parents are made, too.
    ours
        As for `take_over`.

    Raises
    ------
    StorageError
        Like `take_over`, or if it cannot be made.
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
    """Put our marker into a folder if it is empty or was made by an older release.

    Nothing is done if there is no folder.

    Parameters
    ----------
    folder
        The folder.
    ours
        The names of files written by an older release, which left no markers; if not given, the
        folder must be empty.

    Raises
    ------
    StorageError
        If it is a link, or has no marker and contains anything else.
    """
    if not os.path.lexists(folder) or is_marked(folder):
        return
    if not is_real_directory(folder):
        raise in_the_way(folder, "is a link or not a folder")
    with storage_errors(folder), os.scandir(folder) as found:
        others = [
            each.name
            for each in found
            if ours is None or each.is_symlink() or not ours.fullmatch(each.name)
        ]
    if others:
        raise in_the_way(folder, f"was not made by mlip-hub (it contains {min(others)})")
    mark(folder)


def discard(path: Path, marked: Path) -> None:
    """Remove a file or folder that we made, if it exists.

    Parameters
    ----------
    path
        The file or folder to remove.
    marked
        The folder whose marker says that we made it.

    Raises
    ------
    StorageError
        If that folder has no marker, or `path` is neither a file nor a folder.
    """
    require_marked(marked)
    if not os.path.lexists(path):
        return
    if not (is_real_directory(path) or is_real_file(path)):
        raise in_the_way(path, "is a link, or neither a file nor a folder")
    remove(path)


def retire(folder: Path, scratch: Path) -> None:
    """Remove a folder with our marker; move it away first, so that no part of it is used.

    Parameters
    ----------
    folder
        The folder.
    scratch
        Folder on the same file system from which it is swept later if this process is killed.
    """
    require_marked(folder)
    trash = scratch / f"{uuid4().hex}.tmp"
    with storage_errors(folder):
        scratch.mkdir(parents=True, exist_ok=True)
        folder.rename(trash)
    remove(trash)
