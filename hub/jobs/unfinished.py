"""What is being made: one process holds its folder, and the next one resumes after a kill."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import to_builtins

from hub.errors import JobError
from registry.documents import damage, fit, parse_json, read_bounded
from registry.errors import ExistsError
from registry.files import locked
from registry.outputs import write_file
from registry.removal import TEMPORARY, claim, discard, retire, take_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from registry.errors import RegistryError
    from registry.local import LocalStore

_Settings = TypeVar("_Settings")


@contextmanager
def held(lock: Path, refusal: RegistryError) -> Iterator[None]:
    """Hold a lock for this process; the system frees it if the process dies.

    Parameters
    ----------
    lock
        The file.
    refusal
        Raised if another process holds it.
    """
    asked = False

    def waiting() -> None:
        """Give up when it is called a second time: the lock was not free at once."""
        nonlocal asked
        if asked:
            raise refusal
        asked = True

    with locked(lock, waiting):
        yield


def being_written(what: str) -> ExistsError:
    """Return the error for something that another process is writing."""
    return ExistsError(
        f"another process is writing {what}", "Wait until it has finished, or stop it."
    )


class Unfinished:
    """The folder in which something is made, with the settings by which it was begun.

    Parameters
    ----------
    folder
        The folder; it need not exist.
    what
        What is made, in words.
    settings
        The name of the file with the settings.
    content
        The names of what else is put there.
    """

    def __init__(self, folder: Path, what: str, settings: str, content: str) -> None:
        self.folder = folder
        self._what = what
        self._settings = folder / settings
        self._ours = re.compile(rf"{re.escape(settings)}|{content}|{TEMPORARY.pattern}")

    @contextmanager
    def held(self, local: LocalStore) -> Iterator[None]:
        """Hold the folder for this process.

        Raises
        ------
        ExistsError
            If another process holds it.
        StorageError
            If there is something that we did not make.
        """
        lock = local.root / "locks" / f"{self.folder.parent.name}-{self.folder.name}"
        with held(lock, being_written(self._what)):
            take_over(self.folder, self._ours)
            yield

    def begun(self, kind: type[_Settings], *, resume: bool) -> _Settings | None:
        """Return the settings by which it was begun; None if it was not.

        Raises
        ------
        ExistsError
            If it was begun, but is not to be resumed.
        JobError
            If the file is damaged.
        """
        if not self._settings.exists():
            return None
        if not resume:
            raise ExistsError(
                f"{self._what} are not finished, in {self.folder}",
                "Go on with --resume, or remove that folder.",
            )
        with damage(self._settings, JobError, f"Remove {self.folder}, and start again."):
            return fit(parse_json(read_bounded(self._settings)), kind)

    def require_same(self, begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Refuse to resume by other settings than those by which it was begun.

        Raises
        ------
        JobError
            If they differ.
        """
        as_json = json.loads(json.dumps(now))
        differ = [key for key in as_json if begun.get(key) != as_json[key]]
        if differ:
            raise JobError(
                f"{self._what} were begun with another {' and '.join(differ)}",
                f"Give what was given then, with the same versions installed, or remove "
                f"{self.folder}.",
            )

    def begin(self, settings: Any) -> None:
        """Make the folder, and note the settings, as JSON."""
        claim(self.folder, self._ours)
        write_file(self._settings, json.dumps(to_builtins(settings)).encode())

    def abandon(self) -> None:
        """Remove the folder with all that is in it."""
        discard(self.folder, self.folder)

    def retire(self, local: LocalStore) -> None:
        """Remove the folder when what was made has come to its place."""
        retire(self.folder, local.files.parts)
