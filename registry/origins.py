"""The origins of versions on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from msgspec import Struct

from registry.documents import digest_of

if TYPE_CHECKING:
    from registry.registry import Registry

LOCAL = "local"
BUILTIN = "builtin"


class Origin(Struct, frozen=True):
    """The origin of cached versions. A registry with a new location is a new origin."""

    name: str
    location: str = ""

    @property
    def key(self) -> str:
        """The name of its index. Quoted, because the name may be an address."""
        return f"{quote(self.name, safe='')}-{digest_of(self.location.encode())[:8]}"

    @classmethod
    def of(cls, registry: Registry) -> Origin:
        """Return the origin of a registry. The built-in one is the same in every installation."""
        return BUILTIN_ORIGIN if registry.name == BUILTIN else cls(registry.name, registry.location)

    @staticmethod
    def name_of(key: str) -> str:
        """Return the name in a key; for the user's own registry the key is `LOCAL` itself."""
        return LOCAL if key == LOCAL else unquote(key.rpartition("-")[0])


BUILTIN_ORIGIN = Origin(BUILTIN)
