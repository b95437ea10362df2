"""Digests that this machine has seen, so that a substituted version is noticed.

One small file per location, name and version, outside the cache: it survives `hub cache prune` and
the deletion of the cache.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from registry.documents import digest_of, open_sealed, sealed
from registry.errors import IntegrityError, StorageError, SubstitutedError
from registry.files import write_atomically
from registry.removal import entries, is_real_file

if TYPE_CHECKING:
    from pathlib import Path

    from registry.index import Entry
    from registry.versions import Version

FORMAT = 1

logger = logging.getLogger(__name__)


class Seen:
    """The digests of versions that this machine has seen before.

    Parameters
    ----------
    folder
        Where they are stored; created when the first digest is recorded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def digest(self, location: str, name: str, version: str) -> str:
        """Return the digest seen for a version at a location; empty if it was never seen."""
        path = self._path(location, name, version)
        if not is_real_file(path):
            return ""
        try:
            content = open_sealed(path.read_bytes(), str(path), FORMAT)
        except (IntegrityError, OSError) as problem:
            logger.warning("%s cannot be read and is ignored: %s", path, problem)
            return ""
        digest = str(content.get("digest", ""))
        if content != _record(location, name, version, digest):
            logger.warning("%s belongs to another version and is ignored", path)
            return ""
        return digest

    def require_same(self, version: Version, location: str) -> None:
        """Refuse a version whose digest differs from the one seen before at its location.

        Raises
        ------
        SubstitutedError
            The message has both digests.
        """
        manifest = version.manifest
        before = self.digest(location, manifest.name, manifest.version)
        if before and before != version.digest:
            raise SubstitutedError(
                f"{version.reference} at {location} is not what this machine has seen there "
                f"before: its digest is sha256:{version.digest}, but was sha256:{before}",
                "Versions are immutable: ask the maintainer of the registry. If the new content "
                f"is right: hub pull {version.reference} --accept",
            )

    def note(self, version: Version, location: str) -> None:
        """Record a version's digest, replacing any other."""
        manifest = version.manifest
        content = _record(location, manifest.name, manifest.version, version.digest)
        path = self._path(location, manifest.name, manifest.version)
        data = sealed(content)
        try:
            if not is_real_file(path) or path.read_bytes() != data:
                write_atomically(path, data)
        except (StorageError, OSError) as problem:
            logger.warning("the digest of %s could not be recorded: %s", version.reference, problem)

    def lost(self, location: str, name: str, entry: Entry | None) -> list[str]:
        """Return the versions seen at a location that its index no longer lists."""
        pattern = re.compile(re.escape(name) + r"@(\d+\.\d+\.\d+)\.json")
        found = entries(self._folder(location), pattern)
        seen = {path.name.removeprefix(f"{name}@").removesuffix(".json") for path in found}
        return sorted(seen - set(entry.versions if entry else ()))

    def _folder(self, location: str) -> Path:
        return self.folder / digest_of(location.encode())[:16]

    def _path(self, location: str, name: str, version: str) -> Path:
        return self._folder(location) / f"{name}@{version}.json"


def _record(location: str, name: str, version: str, digest: str) -> dict[str, Any]:
    """Return the record of one version."""
    return {
        "format": FORMAT,
        "location": location,
        "name": name,
        "version": version,
        "digest": digest,
    }
