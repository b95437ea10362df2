"""A folder kept in memory, so that a damaged one is replaced by a new one within milliseconds."""

from __future__ import annotations

import os
import shutil
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

# What was there before a fault looks old, so that pruning may take what nobody needs.
AGE = 3 * 24 * 3600.0


@dataclass
class Snapshot:
    """What is in a folder: files by path with their modes, hard links, and folders."""

    folders: list[str] = field(default_factory=list)
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)  # to another path in `files`

    @classmethod
    def of(cls, root: Path) -> Snapshot:
        """Read a folder that holds real files and folders only."""
        taken, inodes = cls(), dict[int, str]()
        for where, folders, names in os.walk(root):
            folders.sort()
            here = os.path.relpath(where, root)
            taken.folders.append(here)
            for name in sorted(names):
                path, status = Path(where, name), Path(where, name).lstat()
                relative = os.path.normpath(f"{here}/{name}")
                if status.st_nlink > 1 and status.st_ino in inodes:
                    taken.links[relative] = inodes[status.st_ino]
                    continue
                inodes[status.st_ino] = relative
                taken.files[relative] = (path.read_bytes(), stat.S_IMODE(status.st_mode))
        return taken

    def restore(self, root: Path) -> None:
        """Make a folder anew."""
        clear(root)
        then = time.time() - AGE
        for folder in self.folders:
            os.makedirs(f"{root}/{folder}", exist_ok=True)  # noqa: PTH103 - faster
        for name, (data, mode) in self.files.items():
            path = f"{root}/{name}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            os.write(descriptor, data)
            os.close(descriptor)
            os.utime(path, (then, then))
        for name, other in self.links.items():
            os.link(f"{root}/{other}", f"{root}/{name}")
        for folder in reversed(self.folders):
            os.utime(f"{root}/{folder}", (then, then))

    def data(self, path: str) -> bytes | None:
        """Return the bytes of a file; None where there was none."""
        found = self.files.get(self.links.get(path, path))
        return None if found is None else found[0]


def clear(root: Path) -> None:
    """Empty a folder of the run's own; it may be a place where a disk is mounted."""
    root.mkdir(parents=True, exist_ok=True)
    for path in root.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def fingerprint(root: Path) -> dict[str, object]:
    """Return what is in a folder, links as links, so that any change of it is seen."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)  # noqa: PTH115
        elif path.is_file():
            found[str(path)] = path.read_bytes()
        else:
            found[str(path)] = None
    return found
