"""The folder of unfinished work: locked by one process, and resumed by the next after a kill."""

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
        """Give up on the second call: the lock was not free immediately."""
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
    """The folder of unfinished work, with the settings with which it was started.

    Parameters
    ----------
    folder
        The folder; it need not exist.
    what
        The work, in words.
    settings
        The name of the settings file.
    content
        Pattern of the names of all other files in it.
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
            If it contains something that we did not make.
        """
        lock = local.root / "locks" / f"{self.folder.parent.name}-{self.folder.name}"
        with held(lock, being_written(self._what)):
            take_over(self.folder, self._ours)
            yield

    def begun(self, kind: type[_Settings], *, resume: bool) -> _Settings | None:
        """Return the settings with which it was started; None if it was not.

        Raises
        ------
        ExistsError
            If it was started, but `resume` is not set.
        JobError
            If the file is corrupted.
        """
        if not self._settings.exists():
            return None
        if not resume:
            raise ExistsError(
                f"unfinished work on {self._what} already exists in {self.folder}",
                "Continue with --resume, or remove that folder.",
            )
        with damage(self._settings, JobError, f"Remove {self.folder}, and start again."):
            return fit(parse_json(read_bounded(self._settings)), kind)

    def require_same(self, begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Refuse to resume with settings that differ from those with which it was started.

        Raises
        ------
        JobError
            If they differ.
        """
        as_json = json.loads(json.dumps(now))
        differ = [key for key in as_json if begun.get(key) != as_json[key]]
        if differ:
            raise JobError(
                f"unfinished work on {self._what} was started with a different "
                f"{' and '.join(differ)}",
                f"Use the same options and the same installed versions as then, or remove "
                f"{self.folder}.",
            )

    def begin(self, settings: Any) -> None:
        """Make the folder, and save the settings as JSON."""
        claim(self.folder, self._ours)
        write_file(self._settings, json.dumps(to_builtins(settings)).encode())

    def abandon(self) -> None:
        """Remove the folder and its content."""
        discard(self.folder, self.folder)

    def retire(self, local: LocalStore) -> None:
        """Remove the folder after the result has been moved to its destination."""
        retire(self.folder, local.files.parts)
