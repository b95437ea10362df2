"""What there is to damage in a registry and on a machine that uses one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.documents import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.world import World

# The name of a place in the table, and the pattern of its paths below the world.
FILES = {
    "marker": "lab/registry.json",
    "list of names": "lab/index.json",
    "page": "lab/index/*.json",
    "manifest": "lab/manifests/*",
    "blob": "lab/blobs/*/*",
    "ownership mark": "lab/.mlip-hub",
    "lock": "lab/locks/*",
    "left-over file": "lab/parts/*.tmp",
    "cache marker": "cache/registry.json",
    "cache list of names": "cache/index.json",
    "cache page": "cache/index/*.json",
    "cache manifest": "cache/manifests/*",
    "cache blob": "cache/blobs/*/*",
    "cache ownership mark": "cache/.mlip-hub",
    "cache lock": "cache/locks/*",
    "origin's list": "cache/origins/*.json",
    "origin's page": "cache/origins/*/*.json",
    "partial mark": "cache/partial/*",
    "part": "cache/parts/*.part",
    "cache left-over file": "cache/parts/*.tmp",
    "version's file": "cache/versions/*/*/**/*",
    "seen record": "state/seen/*/*",
}
FOLDERS = {
    "registry": "lab",
    "index folder": "lab/index",
    "manifests folder": "lab/manifests",
    "blobs folder": "lab/blobs",
    "blob's folder": "lab/blobs/*",
    "parts folder": "lab/parts",
    "locks folder": "lab/locks",
    "cache": "cache",
    "cache index folder": "cache/index",
    "cache manifests folder": "cache/manifests",
    "cache blobs folder": "cache/blobs",
    "cache blob's folder": "cache/blobs/*",
    "cache parts folder": "cache/parts",
    "cache locks folder": "cache/locks",
    "origins folder": "cache/origins",
    "origin's folder": "cache/origins/*",
    "partial folder": "cache/partial",
    "versions folder": "cache/versions",
    "versions of a name": "cache/versions/*",
    "version's folder": "cache/versions/*/*",
    "seen folder": "state/seen",
}
PAGES = ("page", "cache page", "origin's page")
ONLY_ONE = (
    "marker",
    "list of names",
    "ownership mark",
    "cache marker",
    "cache list of names",
    "cache page",
    "cache ownership mark",
    "origin's list",
    "partial mark",
    "part",
)
NOT_IN_FORMAT_1 = (
    *PAGES,
    "ownership mark",
    "lock",
    "left-over file",
    "cache ownership mark",
    "cache lock",
    "cache left-over file",
    "partial mark",
    "part",
    "seen record",
    "index folder",
    "parts folder",
    "locks folder",
    "cache index folder",
    "cache parts folder",
    "cache locks folder",
    "origin's folder",
    "partial folder",
    "seen folder",
)


def moved_place(world: World, path: Path) -> Path:
    """Return where its owner keeps what was at a path, and links to it from there."""
    return world.root / f"moved-{digest_of(str(path).encode())[:8]}"
