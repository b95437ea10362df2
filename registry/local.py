"""The local store: a registry of one's own, and a cache of versions of all the others.

Beside the layout that every registry has it keeps

    origins/<registry>-<8 hex>.json       which versions of that registry are here
    versions/<name>/<version>-<12 hex>/   plain directories of files, for programs to read
    partial/<digest>                      marks a version of which only some files were pulled
    parts/  locks/                        content on its way, and who is fetching it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.blobs import Blobs
from registry.documents import digest_of
from registry.errors import IntegrityError
from registry.files import storage_errors, write_atomically
from registry.index import Index, parse_index
from registry.manifest import parse_manifest
from registry.registry import INDEX_LOCK, Registry, damaged_files
from registry.stores.base import MARKER, manifest_path
from registry.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.manifest import FileEntry, Manifest
    from registry.versions import Version

LOCAL = "local"
BUILTIN = "builtin"


@dataclass(frozen=True)
class Origin:
    """Where cached versions came from. A name that is given a new location is a new origin."""

    name: str
    location: str = ""

    @property
    def key(self) -> str:
        """What its file is called."""
        return f"{self.name}-{digest_of(self.location.encode())[:8]}"

    @classmethod
    def of(cls, registry: Registry) -> Origin:
        """Return a registry as an origin. The built-in one is the same wherever it is installed."""
        return BUILTIN_ORIGIN if registry.name == BUILTIN else cls(registry.name, registry.location)

    @staticmethod
    def name_of(key: str) -> str:
        """Return the name in a key."""
        return key.rpartition("-")[0]


BUILTIN_ORIGIN = Origin(BUILTIN)


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
        self.own = Registry(LOCAL, self.files)

    def own_index(self) -> Index:
        """Return the index of what was published on this machine."""
        return self.own.index() if (self.root / MARKER).exists() else Index()

    def cached_index(self, key: str) -> Index:
        """Return the index of those versions of an origin that are here."""
        path = self._origin_file(key)
        with storage_errors(path):
            return parse_index(path.read_bytes()) if path.exists() else Index()

    def origin_keys(self) -> list[str]:
        """Return the keys of all origins that versions are cached from."""
        return sorted(path.stem for path in self._origin_file("").parent.glob("*.json"))

    def indexes(self) -> list[tuple[str, Index]]:
        """Return the name of every origin with the index of its versions that are here."""
        cached = [(Origin.name_of(key), self.cached_index(key)) for key in self.origin_keys()]
        return [(LOCAL, self.own_index()), *cached]

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
        aliases = (alias,) if alias else ()
        if self._is_recorded(origin, manifest, digest, alias):
            return  # Nothing to write: a cache that answers may well be read-only.
        self.files.put_bytes(manifest_path(digest), data)
        with self.files.locked(INDEX_LOCK):
            index = self.cached_index(origin.key)
            if replace:
                index.remove(manifest.name, manifest.version)
            index.add(manifest, digest, aliases=aliases)
            write_atomically(self._origin_file(origin.key), index.to_bytes(), self.files.parts)

    def _is_recorded(self, origin: Origin, manifest: Manifest, digest: str, alias: str) -> bool:
        entry = self.cached_index(origin.key).entries.get(manifest.name)
        row = entry and entry.versions.get(manifest.version)
        if not entry or not row or row.digest != digest:
            return False
        if alias and entry.aliases.get(alias) != manifest.version:
            return False
        try:
            return self.own.manifest_bytes(digest) != b""
        except IntegrityError:
            return False

    def forget_cached(self) -> None:
        """Forget every version that came from elsewhere."""
        with self.files.locked(INDEX_LOCK):
            for key in self.origin_keys():
                with storage_errors(self._origin_file(key)):
                    self._origin_file(key).unlink(missing_ok=True)

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
        """
        directory = self.directory(version)
        needed = version.manifest.files if files is None else files
        if damaged_files(directory, needed):
            with self.files.locked(f"version-{version.digest}"):
                # Another process may have made it while we waited.
                if damaged_files(directory, needed):
                    here = [entry for entry in version.manifest.files if self.blobs.has(entry)]
                    self.blobs.check_out(sorted({*needed, *here}), directory, link=True)
        return directory

    def _partial_mark(self, digest: str) -> Path:
        return self.root / "partial" / digest

    def _origin_file(self, key: str) -> Path:
        return self.root / "origins" / f"{key}.json"
