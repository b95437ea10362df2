"""A registry: a store in the registry layout, under the name that a person gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.documents import canonical_json, digest_of, parse_document
from registry.errors import ExistsError, IntegrityError, NotFoundError, OfflineError, StorageError
from registry.files import is_intact, sha256_of, storage_errors
from registry.index import Index, parse_index
from registry.manifest import FileEntry, Manifest, Parent
from registry.references import LATEST
from registry.stores.base import INDEX, MARKER, blob_path, manifest_path
from registry.stores.directory import DirectoryStore
from registry.transfer import fetch, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from registry.blobs import Blobs
    from registry.stores.base import Store, WritableStore
    from registry.transfer import Progress

FORMAT = 1
INDEX_LOCK = "index"


def describe_directory(
    directory: Path,
    name: str,
    version: str,
    *,
    kind: str,
    metadata: dict[str, Any],
    parents: Sequence[Parent] = (),
    licence: str = "",
) -> Manifest:
    """Return the manifest of the files in a directory, as they are now."""
    with storage_errors(directory):
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        files = tuple(
            FileEntry(path.relative_to(directory).as_posix(), path.stat().st_size, sha256_of(path))
            for path in paths
        )
    if not files:
        raise NotFoundError(f"there are no files in {directory}")
    return Manifest(kind, name, version, files, metadata, tuple(parents), licence)


class Registry:
    """The names, versions and bytes that one store holds.

    Parameters
    ----------
    name
        What it is called here.
    store
        Where it is kept.
    """

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self.store = store

    @property
    def location(self) -> str:
        """Where it is kept."""
        return self.store.location

    def index(self) -> Index:
        """Read what the registry holds.

        Raises
        ------
        OfflineError
            If it cannot be reached, or there is no registry.
        IntegrityError
            If its files are malformed.
        IncompatibleError
            If a newer release made it.
        """
        try:
            marker, index = read(self.store, MARKER), read(self.store, INDEX)
        except NotFoundError as problem:
            raise OfflineError(
                f"there is no registry at {self.location}",
                "Check the address, and whether the disk is mounted.",
            ) from problem
        parse_document(marker, f"{MARKER} of {self.location}", FORMAT)
        return parse_index(index)

    def manifest_bytes(self, digest: str) -> bytes:
        """Read the manifest with this digest, and hash it.

        Raises
        ------
        IntegrityError
            If it is missing, or not what the index promises.
        """
        try:
            data = read(self.store, manifest_path(digest))
        except NotFoundError as problem:
            raise IntegrityError(
                f"the registry at {self.location} lacks a manifest that its index lists: {digest}",
                "Tell whoever keeps the registry.",
            ) from problem
        if digest_of(data) != digest:
            raise IntegrityError(
                f"the manifest {digest} of {self.location} is damaged",
                "Try again; if it stays, tell whoever keeps the registry.",
            )
        return data

    def fetch(
        self, entries: Sequence[FileEntry], blobs: Blobs, progress: Progress | None = None
    ) -> None:
        """Bring the content of files into the blobs, whatever of it is not there yet.

        Raises
        ------
        NotFoundError, OfflineError, IntegrityError, StorageError
            As `registry.transfer.fetch` does.
        """
        files = [(blob_path(entry.sha256), entry) for entry in entries]
        fetch(self.store, files, blobs, progress)

    def publish(self, directory: Path, manifest: Manifest) -> str:
        """Add a version, and return its digest.

        Blobs come first, the index last: whoever kills this leaves nothing that anybody sees.

        Raises
        ------
        ExistsError
            If the registry has this version.
        StorageError
            If the registry cannot be written.
        """
        store = self.writable()
        self.begin()
        self.refuse_existing(manifest.name, manifest.version)
        digest = put_content(store, directory, manifest)
        with store.locked(INDEX_LOCK):
            index = self.refuse_existing(manifest.name, manifest.version)
            index.add(manifest, digest)
            entry = index.entries[manifest.name]
            entry.aliases[LATEST] = entry.newest
            store.put_bytes(INDEX, index.to_bytes())
        store.sweep()
        return digest

    def writable(self) -> WritableStore:
        """Return the store to publish to.

        Raises
        ------
        StorageError
            If the registry can only be read.
        """
        if not isinstance(self.store, DirectoryStore):
            raise StorageError(
                f"{self.location} can be read only",
                "Publish to the directory that it is served from.",
            )
        return self.store

    def begin(self) -> None:
        """Make the store a registry, which holds nothing, if it is none yet."""
        store = self.writable()
        with store.locked(INDEX_LOCK):
            try:
                read(store, MARKER)
            except NotFoundError:
                # The marker comes last: until then there is no registry.
                store.put_bytes(INDEX, Index().to_bytes())
                marker = canonical_json({"format": FORMAT, "name": self.name})
                store.put_bytes(MARKER, marker)

    def refuse_existing(self, name: str, version: str) -> Index:
        """Return the index, or raise `ExistsError` if it has this version."""
        index = self._index_so_far()
        entry = index.entries.get(name)
        if entry and version in entry.versions:
            raise ExistsError(
                f"{name}@{version} exists already in {self.name} ({self.location})",
                f"A version never changes. Publish as one above {entry.newest}.",
            )
        return index

    def _index_so_far(self) -> Index:
        """Return the index; an empty one where nothing has been published yet."""
        try:
            read(self.store, MARKER)
        except NotFoundError:
            return Index()
        return self.index()


def put_content(store: WritableStore, directory: Path, manifest: Manifest) -> str:
    """Keep the files of a directory and their manifest in a store; return the digest.

    Nothing points at them until an index does.
    """
    data = manifest.to_bytes()
    digest = digest_of(data)
    for entry in manifest.files:
        store.put_file(blob_path(entry.sha256), directory / entry.path, entry)
    store.put_bytes(manifest_path(digest), data)
    return digest


def damaged_files(directory: Path, files: Iterable[FileEntry]) -> list[str]:
    """Return the paths of those files that are missing from a directory, or wrong there."""
    return [entry.path for entry in files if not is_intact(directory / entry.path, entry)]
