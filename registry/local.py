"""The local store: a registry of one's own, and a cache of versions of all the others.

Beside the layout that every registry has it keeps

    origins/<registry>-<8 hex>.json       which versions of that registry are here: an index like
    origins/<registry>-<8 hex>/           that of a registry, with a page a name
    versions/<name>/<version>-<12 hex>/   plain directories of files, for programs to read
    partial/<digest>                      marks a version of which only some files were pulled
    parts/  locks/                        content on its way, and who is at work
    set-aside/                            damaged pages of an index that were replaced
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.blobs import Blobs
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
from registry.registry import INDEX_LOCK, damaged_files
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
        The directory; it is made when something is first kept.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = DirectoryStore(root)
        self.blobs = Blobs(root)
        self.own = OwnRegistry(LOCAL, self.files)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep `alone` out while something is pulled or published."""
        try:
            self.files.claim()
        except StorageError:
            logger.debug("%s cannot be written", self.root)
        with in_use(self.root / "locks" / "use.lock"):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nothing is pulled or published, and keep all others out.

        Raises
        ------
        StorageError
            If the directory is not one that we made.
        """

        def waiting() -> None:
            logger.warning("waiting for a pull or publish that is under way in %s", self.root)

        self.files.claim()
        # The root may be a link that its owner chose; what is in it may not.
        require_marked(self.root.resolve())
        with alone(self.root / "locks" / "use.lock", waiting):
            yield

    def index(self, key: str = LOCAL) -> LocalIndex:
        """Return the index of what was published here, or of what is here of an origin."""
        return LocalIndex(self.own, self.files, key)

    def indexes(self) -> list[LocalIndex]:
        """Return all of them, that of this machine's own registry first."""
        return [self.index(key) for key in keys(self.files)]

    def record(
        self, origin: Origin, data: bytes, alias: str = "", *, replace: bool = False
    ) -> None:
        """Note that a version of an origin is here, all of whose blobs are.

        Parameters
        ----------
        origin
            Where the version came from.
        data
            The bytes of its manifest.
        alias
            The alias that it was asked for by: from now on the cache answers that.
        replace
            Let it take the place of other content under the same version.

        Raises
        ------
        ExistsError
            If another content has this version already.
        """
        manifest, digest = parse_manifest(data), digest_of(data)
        aliases = {alias: manifest.version} if alias else {}

        def noted(entry: Entry | None) -> Entry | None:
            new = with_version(entry, manifest, digest, replace=replace).with_aliases(aliases)
            return None if new == entry else new

        index = self.index(origin.key)
        entry = index.entry(manifest.name)
        if entry and noted(entry) is None and self._has_manifest(digest):
            return  # Nothing to write: a cache that answers may well be read-only.
        self.files.put_bytes(manifest_path(digest), data)
        with self.files.locked(INDEX_LOCK):
            index.pages.upgrade()
        index.pages.change(manifest.name, noted)

    def forget_cached(self) -> None:
        """Forget every version that came from elsewhere."""
        for index in self.indexes():
            if index.key != LOCAL:
                write_list(index.pages, self.files, set())
                for page in entries(self.root / ORIGINS / index.key, _PAGE):
                    remove(page)

    def directory(self, version: Version) -> Path:
        """Return where the plain directory of a version is, or would be."""
        manifest = version.manifest
        return self.root / "versions" / manifest.name / f"{manifest.version}-{version.digest[:12]}"

    def holds(self, version: Version) -> bool:
        """Whether all blobs of a version are here, by their sizes."""
        return all(self.blobs.has(entry) for entry in version.manifest.files)

    def is_partial(self, digest: str) -> bool:
        """Whether only some files of a version were asked for so far."""
        return self._partial_mark(digest).exists()

    def mark_partial(self, digest: str) -> None:
        """Note that the files of a version which are not here were never asked for."""
        if not self.is_partial(digest):
            write_atomically(self._partial_mark(digest), b"", self.files.parts)

    def mark_whole(self, digest: str) -> None:
        """Note that all files of a version were asked for."""
        with storage_errors(self._partial_mark(digest)):
            self._partial_mark(digest).unlink(missing_ok=True)

    def check_out(self, version: Version, files: Sequence[FileEntry] | None = None) -> Path:
        """Return the plain directory of a version, its files hashed.

        Parameters
        ----------
        version
            Whose directory.
        files
            Those that are needed; all by default. Others are in the directory if they are here.

        Raises
        ------
        DamagedBlobError
            If blobs are damaged; they are dropped, to be fetched again.
        StorageError
            If somebody has put a link where the directory is to be.
        """
        directory = self.directory(version)
        needed = version.manifest.files if files is None else files
        if damaged_files(directory, needed):
            require_real_way(directory, self.root)
            with self.files.locked(f"version-{version.digest}"):
                # Another process may have made it while we waited.
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
