"""A registry in an object store, behind a connection that errs."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.registry import Registry
from registry.stores import clients
from registry.stores.base import TransientError
from registry.stores.bucket import Bucket
from registry.stores.objects import ObjectStore
from registry.stores.places import Place
from tests.faults.connections import RemoteWorld
from tests.faults.proxy import Proxy, asks_moto, asks_server
from tests.faults.world import LAB, prepare_current
from tests.registry.cloud_servers import ENVIRONMENT, azurite, location

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

PLACES = {
    "marker": "/registry.json",
    "list of names": "/index.json",
    "page": "/index/",
    "manifest": "/manifests/",
    "blob": "/blobs/",
    "listing": "?",
    "anything": "/",
}


class ObjectWorld(RemoteWorld):
    """A world whose registry is in an object store, which is also made anew for each fault."""

    places = PLACES

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
        # Patient ones, made before others are.
        self._patient = self._bucket.clients.reader, self._bucket.clients.writer
        self._clients: dict[float, clients.Clients] = {}  # which take long to make
        prepare_current(self)
        self._objects = {path: self._bucket.held(path).data for path in self._bucket.paths("")}

    def begin(self) -> None:
        super().begin()
        # A connection that the last fault left behind may break.
        for wait in (0.1, 1.0, 5.0):
            try:
                return self._restore()
            except TransientError:
                time.sleep(wait)
        return self._restore()

    def _restore(self) -> None:
        """Give the store the content that it had at first."""
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
        super().close()
        self._running.__exit__(None, None, None)
