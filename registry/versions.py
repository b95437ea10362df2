"""A version, and one whose files are on this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from registry.documents import digest_of
from registry.manifest import Manifest, parse_manifest
from registry.references import Reference

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Version:
    """One version of one name.

    Parameters
    ----------
    data
        The stored bytes of its manifest; their sha256 is the digest.
    origin
        The name of the registry that it came from.
    """

    data: bytes = field(repr=False)
    origin: str

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


@dataclass(frozen=True)
class LocalVersion(Version):
    """A version whose verified files are in the plain directory `path`."""

    path: Path
