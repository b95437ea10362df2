"""Damage to the files and folders of a registry and of a machine's cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.file_faults import FILE_FAULTS
from tests.faults.folder_faults import FOLDER_FAULTS

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.faults.world import World

CACHE = "cache"
# What there is to damage: its name in the table, the pattern of its paths below the world.
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


@dataclass(frozen=True)
class Damage:
    """What was damaged.

    Parameters
    ----------
    store
        ``lab``, ``cache`` or ``state``.
    paths
        The paths below the world.
    text
        What was done, in words.
    in_the_way
        Whether something stands there that its owner must take away: a folder, pipe or link.
    is_rollback
        Whether an older state, whole in itself, has taken the place of the newer one.
    """

    store: str
    paths: tuple[str, ...]
    text: str
    in_the_way: bool = False
    is_rollback: bool = False


def damage_file(world: World, place: str, fault: str, random: Random) -> Damage | None:
    """Do one fault to one file of a kind; None where there is none."""
    found = _paths(world, FILES[place], of_files=True)
    if not found:
        return None
    path = random.choice(found)
    others = [each for each in found if each != path]
    inject, in_the_way = FILE_FAULTS[fault]
    text = inject(world, path, others, random)
    return text and _damage(world, path, f"{fault} {text}", in_the_way, fault)


def damage_folder(world: World, place: str, fault: str, random: Random) -> Damage | None:
    """Do one fault to one folder of a kind; None where there is none."""
    found = _paths(world, FOLDERS[place], of_files=False)
    if not found:
        return None
    path = random.choice(found)
    inject, in_the_way = FOLDER_FAULTS[fault]
    text = inject(world, path, random)
    return text and _damage(world, path, f"{fault} {text}", in_the_way, fault)


def _damage(world: World, path: Path, text: str, in_the_way: bool, fault: str) -> Damage:
    relative = path.relative_to(world.root)
    return Damage(
        relative.parts[0], (str(relative),), f"{relative}: {text}", in_the_way, fault == "roll back"
    )


def _paths(world: World, pattern: str, *, of_files: bool) -> list[Path]:
    found = sorted(world.root.glob(pattern))
    return [path for path in found if (path.is_file() if of_files else path.is_dir())]
