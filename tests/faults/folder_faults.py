"""What can happen to a folder. Each changes it, and says in words what it did."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.faults.places import moved_place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from tests.faults.world import World


def _delete_folder(world: World, path: Path, random: Random) -> str:
    shutil.rmtree(path)
    return "it"


def _empty_folder(world: World, path: Path, random: Random) -> str:
    shutil.rmtree(path)
    path.mkdir()
    return "it"


def _half_folder(world: World, path: Path, random: Random) -> str:
    found = sorted(each for each in path.rglob("*") if each.is_file())
    gone = [each for each in found if random.random() < 0.5]
    for each in gone:
        each.unlink()
    return f"of its {len(found)} files {len(gone)}"


def _folder_as_file(world: World, path: Path, random: Random) -> str:
    shutil.rmtree(path)
    path.write_bytes(b"a file")
    return "in its place"


def _folder_as_link(world: World, path: Path, random: Random) -> str:
    targets = [world.precious, *(each for each in world.precious.iterdir() if each.is_dir())]
    target = random.choice(sorted(targets))
    shutil.rmtree(path)
    path.symlink_to(target)
    return f"to {target.name}"


def _link_inside(world: World, path: Path, random: Random) -> str:
    """Plant links in a folder, under names that ours have as well."""
    targets = sorted([world.precious, *world.precious.iterdir()])
    for target in targets:
        name = target.name if target != world.precious else "0d"
        if not (path / name).exists():
            (path / name).symlink_to(target)
    return "to precious folders and files"


def _moved_folder(world: World, path: Path, random: Random) -> str:
    """Its owner keeps it on another disk and links to it."""
    target = moved_place(world, path)
    path.rename(target)
    path.symlink_to(target)
    return "away, with a link in its place"


def _folder_rolled_back(world: World, path: Path, random: Random) -> str:
    relative = str(path.relative_to(world.root))
    inside = {p for p in world.older.files if p.startswith(f"{relative}/")}
    shutil.rmtree(path)
    path.mkdir()
    for name in sorted(inside | {p for p in world.older.links if p.startswith(f"{relative}/")}):
        (world.root / name).parent.mkdir(parents=True, exist_ok=True)
        (world.root / name).write_bytes(world.older.data(name) or b"")
    return "to an older state"


# What is done, and whether something then stands in the way that its owner must remove.
FOLDER_FAULTS: dict[str, tuple[Callable[..., str], bool]] = {
    "delete": (_delete_folder, False),
    "empty": (_empty_folder, False),
    "halve": (_half_folder, False),
    "roll back": (_folder_rolled_back, False),
    "file": (_folder_as_file, True),
    "link": (_folder_as_link, True),
    "links inside": (_link_inside, False),
    "move": (_moved_folder, True),
}
