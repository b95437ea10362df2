"""A registry in an object store, behind a connection that drops, truncates and corrupts."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.registry import Registry
from registry.stores import clients
from registry.stores.bucket import Bucket
from registry.stores.objects import ObjectStore
from registry.stores.places import Place
from tests.faults import http_faults
from tests.faults.actions import Users
from tests.faults.object_server import (
    Proxy,
    asks_moto,
    asks_server,
    corrupted,
    dropped,
    refused,
    shortened,
    unanswered,
)
from tests.faults.verdict import DELETED, LOST
from tests.faults.world import LAB, World, prepare_current
from tests.registry.cloud_servers import ENVIRONMENT, azurite, location

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from random import Random

    from tests.faults.cases import Case
    from tests.faults.object_server import WriteFault
    from tests.faults.verdict import Verdict

PLACES = {
    "marker": "/registry.json",
    "list of names": "/index.json",
    "page": "/index/",
    "manifest": "/manifests/",
    "blob": "/blobs/",
    "listing": "?",
    "anything": "/",
}
CODES = (400, 401, 403, 404, 408, 409, 411, 412, 416, 429, 500, 501, 502, 503, 599)
READS = {
    fault: make
    for fault, make in http_faults.FAULTS.items()
    if fault not in ("other file", "retry later")
}
WRITES: dict[str, Callable[[Random], WriteFault]] = {
    "write dropped": lambda random: dropped,
    "answer dropped": lambda random: unanswered,
    "write refused": lambda random: refused(random.choice(CODES), is_done=False),
    "done but refused": lambda random: refused(random.choice((500, 502, 503, 504)), is_done=True),
    "write corrupted": lambda random: corrupted(random.random()),
    "write shortened": lambda random: shortened(random.random()),
}


class ObjectWorld(World):
    """A world whose registry is in an object store, which is also made anew for each fault."""

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder)
        os.environ.update(ENVIRONMENT)
        if kind == "s3":
            self._running: AbstractContextManager[str] = nullcontext("")
            self.proxy = Proxy(asks_moto()).__enter__()
        else:
            self._running = azurite()
            upstream = self._running.__enter__()
            self.proxy = Proxy(asks_server(upstream), urlsplit(upstream).path).__enter__()
        self.place = location(kind, self.proxy.url, LAB)
        self._bucket = Bucket(Place.parse(self.place))
        self._clients: dict[float, clients.Clients] = {}  # which take long to make
        prepare_current(self)
        self._objects = {path: self._bucket.held(path).data for path in self._bucket.paths("")}

    def begin(self) -> None:
        super().begin()
        for path in {path.partition(f"/{LAB}/")[2] for path in self.proxy.written}:
            data = self._objects.get(path)
            if data is None:
                self._bucket.remove(path)
            else:
                self._bucket.write(path, data)
        self.proxy.written.clear()

    def lab(self) -> Registry:
        store = ObjectStore(self.place)
        if self.patience not in self._clients:
            clients.TIMEOUT = clients.LONGEST = self.patience
            self._clients[self.patience] = store.bucket.clients
        store.bucket._clients = self._clients[self.patience]
        return Registry(LAB, store)

    lab_directory = lab

    def close(self) -> None:
        self.proxy.__exit__()
        self._running.__exit__(None, None, None)


def play_over_objects(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Let the connection err once, twice or always; then everything can be had."""
    assert isinstance(world, ObjectWorld)
    times = random.choice([1, 2, 500])
    verdict.note(f"{case.fault} {times} times")
    proxy, users = world.proxy, Users(world, verdict)
    proxy.place = PLACES[case.place]
    if case.fault in READS:
        proxy.reads = [READS[case.fault](random)] * times
    else:
        proxy.writes = [WRITES[case.fault](random)] * times
    world.patience = http_faults.SHORT if case.fault == "stall" else 2.0
    lab = [known for known in world.versions.values() if known.place == LAB]
    doings = [partial(users.publish_new, LAB), partial(users.publish, random.choice(lab))]
    doings.append(partial(users.pull, random.choice(lab), "fresh"))
    random.choice(doings[:2] if case.fault in WRITES else doings)()
    users.act(random, 1)
    proxy.mend()
    world.patience = 5.0
    for known in lab:
        if not users.pull(known, random.choice(("fresh", "cache"))):
            verdict.fail(LOST, f"{known.reference} cannot be had when the connection is mended")
    _look_at_new_versions(world, users, verdict)
    if world.has_changed_elsewhere():
        verdict.fail(DELETED, "the folder elsewhere is not what it was")


def _look_at_new_versions(world: World, users: Users, verdict: Verdict) -> None:
    """What is listed is served, whatever its publisher was told; what is not can be published."""
    listed = users.listed(world.lab())
    for key, known in world.possible.items():
        if known.place == LAB and key in listed:
            if not users.pull(known, "fresh"):
                verdict.fail(LOST, f"{known.reference} is listed, and not served")
        elif known.place == LAB and not users.publish(known):
            verdict.fail(LOST, f"{known.reference} cannot be published")
