"""The prepared worlds of one run, made when they are first needed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.faults.world import LAB, World, current_world, old_world

if TYPE_CHECKING:
    from pathlib import Path


class Worlds:
    """Gives worlds by name, as new; all of them stand at the same place in turn.

    Parameters
    ----------
    folder
        The run's own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, World] = {}

    def begin(self, name: str) -> World:
        if name not in self._made:
            self._made[name] = self._make(name)
        world = self._made[name]
        world.begin()
        return world

    def _make(self, name: str) -> World:
        return {"current": current_world, "old": old_world}[name](self.folder)

    def close(self) -> None:
        self.unmount(self.folder)

    @staticmethod
    def unmount(folder: Path) -> None:
        """Unmount the disk that a run has mounted in its folder, if there is one."""
        place = folder / "world"
        if place.is_mount():
            subprocess.run(["umount", str(place)], check=False)  # noqa: S607
