"""A registry: a store in the registry layout, under the name that the user gave it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from registry.content import put_files
from registry.documents import canonical_json, digest_of, parse_document
from registry.download import read
from registry.errors import (
    DamagedRegistryError,
    ExistsError,
    IncompatibleError,
    IntegrityError,
    NotFoundError,
    OfflineError,
)
from registry.index import with_version
from registry.manifest import parse_manifest
from registry.pages import Pages, swap_until_done
from registry.references import LATEST
from registry.stores.base import (
    INDEX,
    MARKER,
    as_writable,
    blob_path,
    manifest_path,
    writable,
)
from registry.transfer import fetch
from registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from registry.blobs import Blobs
    from registry.download import Progress, Retries
    from registry.index import Entry
    from registry.manifest import FileEntry, Manifest
    from registry.stores.base import Store, WritableStore

FORMAT = 2
INDEX_LOCK = "index"  # held by releases that write format 1 while they write

Found = TypeVar("Found")

# Keeps the content of files, calls what it is given with the bytes that are there, and returns
# whether anything had to be written.
Put = Callable[["Sequence[FileEntry]", "Progress | None"], bool]


class Registry:
    """The names, versions and bytes in one store.

    Parameters
    ----------
    name
        Its name on this machine.
    store
        The store that contains it.
    """

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self.store = store
        self.pages = Pages(store, INDEX, required=True)

    @property
    def location(self) -> str:
        """The location of its store."""
        return self.store.location

    def format(self, retries: Retries | None = None) -> int:
        """Return the format of the registry.

        Raises
        ------
        OfflineError
            If it cannot be reached, or there is no registry.
        DamagedRegistryError
            If its marker is corrupted, or missing although it has an index.
        IncompatibleError
            If a newer release made it.
        """
        marker = self._marker(retries)
        if marker is None and self._holds_content():
            # A process that created it in the meantime wrote the marker before any content.
            marker = self._marker(retries)
            if marker is None:
                raise self.damaged(f"{MARKER} is missing")
        if marker is None:
            raise OfflineError(
                f"no registry found at {self.location}",
                "Check the address, and whether the disk is mounted.",
            )
        step: int = self._checked(
            lambda: parse_document(marker, f"{self.location}/{MARKER}", FORMAT)["format"]
        )
        return step

    def names(self) -> set[str]:
        """Return all names; raises like `format`."""
        self.format()
        return self._checked(self.pages.names)

    def entry(self, name: str, retries: Retries | None = None) -> Entry | None:
        """Return the entry of a name, or None; raises like `format`."""
        self.format(retries)
        return self._checked(lambda: self.pages.entry(name))

    def entries(self, names: Iterable[str] | None = None) -> dict[str, Entry]:
        """Return the entries of these names, or of all; raises like `format`."""
        self.format()
        return self._checked(lambda: self.pages.entries(names))

    def version(self, name: str, entry: Entry, number: str) -> Version:
        """Return a version that the index lists, with its manifest verified against the index.

        Raises
        ------
        IntegrityError
            If the manifest is missing or corrupted, or belongs to something else.
        """
        found = Version(self.manifest_bytes(entry.versions[number].digest), self.name)
        if not found.is_called(name, number, entry.kind):
            raise self.damaged(
                f"its index lists {found.manifest.name}@{found.manifest.version} "
                f"({found.manifest.kind}) as {name}@{number} ({entry.kind})"
            )
        return found

    def manifest_bytes(self, digest: str) -> bytes:
        """Read the manifest with this digest, and verify it.

        Raises
        ------
        IntegrityError
            If it is missing, or does not match its digest.
        """
        place = f"{self.location}/{manifest_path(digest)}"
        try:
            data = read(self.store, manifest_path(digest))
        except NotFoundError as problem:
            raise IntegrityError(
                f"the manifest {place}, which the index lists, is missing",
                "Inform the maintainer of the registry.",
            ) from problem
        if digest_of(data) != digest:
            raise IntegrityError(
                f"the manifest {place} is corrupted",
                "Try again; if the problem persists, inform the maintainer of the registry.",
            )
        return data

    def locate(self, version: Version) -> None:
        """Prepare to fetch files of a version; in a tree of files their place is known."""

    def fetch(
        self, entries: Sequence[FileEntry], blobs: Blobs, progress: Progress | None = None
    ) -> None:
        """Fetch the content of files that are not among the blobs yet.

        Raises
        ------
        NotFoundError, OfflineError, IntegrityError, StorageError
            Like `registry.transfer.fetch`.
        """
        files = [(blob_path(entry.sha256), entry) for entry in entries]
        fetch(self.store, files, blobs, progress)

    def publish(self, directory: Path, manifest: Manifest, progress: Progress | None = None) -> str:
        """Add a version, and return its digest; `progress` is called with the bytes sent.

        Blobs are written first and the page of the name last: if this is killed, nothing becomes
        visible. Publishing the same content again restores files that the registry has lost.

        Raises
        ------
        ExistsError
            If the registry already has this version, and it is intact.
        StorageError
            If the registry cannot be written.
        DamagedRegistryError
            If it must be repaired first.
        """
        store, data = self.writable(), manifest.to_bytes()
        put = partial(put_files, store, directory)
        if not self.add(data, put, progress):
            raise self.existing(manifest.name, manifest.version)
        return digest_of(data)

    def add(self, data: bytes, put: Put, progress: Progress | None = None) -> bool:
        """Add a version as `publish` does, and return whether anything of it was lacking.

        Parameters
        ----------
        data
            The bytes of its manifest.
        put
            Keeps the content of files in the store, whatever of it is not there yet, and returns
            whether anything had to be written.
        progress
            Called with the number of bytes as they are sent.
        """
        store = self.writable()
        self.begin()
        self.names()  # A list that cannot be read is told of before anything is done.
        manifest, digest = parse_manifest(data), digest_of(data)
        listed = self._listed(self.entry(manifest.name), manifest, digest)
        has_written = put(manifest.files, progress)
        has_written = store.put_bytes(manifest_path(digest), data) or has_written
        if listed:
            # Its publisher may have been killed before the name was in the list.
            return self.pages.add_names({manifest.name}) or has_written
        is_new = True

        def with_this(entry: Entry | None) -> Entry | None:
            nonlocal is_new
            # Somebody may have published the same in the meantime.
            is_new = not self._listed(entry, manifest, digest)
            if not is_new:
                return None
            # Somebody may have cleaned up what was there when we came to it.
            put([f for f in manifest.files if not store.holds(blob_path(f.sha256), f)], None)
            store.put_bytes(manifest_path(digest), data)
            new = with_version(entry, manifest, digest)
            return new.with_aliases({LATEST: new.newest})

        self.pages.change(manifest.name, with_this)
        store.sweep()
        return is_new

    def _listed(self, entry: Entry | None, manifest: Manifest, digest: str) -> bool:
        """Whether a version is listed already; raises `ExistsError` if other content is."""
        row = entry.versions.get(manifest.version) if entry else None
        if row and row.digest != digest:
            raise self.existing(manifest.name, manifest.version)
        return row is not None

    def writable(self) -> WritableStore:
        """Return the store to publish to; raises `StorageError` if it can only be read."""
        return writable(self.store)

    def begin(self) -> None:
        """Make the store an empty registry, unless it is one already.

        Raises
        ------
        DamagedRegistryError
            If it is a registry without a marker.
        IncompatibleError
            If it has format 1, which this release does not write.
        """
        store = self.writable()
        try:
            step = self.format()
        except OfflineError:
            store.claim()
            # The marker is written last: until then there is no registry.
            self.pages.add_names(set())
            self.write_marker(store)
            return
        if step < FORMAT:
            raise IncompatibleError(
                f"the registry {self.name} at {self.location} has format {step}, which this "
                "release can read but not write",
                f"Upgrade it to format {FORMAT}: hub registry repair {self.name}. Older releases "
                "then ask for an update.",
            )
        store.claim()

    def write_marker(self, store: WritableStore) -> None:
        """Mark the store as a registry of the current format."""
        marker = canonical_json({"format": FORMAT, "name": self.name})
        swap_until_done(store, MARKER, lambda _: marker)

    def damaged(self, what: str) -> DamagedRegistryError:
        """Return the error for a damaged registry."""
        return DamagedRegistryError(
            f"the registry {self.name} at {self.location} is damaged: {what}",
            f"Repair it as far as possible: hub registry repair {self.name} (deletes nothing).",
        )

    def existing(self, name: str, version: str) -> ExistsError:
        """Return the error for a version that already exists."""
        entry = self.entry(name)
        return ExistsError(
            f"{name}@{version} already exists in {self.name} ({self.location})",
            "Versions are immutable. Publish under a version above "
            f"{entry.newest if entry else version}.",
        )

    def _checked(self, look: Callable[[], Found]) -> Found:
        """Read the index; if it is damaged, say how to repair it."""
        try:
            return look()
        except IntegrityError as problem:
            raise self.damaged(problem.message) from problem

    def _marker(self, retries: Retries | None) -> bytes | None:
        try:
            return read(self.store, MARKER, retries)
        except NotFoundError:
            return None

    def _holds_content(self) -> bool:
        """Whether there is more than a process leaves if it dies while creating a registry."""
        if not self._checked(self.pages.is_empty):
            return True
        store = as_writable(self.store)
        return store is not None and any(map(store.list, (INDEX, "manifests", "blobs")))
