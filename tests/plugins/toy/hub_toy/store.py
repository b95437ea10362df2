"""Registries whose files all lie in one folder, under quoted names; written without any of ours."""

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from filelock import FileLock

from registry.errors import IntegrityError, NotFoundError
from registry.stores.base import Stream


class FlatStore:
    """Keep a registry at ``toy:///absolute/path``."""

    def __init__(self, location, *, offline=False):
        self.location = location
        self.root = Path(urlsplit(location).path)

    def _file(self, path):
        return self.root / quote(path, safe="")

    def open(self, path, start=0):
        """Open a file."""
        try:
            file = self._file(path).open("rb")
        except FileNotFoundError as problem:
            raise NotFoundError(f"there is no {path} in {self.location}") from problem
        file.seek(start)
        return Stream(file, start, self._file(path).stat().st_size)

    def put_file(self, path, source, entry, sent=None):
        """Keep a copy of a file."""
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        if digest != entry.sha256:
            raise IntegrityError(f"{source} has changed")
        return self.put_bytes(path, source.read_bytes())

    def put_bytes(self, path, data):
        """Keep bytes."""
        target = self._file(path)
        if target.is_file() and target.read_bytes() == data:
            return False
        handle, temporary = tempfile.mkstemp(dir=self.root, prefix="~")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        shutil.move(temporary, target)
        return True

    def swap(self, path, data, expected):
        """Replace what is expected."""
        with self.locked("swap"):
            target = self._file(path)
            if (target.read_bytes() if target.is_file() else None) != expected:
                return False
            self.put_bytes(path, data)
            return True

    def holds(self, path, entry):
        """Whether a file is there."""
        return self._file(path).is_file() and self._file(path).stat().st_size == entry.size

    def list(self, prefix):
        """Return paths."""
        paths = (unquote(path.name) for path in self.root.glob("*"))
        return sorted(path for path in paths if path.startswith(f"{prefix}/"))

    def claim(self):
        """Make the folder."""
        self.root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def locked(self, name):
        """Keep others out."""
        with FileLock(self.root / f"~{name}.lock"):
            yield

    def sweep(self):
        """Leave nothing."""
