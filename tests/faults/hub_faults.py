"""Repositories on a Hub, behind a connection that errs, and publishers who are killed."""

from __future__ import annotations

import os
import signal
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from registry.huggingface import client
from registry.huggingface.addresses import Address
from registry.huggingface.registry import HuggingFaceRegistry
from registry.huggingface.repositories import MANIFEST
from registry.local import LocalStore
from tests.faults.actions import Users
from tests.faults.connections import RemoteWorld, look_after
from tests.faults.proxy import Answer, Proxy, asks_server, killed, passed
from tests.faults.verdict import HANGS, WRONG
from tests.faults.world import LAB, World, new_version, prepare_current
from tests.hugging_face.fixtures import do_not_wait, point_client_to
from tests.hugging_face.server import HuggingFace

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from registry.registry import Registry
    from tests.faults.cases import Case
    from tests.faults.proxy import Ask
    from tests.faults.verdict import Verdict
    from tests.hugging_face.repositories import Commit

_STORAGE = "/storage"
READ = {
    "tags": "/refs",
    "list of files": "/tree/",
    "list of names": "/api/models?",
    "facts of a file": "/paths-info/",
    "manifest": "/mlip-hub.json",
    "card": "/README.md",
}
WRITTEN = {
    "creation": "/api/repos/create",
    "card's check": "/validate-yaml",
    "announcement": "/preupload/",
    "place of an upload": "/objects/batch",
    "large file": f"{_STORAGE}/",
    "upload's check": "/verify/",
    "commit": "/commit/",
    "tag": "/tag/",
    "anything": "/",
}
KILLS = {"killed before": False, "killed after": True}
LONGEST = 30.0  # s that a publisher may take who is to be killed
_MOST_WRITES = 12  # of one publisher


class HubWorld(RemoteWorld):
    """A world whose registry is an organisation on a Hub, which is also made anew for each fault.

    Nobody waits before trying again.
    """

    places = READ | WRITTEN

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.hub = HuggingFace().__enter__()
        self.proxy = Proxy(_asks(self.hub), answers=("GET", "HEAD", "POST", "PUT")).__enter__()
        # The Hub sends its clients on to itself, and to another host for large files.
        self.hub.url = self.proxy.url
        self.hub.storage = self.proxy.url.replace("127.0.0.1", "localhost") + _STORAGE
        patch = pytest.MonkeyPatch()
        point_client_to(self.hub.url, patch, folder / "hugging-face")
        patch.setenv("HF_TOKEN", "hf_writer")
        do_not_wait(patch)
        prepare_current(self)
        self._made = deepcopy(self.hub.repositories), dict(self.hub.objects)

    def begin(self) -> None:
        super().begin()
        repositories, objects = self._made
        self.hub.repositories, self.hub.objects = deepcopy(repositories), dict(objects)
        self.hub.parts, self.hub.requests = {}, []

    def lab(self) -> Registry:
        return self.lab_on(LocalStore(self.root / "fresh"))

    def lab_on(self, local: LocalStore) -> Registry:
        from huggingface_hub import constants

        client.TIMEOUT = self.patience
        constants.HF_HUB_DOWNLOAD_TIMEOUT = constants.HF_HUB_ETAG_TIMEOUT = self.patience
        return HuggingFaceRegistry(LAB, Address("lab"), local.files)

    lab_directory = lab

    def close(self) -> None:
        super().close()
        self.hub.__exit__()


def _asks(hub: HuggingFace) -> Ask:
    """Return what asks a Hub, or its storage."""
    ask_hub, ask_storage = asks_server(hub.url), asks_server(hub.storage)

    def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path.startswith(_STORAGE):
            return ask_storage(method, path.removeprefix(_STORAGE), headers, body)
        return ask_hub(method, path, headers, body)

    return ask


def play_killed(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Kill a publisher, in a process of its own, at one of its requests that write."""
    assert isinstance(world, HubWorld)
    users, proxy = Users(world, verdict), world.proxy
    known = random.choice(
        [new_version("another", "1.0.0", LAB, "new"), new_version("mine", "7.0.0", LAB, "newer")]
    )
    world.possible[known.key] = known
    earlier = random.randrange(_MOST_WRITES) if case.place == "anything" else 0
    verdict.note(f"{case.fault} {case.place}, {earlier} later")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, LONGEST)
            os.read(reading, 1)
            world.publish(known, "author")
        finally:
            os._exit(0)
    proxy.place = world.places[case.place]
    proxy.writes = [passed] * earlier + [killed(child, is_done=KILLS[case.fault])]
    os.write(writing, b"!")
    _, status = os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    end = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    verdict.injected = end == signal.SIGKILL
    if end == signal.SIGALRM:
        verdict.fail(HANGS, "the publisher")
    users.act(random, 1)
    look_after(world, users, random)
    commits = world.hub.repository(f"lab/{known.manifest.name}").commits.values()
    made = [each for each in commits if _manifest_in(each) == known.data]
    if len(made) > 1:
        verdict.fail(WRONG, f"{len(made)} commits of {known.reference}")


def _manifest_in(commit: Commit) -> bytes:
    found = commit.files.get(MANIFEST)
    return found.data if found else b""
