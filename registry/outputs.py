"""What is made goes to its place at once, and replaces nothing but what we made or were told to.

It is written beside its place, under a name that tells whose it is, and moved when it is whole.
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

# Of Linux: paths are relative to the working directory, and two names change places.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def require_file(path: Path) -> None:
    """Raise `StorageError` unless there is nothing at `path`, or a regular file, no link to one."""
    if os.path.lexists(path) and not is_real_file(path):
        raise in_the_way(path, "is a link, or no regular file")


def require_folder(path: Path, ours: re.Pattern[str]) -> None:
    """Raise `StorageError` unless there is nothing at `path`, or a folder that we may replace.

    Parameters
    ----------
    path
        The folder.
    ours
        The names of what we put there: regular files, and nothing beside them.
    """
    if not os.path.lexists(path):
        return
    if not is_real_directory(path):
        raise in_the_way(path, "is a link, or no folder")
    with storage_errors(path):
        for each in sorted(path.iterdir()):
            if not ours.fullmatch(each.name) or not is_real_file(each):
                raise in_the_way(each, "is not ours")


def require_free(folder: Path, names: Collection[str]) -> None:
    """Raise `StorageError` unless files of these names can be written without replacing others'.

    They may replace their like in a folder that carries our marker, or holds nothing else.

    Parameters
    ----------
    folder
        The folder; it need not exist.
    names
        Of the files.
    """
    if not os.path.lexists(folder) or is_marked(folder):
        return
    if not is_real_directory(folder):
        raise in_the_way(folder, "is a link, or no folder")
    there = {path.name for path in folder.iterdir()}
    if not there.issubset(names) and there.intersection(names):
        taken = folder / min(there.intersection(names))
        raise in_the_way(taken, "exists already, in a folder that is not ours")


def claim_outputs(folder: Path, names: Collection[str]) -> None:
    """Make a folder for files of these names; it becomes ours unless it holds something else.

    Raises
    ------
    StorageError
        As `require_free` does.
    """
    require_free(folder, names)
    if not is_real_directory(folder) or {path.name for path in folder.iterdir()}.issubset(names):
        claim(folder, re.compile("|".join(map(re.escape, names))))


def require_real_way(path: Path, root: Path) -> None:
    """Raise `StorageError` if a folder below `root`, on the way to `path` or it, is a link."""
    for folder in (path, *path.parents):
        if folder == root:
            return
        if os.path.lexists(folder) and not is_real_directory(folder):
            raise in_the_way(folder, "is a link, or no folder")


@contextmanager
def file_beside(target: Path) -> Iterator[Path]:
    """Give a new empty file to write; when the block ends well it becomes `target`.

    Raises
    ------
    StorageError
        If `target` is a link or no regular file, or cannot be written.
    """
    require_file(target)
    with replacing(target, target.parent) as temporary:
        yield temporary
        require_file(target)


def write_file(target: Path, data: bytes) -> None:
    """Write a small file whole or not at all; raises as `file_beside` does."""
    with file_beside(target) as temporary:
        temporary.write_bytes(data)


def settle_folder(part: Path, target: Path, ours: re.Pattern[str]) -> None:
    """Move a finished folder to its place; whoever kills this leaves the old one or the new one.

    Parameters
    ----------
    part
        The folder, on the same file system.
    target
        Its place. A folder that stands there is removed if it is ours.
    ours
        As for `require_folder`.

    Raises
    ------
    StorageError
        If something else stands there.
    """
    require_folder(target, ours)
    with storage_errors(target):
        for path in part.rglob("*"):
            if is_real_file(path):
                with path.open("rb") as file:
                    os.fsync(file.fileno())
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
    """Let two names change places in one step; False where the system cannot."""
    import ctypes

    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0)
