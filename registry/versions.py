"""A version, and one whose files are on this machine."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from msgspec import Struct

from registry.documents import digest_of
from registry.manifest import Manifest, parse_manifest
from registry.references import Reference


class Version(Struct, frozen=True, dict=True):
    """One version of one name.

    Parameters
    ----------
    data
        The stored bytes of its manifest; their sha256 is the digest.
    origin
        The name of the registry that it came from.
    """

    data: bytes
    origin: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(origin={self.origin!r})"

    @cached_property
    def manifest(self) -> Manifest:
        """Its manifest."""
        return parse_manifest(self.data)

    @cached_property
    def digest(self) -> str:
        """The sha256 of its manifest."""
        return digest_of(self.data)

    @property
    def reference(self) -> Reference:
        """The exact reference to it."""
        return Reference(self.manifest.name, self.manifest.version, self.origin)

    def is_called(self, name: str, version: str, kind: str) -> bool:
        """Whether its manifest says that it is this version of this name and kind."""
        manifest = self.manifest
        return (manifest.name, manifest.version, manifest.kind) == (name, version, kind)


class LocalVersion(Version, frozen=True, dict=True):
    """A version whose verified files are in the plain directory `path`."""

    path: Path
