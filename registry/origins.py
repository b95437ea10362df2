"""Where versions on this machine came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.documents import digest_of

if TYPE_CHECKING:
    from registry.registry import Registry

LOCAL = "local"
BUILTIN = "builtin"


@dataclass(frozen=True)
class Origin:
    """Where cached versions came from. A name that is given a new location is a new origin."""

    name: str
    location: str = ""

    @property
    def key(self) -> str:
        """What its index is called."""
        return f"{self.name}-{digest_of(self.location.encode())[:8]}"

    @classmethod
    def of(cls, registry: Registry) -> Origin:
        """Return a registry as an origin. The built-in one is the same wherever it is installed."""
        return BUILTIN_ORIGIN if registry.name == BUILTIN else cls(registry.name, registry.location)

    @staticmethod
    def name_of(key: str) -> str:
        """Return the name in a key; that of this machine's own registry is `LOCAL` itself."""
        return LOCAL if key == LOCAL else key.rpartition("-")[0]


BUILTIN_ORIGIN = Origin(BUILTIN)
