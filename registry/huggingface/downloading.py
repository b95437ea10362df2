"""Fetch files from the Hub into the local store, each verified by its sha256."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import IntegrityError
from registry.files import is_intact, scratch_directory, storage_errors
from registry.huggingface.repositories import ATTEMPTS
from registry.transfer import fetch_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.blobs import Blobs
    from registry.download import Progress
    from registry.huggingface.repositories import Repositories
    from registry.manifest import FileEntry


def fetch_from(
    repositories: Repositories,
    places: Mapping[str, tuple[str, str, str]],
    entries: Sequence[FileEntry],
    blobs: Blobs,
    progress: Progress | None = None,
) -> None:
    """Fetch the content of files that are not among the blobs yet.

    Parameters
    ----------
    repositories
        Where to read.
    places
        Name, commit and path for each sha256.
    entries
        The expected files.
    blobs
        Where to store the content.
    progress
        Called with the number of bytes as they arrive.

    Raises
    ------
    IntegrityError
        If the Hub sends other bytes than the manifest says; nothing of them is kept.
    RegistryError
        As `Client.ask`.
    """

    def receive(entry: FileEntry, part: Path, arrived: Callable[[int], None]) -> None:
        name, commit, path = places[entry.sha256]
        for _ in range(ATTEMPTS):
            with scratch_directory(part.parent) as folder:
                counted = _Counted(arrived)
                file = repositories.download(name, commit, path, folder, counted)
                if is_intact(file, entry):
                    with storage_errors(part):
                        file.replace(part)
                    return
        raise IntegrityError(
            f"{path} of {repositories.client.page(name)} is not what the manifest says: it should "
            f"be {entry.size} bytes with sha256 {entry.sha256[:12]}...",
            "It was discarded. Try again; if the problem persists, inform who published it.",
        )

    fetch_by(receive, entries, blobs, progress)


class _Counted:
    """Counts the bytes of one file: the client reports each piece."""

    def __init__(self, arrived: Callable[[int], None]) -> None:
        self.arrived = arrived
        self.so_far = 0

    def __call__(self, more: int) -> None:
        self.so_far += more
        self.arrived(self.so_far)
