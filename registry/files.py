"""Atomic file operations (temporary file, verify, rename), locks and links."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from registry.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedReader

    from registry.manifest import FileEntry

CHUNK = 1 << 20
READ_ONLY = 0o444
LOCK_POLL = 0.5
STALE_AFTER = 24 * 3600.0

_FICLONE = 0x40049409
_WRITABLE = "Use a directory that you can write to; HUB_CACHE sets the location of the cache."
_FULL = "Free some space. To move the cache to another disk, set HUB_CACHE."
_HINTS = {
    errno.ENOSPC: ("the disk is full", _FULL),
    errno.EDQUOT: ("the disk quota is exceeded", _FULL),
    errno.EROFS: ("the file system is read-only", _WRITABLE),
    errno.EACCES: ("permission denied", _WRITABLE),
    errno.EPERM: ("permission denied", _WRITABLE),
}
_OF_THE_TARGET = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn file system errors about `path` into a `StorageError`."""
    try:
        yield
    except OSError as problem:
        reason, hint = _HINTS.get(problem.errno or 0, (problem.strerror or str(problem), ""))
        # For a copy the system names the source, although the target has no space.
        blamed = path if problem.errno in _OF_THE_TARGET else problem.filename or path
        raise StorageError(f"cannot use {blamed}: {reason}", hint) from problem


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read its bytes; refuse anything that could block forever.

    Raises
    ------
    OSError
        Like `open`.
    StorageError
        If it is a pipe, a socket or a device.
    """

    def without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    file = open(path, "rb", opener=without_waiting)  # noqa: SIM115 - the caller's
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise StorageError(
            f"{path} is not a regular file but a pipe or a device",
            "Replace it with a regular file, or remove it.",
        )
    return file


def size_of(path: Path) -> int | None:
    """Return the size of a regular file in bytes, or None if there is none.

    The file is looked at once: another process may move or remove it at any moment.
    """
    with storage_errors(path), suppress(FileNotFoundError, NotADirectoryError):
        found = path.stat()
        return found.st_size if stat.S_ISREG(found.st_mode) else None
    return None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with storage_errors(path):
        return _sha256(path)


def is_intact(path: Path, entry: FileEntry) -> bool:
    """Whether the file at `path` has the size and the sha256 of `entry`."""
    if size_of(path) != entry.size:
        return False
    with storage_errors(path), suppress(FileNotFoundError):
        return _sha256(path) == entry.sha256
    return False


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(target: Path, scratch: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a new empty file to write; when the block succeeds it becomes `target`.

    Parameters
    ----------
    target
        The file to create or replace, atomically.
    scratch
        A directory on the same file system for the temporary file.
    mode
        Permissions of the file, before the umask.
    """
    temporary = scratch / f"{uuid4().hex}.tmp"
    with storage_errors(target):
        scratch.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        # The descriptor is opened for writing whatever permissions the file gets.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            yield temporary
            settle(temporary, target, mode)
        finally:
            temporary.unlink(missing_ok=True)


def settle(temporary: Path, target: Path, mode: int) -> None:
    """Move a finished file into place so that a power cut leaves either the old or the new one."""
    with storage_errors(target):
        temporary.chmod(temporary.stat().st_mode & mode)
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def write_atomically(target: Path, data: bytes, scratch: Path | None = None) -> None:
    """Write a small file atomically."""
    with replacing(target, scratch or target.parent) as temporary:
        temporary.write_bytes(data)


@contextmanager
def scratch_directory(parent: Path) -> Iterator[Path]:
    """Yield an empty directory, and remove it at the end if it still exists."""
    from shutil import rmtree  # slow to import

    directory = parent / f"{uuid4().hex}.tmp"
    with storage_errors(directory):
        directory.mkdir(parents=True)
        try:
            yield directory
        finally:
            rmtree(directory, ignore_errors=True)


def place(source: Path, target: Path, *, link: bool) -> bool:
    """Put the content of `source` at `target` as cheaply as the file system allows.

    A reflink if possible, else a hard link if `link` allows the two to share their bytes, else a
    copy. Files that may share bytes are read-only; the others belong to the user. Returns whether
    nothing was copied: then the bytes on the disk are those of `source`.
    """
    from shutil import copyfile  # slow to import

    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        is_cloned = _reflink(source, target)
        if not is_cloned:
            if link:
                with suppress(OSError):  # Another device, too many links, or no links at all.
                    target.hardlink_to(source)
                    return True
            copyfile(source, target)
        if link:
            target.chmod(target.stat().st_mode & READ_ONLY)
    return is_cloned


def _reflink(source: Path, target: Path) -> bool:
    """Share the blocks of `source` copy-on-write, if the file system supports it."""
    try:
        from fcntl import ioctl
    except ImportError:
        return False
    try:
        with source.open("rb") as original, target.open("xb") as clone:
            ioctl(clone.fileno(), _FICLONE, original.fileno())
    except OSError:
        target.unlink(missing_ok=True)
        return False
    return True


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock between processes and threads; the system releases it if the holder dies.

    `waiting` is called repeatedly until the lock is acquired, and may raise to give up.
    """
    from filelock import FileLock, Timeout

    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    while not lock.is_locked:
        waiting()
        with storage_errors(path), suppress(Timeout):
            lock.acquire(timeout=LOCK_POLL)
    try:
        yield
    finally:
        lock.release()


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, including links to files; do not follow links to folders.

    Raises
    ------
    StorageError
        If a folder cannot be listed. A folder that is removed in the meantime is skipped.
    """

    def refuse(problem: OSError) -> None:
        if not isinstance(problem, FileNotFoundError):
            raise problem

    with storage_errors(folder):
        for where, _, names in os.walk(folder, onerror=refuse):
            yield from (Path(where, name) for name in names)
