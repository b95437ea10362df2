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

from registry.errors import StorageError
from registry.files import storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKER_NAME = ".mlip-hub"
SCRATCH = "parts"  # in a store: what is on its way

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


def require_no_link(path: Path, root: Path) -> None:
    """Raise `StorageError` if `path`, or a folder between `root` and it, is a link."""
    for each in (path, *path.parents):
        if each == root:
            return
        if each.is_symlink():
            raise StorageError(
                f"{each} is a link, which mlip-hub did not make, so nothing is replaced there",
                "Remove the link, or move what it points to into its place.",
            )


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
