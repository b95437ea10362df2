"""The files of a version: in a directory, and in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.documents import digest_of
from registry.errors import NotFoundError
from registry.files import files_below, is_intact, sha256_of, storage_errors
from registry.manifest import FileEntry, Manifest, Parent
from registry.stores.base import blob_path, manifest_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from registry.download import Progress
    from registry.manifest import Kind
    from registry.stores.base import WritableStore


def describe_directory(
    directory: Path,
    name: str,
    version: str,
    *,
    kind: Kind,
    metadata: dict[str, Any],
    parents: Sequence[Parent] = (),
    licence: str = "",
) -> Manifest:
    """Return a manifest of the files currently in a directory."""
    with storage_errors(directory):
        paths = sorted(path for path in files_below(directory) if path.is_file())
        files = tuple(
            FileEntry(path.relative_to(directory).as_posix(), path.stat().st_size, sha256_of(path))
            for path in paths
        )
    if not files:
        raise NotFoundError(f"{directory} contains no files")
    return Manifest(kind, name, version, files, metadata, tuple(parents), licence)


def put_content(store: WritableStore, directory: Path, manifest: Manifest) -> None:
    """Keep the files of a directory and their manifest in a store.

    Nothing points at them until an index does.
    """
    put_files(store, directory, manifest.files)
    data = manifest.to_bytes()
    store.put_bytes(manifest_path(digest_of(data)), data)


def put_files(
    store: WritableStore,
    directory: Path,
    files: Sequence[FileEntry],
    progress: Progress | None = None,
) -> bool:
    """Keep files of a directory in a store, and return whether any had to be written.

    `progress` is called with the number of bytes that are there.
    """
    total, before, has_written = sum(each.size for each in files), 0, False

    def note(done: int) -> None:
        if progress is not None:
            progress(before + done, total)

    for each in files:
        written = store.put_file(blob_path(each.sha256), directory / each.path, each, note)
        has_written = has_written or written
        note(each.size)
        before += each.size
    return has_written


def damaged_files(directory: Path, files: Iterable[FileEntry]) -> list[str]:
    """Return the paths of the files that are missing or corrupted in a directory."""
    return [entry.path for entry in files if not is_intact(directory / entry.path, entry)]
