"""Parts that packages add to ours, found by their entry points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Plugin:
    """One part of a package."""

    name: str
    target: str
    package: str

    def load(self) -> Any:
        """Import it."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


@cache
def plugins(kind: str) -> dict[str, Plugin]:
    """Return the parts of a kind by their names."""
    from importlib.metadata import entry_points

    return {
        point.name: Plugin(point.name, point.value, point.dist.name if point.dist else "")
        for point in entry_points(group=f"mlip_hub.{kind}")
    }
