"""The prepared worlds of one run, made when they are first needed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.faults.connections import RemoteWorld
from tests.faults.hub_faults import HubWorld
from tests.faults.object_faults import ObjectWorld
from tests.faults.snapshot import clear
from tests.faults.world import LAB, World, current_world, old_world
from tests.registry.cloud_servers import SERVERS
from tests.registry.server import Server

if TYPE_CHECKING:
    from pathlib import Path


SMALL = "small"  # the current world, on a small disk of its own
NOTHING = "nothing"  # an empty folder
HUB = "hf"  # a world whose registry is on a Hub
SERVED = "served"  # a world whose registry is behind a server


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
        self.unmount(self.folder)
        base = "current" if name == SMALL else name
        if base not in self._made:
            self._made[base] = self._make(base)
        world = self._made[base]
        if name == SMALL:
            self._mount()
        world.begin()
        return world

    def _make(self, name: str) -> World:
        if name == NOTHING:
            return World(self.folder)
        if name == SERVED:
            server = Server(self.folder / "world" / LAB).__enter__()
            world = current_world(self.folder, server.url)
            world.server = server
            return world
        if name == HUB:
            return HubWorld(self.folder)
        if name in SERVERS:
            return ObjectWorld(self.folder, name)
        return {"current": current_world, "old": old_world}[name](self.folder)

    def _mount(self) -> None:
        """Mount a small disk where the world will be, if this process may."""
        place = self.folder / "world"
        clear(place)
        if os.getuid() == 0:
            command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
            subprocess.run(command, check=False, capture_output=True)

    def close(self) -> None:
        for world in self._made.values():
            if isinstance(world, RemoteWorld):
                world.close()
        self.unmount(self.folder)

    @staticmethod
    def unmount(folder: Path) -> None:
        """Unmount the disk that a run has mounted in its folder, if there is one."""
        place = folder / "world"
        if place.is_mount():
            subprocess.run(["umount", str(place)], check=False)
