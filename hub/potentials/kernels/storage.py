"""Keep compiled kernels in a folder of this user, whose size is bounded."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from hub.settings import kernel_cache
from registry.errors import StorageError
from registry.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

_DIGEST = hashlib.sha256().digest_size
_MOST_BYTES = 256 * 1024**2  # about a hundred networks
_TEMPORARY = ".tmp"  # the ending of what is being written
_ABANDONED_S = 3600.0  # a file is written in much less than this


def kernel_folder() -> Path | None:
    """Return the folder of compiled kernels, which only this user may read and write.

    Returns
    -------
    None if there is no such folder and none can be made, or if it belongs to someone else or is
    open to others: kernels are then compiled anew in each process, because code is never run that
    another user could have written.
    """
    try:
        folder = kernel_cache()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder if _is_private(folder) else None
    except (OSError, RuntimeError):  # no home folder
        return None


def read(folder: Path, key: str) -> bytes | None:
    """Return the code stored under a key, or None if there is none or it is damaged.

    Code that was stored under another key counts as damaged, too.
    """
    path = _path(folder, key)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:_DIGEST], content[_DIGEST:]
    if _digest(key, code) != digest:
        return None
    with suppress(OSError):
        os.utime(path)  # what was used last is removed last
    return code


def write(folder: Path, key: str, code: bytes) -> None:
    """Store code whole or not at all; if it cannot be stored, it is compiled again next time."""
    with suppress(OSError, StorageError):
        _remove_old(folder, _MOST_BYTES - len(code))
        with replacing(_path(folder, key), folder, mode=0o600) as temporary:
            temporary.write_bytes(_digest(key, code) + code)


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.o"


def _digest(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + code).digest()


def _is_private(folder: Path) -> bool:
    if sys.platform == "win32":  # profiles of users are closed to others
        return True
    found = folder.lstat()
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and stat.S_IMODE(found.st_mode) & 0o077 == 0
    )


def _remove_old(folder: Path, most_bytes: int) -> None:
    """Remove files that killed processes left, and the least recently used code above a size."""
    total, now = 0, time.time()
    for used, size, path in sorted(_files(folder), reverse=True):
        if path.suffix == _TEMPORARY:
            is_old = now - used > _ABANDONED_S
        else:
            total += size
            is_old = total > most_bytes
        if is_old:
            path.unlink(missing_ok=True)


def _files(folder: Path) -> list[tuple[float, int, Path]]:
    """Return time of last use, size and path of each file; others may be removing them, too."""
    found = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime, status.st_size, path))
    return found
