"""Damage to the files and folders of a registry and of a machine's cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.file_faults import FILE_FAULTS
from tests.faults.folder_faults import FOLDER_FAULTS
from tests.faults.places import FILES, FOLDERS

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.faults.world import World


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
