"""Write outputs atomically; replace only what mlip-hub made or was told to replace.

Outputs are written next to their destination under a temporary name and moved when complete.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from registry.files import replacing, storage_errors
from registry.removal import (
    claim,
    in_the_way,
    is_marked,
    is_real_directory,
    is_real_file,
    remove,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

# Linux constants: paths are relative to the working directory, and two names are exchanged.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def require_file(path: Path) -> None:
    """Raise `StorageError` unless `path` does not exist or is a regular file (not a link)."""
    if os.path.lexists(path) and not is_real_file(path):
        raise in_the_way(path, "is a link or not a regular file")


def require_folder(path: Path, ours: re.Pattern[str]) -> None:
    """Raise `StorageError` unless `path` does not exist or is a folder that we may replace.

    Parameters
    ----------
    path
        The folder.
    ours
        The names of our outputs: regular files; the folder may contain nothing else.
    """
    if not os.path.lexists(path):
        return
    if not is_real_directory(path):
        raise in_the_way(path, "is a link or not a folder")
    with storage_errors(path):
        for each in sorted(path.iterdir()):
            if not ours.fullmatch(each.name) or not is_real_file(each):
                raise in_the_way(each, "was not made by mlip-hub")


def require_free(folder: Path, names: Collection[str]) -> None:
    """Raise `StorageError` unless these files can be written without replacing foreign files.

    They may replace files of the same names in a folder that has our marker or contains only them.

    Parameters
    ----------
    folder
        The folder; it need not exist.
    names
        The names of the files.
    """
    if not os.path.lexists(folder) or is_marked(folder):
        return
    if not is_real_directory(folder):
        raise in_the_way(folder, "is a link or not a folder")
    there = {path.name for path in folder.iterdir()}
    if not there.issubset(names) and there.intersection(names):
        taken = folder / min(there.intersection(names))
        raise in_the_way(taken, "already exists, in a folder that was not made by mlip-hub")


def claim_outputs(folder: Path, names: Collection[str]) -> None:
    """Make a folder for files of these names; mark it as ours unless it contains other files.

    Raises
    ------
    StorageError
        Like `require_free`.
    """
    require_free(folder, names)
    if not is_real_directory(folder) or {path.name for path in folder.iterdir()}.issubset(names):
        claim(folder, re.compile("|".join(map(re.escape, names))))


def require_real_way(path: Path, root: Path) -> None:
    """Raise `StorageError` if `path`, or a folder between `root` and it, is a link."""
    for folder in (path, *path.parents):
        if folder == root:
            return
        if os.path.lexists(folder) and not is_real_directory(folder):
            raise in_the_way(folder, "is a link or not a folder")


@contextmanager
def file_beside(target: Path) -> Iterator[Path]:
    """Yield a new empty file to write; when the block succeeds it becomes `target`.

    Raises
    ------
    StorageError
        If `target` is a link or not a regular file, or cannot be written.
    """
    require_file(target)
    with replacing(target, target.parent) as temporary:
        yield temporary
        require_file(target)


def write_file(target: Path, data: bytes) -> None:
    """Write a small file atomically; raises like `file_beside`."""
    with file_beside(target) as temporary:
        temporary.write_bytes(data)


def require_tree(path: Path, names: Collection[str]) -> None:
    """Raise `StorageError` unless `path` does not exist, is empty, or is a tree of ours.

    Parameters
    ----------
    path
        The folder.
    names
        All that a tree of ours has at its top, with our marker.
    """
    if not os.path.lexists(path):
        return
    if not is_real_directory(path):
        raise in_the_way(path, "is a link or not a folder")
    with storage_errors(path), os.scandir(path) as found:
        there = {each.name for each in found}
    other = min(there.difference(names) if is_marked(path) else there, default="")
    if other:
        raise in_the_way(path, f"contains {other}, which is not part of such an output")


def settle_tree(part: Path, target: Path, names: Collection[str]) -> None:
    """Move a finished folder with our marker into place; either the old or the new one is left.

    Parameters
    ----------
    part
        The folder, on the same file system.
    target
        Its destination. An existing folder is removed if it is empty or a tree of ours.
    names
        As for `require_tree`.

    Raises
    ------
    StorageError
        If something else is there.
    """
    require_tree(target, names)
    with storage_errors(target):
        _move(part, target)


def settle_folder(part: Path, target: Path, ours: re.Pattern[str]) -> None:
    """Move a finished folder into place; if this is killed, either the old or the new one is left.

    Parameters
    ----------
    part
        The folder, on the same file system.
    target
        Its destination. An existing folder is removed if it is ours.
    ours
        As for `require_folder`.

    Raises
    ------
    StorageError
        If something else is there.
    """
    require_folder(target, ours)
    with storage_errors(target):
        for path in part.rglob("*"):
            if is_real_file(path):
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        _move(part, target)


def _move(part: Path, target: Path) -> None:
    """Rename a folder, and remove the one that it replaces."""
    if not is_real_directory(target):
        part.rename(target)
    elif _exchange(part, target):
        remove(part)
    else:
        old = target.with_name(f"{uuid4().hex}.tmp")
        target.rename(old)
        part.rename(target)
        remove(old)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names atomically; False if the system does not support it."""
    import ctypes

    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0)
