"""The local store: the user's own registry, and a cache of versions from all others.

In addition to the layout of every registry it contains

    origins/<registry>-<8 hex>.json       the cached versions of that registry: an index like that
    origins/<registry>-<8 hex>/           of a registry, with one page per name
    versions/<name>/<version>-<12 hex>/   plain directories of files, for programs to read
    partial/<digest>                      marks a version of which only some files were pulled
    parts/  locks/                        unfinished downloads, and locks
    set-aside/                            corrupted pages of an index that were replaced
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.blobs import Blobs
from registry.content import damaged_files
from registry.documents import digest_of
from registry.errors import IntegrityError, StorageError
from registry.files import storage_errors, write_atomically
from registry.index import with_version
from registry.local_index import ORIGINS, LocalIndex, OwnRegistry, keys
from registry.lock import alone, in_use
from registry.manifest import parse_manifest
from registry.mending import write_list
from registry.origins import LOCAL
from registry.outputs import require_real_way
from registry.registry import INDEX_LOCK
from registry.removal import entries, remove, require_marked
from registry.stores.base import manifest_path
from registry.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from registry.index import Entry
    from registry.manifest import FileEntry
    from registry.origins import Origin
    from registry.versions import Version

_PAGE = re.compile(r"[a-z0-9][a-z0-9._-]*\.json")

logger = logging.getLogger(__name__)


class LocalStore:
    """Everything kept on this machine.

    Parameters
    ----------
    root
        The directory; created when something is first stored.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = DirectoryStore(root)
        self.blobs = Blobs(root)
        self.own = OwnRegistry(LOCAL, self.files)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Block `alone` while something is pulled or published."""
        try:
            self.files.claim()
        except StorageError:
            logger.debug("%s cannot be written", self.root)
        with in_use(self.root / "locks" / "use.lock"):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nothing is being pulled or published, and block all others.

        Raises
        ------
        StorageError
            If the directory was not made by mlip-hub.
        """

        def waiting() -> None:
            logger.warning("waiting for a running pull or publish in %s", self.root)

        self.files.claim()
        # The root may be a link that its owner chose; links inside it are refused.
        require_marked(self.root.resolve())
        with alone(self.root / "locks" / "use.lock", waiting):
            yield

    def index(self, key: str = LOCAL) -> LocalIndex:
        """Return the index of the user's own registry, or of the cached versions of an origin."""
        return LocalIndex(self.own, self.files, key)

    def indexes(self) -> list[LocalIndex]:
        """Return all indexes, that of the user's own registry first."""
        return [self.index(key) for key in keys(self.files)]

    def record(
        self, origin: Origin, data: bytes, alias: str = "", *, replace: bool = False
    ) -> None:
        """Record that a version of an origin, with all its blobs, is on this machine.

        Parameters
        ----------
        origin
            Where the version came from.
        data
            The bytes of its manifest.
        alias
            The alias under which it was requested: from now on the cache resolves it.
        replace
            Replace different content under the same version.

        Raises
        ------
        ExistsError
            If the version already exists with different content.
        """
        manifest, digest = parse_manifest(data), digest_of(data)
        aliases = {alias: manifest.version} if alias else {}

        def noted(entry: Entry | None) -> Entry | None:
            new = with_version(entry, manifest, digest, replace=replace).with_aliases(aliases)
            return None if new == entry else new

        index = self.index(origin.key)
        entry = index.entry(manifest.name)
        if entry and noted(entry) is None and self._has_manifest(digest):
            return  # Nothing to write, so that a read-only cache works.
        self.files.put_bytes(manifest_path(digest), data)
        with self.files.locked(INDEX_LOCK):
            index.pages.upgrade()
        index.pages.change(manifest.name, noted)

    def forget_cached(self) -> None:
        """Forget every version that came from another registry."""
        for index in self.indexes():
            if index.key != LOCAL:
                write_list(index.pages, self.files, set)
                for page in entries(self.root / ORIGINS / index.key, _PAGE):
                    remove(page)

    def directory(self, version: Version) -> Path:
        """Return the path of a version's plain directory, whether it exists or not."""
        manifest = version.manifest
        return self.root / "versions" / manifest.name / f"{manifest.version}-{version.digest[:12]}"

    def holds(self, version: Version) -> bool:
        """Whether all blobs of a version are present, judged by their sizes."""
        return all(self.blobs.has(entry) for entry in version.manifest.files)

    def is_partial(self, digest: str) -> bool:
        """Whether only some files of a version have been pulled so far."""
        return self._partial_mark(digest).exists()

    def mark_partial(self, digest: str) -> None:
        """Record that the missing files of a version were never requested."""
        if not self.is_partial(digest):
            write_atomically(self._partial_mark(digest), b"", self.files.parts)

    def mark_whole(self, digest: str) -> None:
        """Record that all files of a version were requested."""
        with storage_errors(self._partial_mark(digest)):
            self._partial_mark(digest).unlink(missing_ok=True)

    def check_out(self, version: Version, files: Sequence[FileEntry] | None = None) -> Path:
        """Return the plain directory of a version with its files verified.

        Parameters
        ----------
        version
            The version.
        files
            The files needed; all by default. Other files are included if they are present.

        Raises
        ------
        DamagedBlobError
            If blobs are corrupted; they are removed so that they are fetched again.
        StorageError
            If there is a link in the place of the directory.
        """
        directory = self.directory(version)
        needed = version.manifest.files if files is None else files
        if damaged_files(directory, needed):
            require_real_way(directory, self.root)
            with self.files.locked(f"version-{version.digest}"):
                # Another process may have made it in the meantime.
                if damaged_files(directory, needed):
                    here = [entry for entry in version.manifest.files if self.blobs.has(entry)]
                    self.blobs.check_out(sorted({*needed, *here}), directory, link=True)
        return directory

    def _has_manifest(self, digest: str) -> bool:
        try:
            return bool(self.own.manifest_bytes(digest))
        except IntegrityError:
            return False

    def _partial_mark(self, digest: str) -> Path:
        return self.root / "partial" / digest
