"""Every test of this suite runs for every store that can be written to.

The author of another store runs it for that, too: with ``MLIP_HUB_TEST_STORE=scheme://location``
and the package installed, the tests use places below that location.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from registry import download
from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.local import LocalStore
from registry.registry import Registry
from registry.shipped import ShippedRegistry
from registry.stores import open_store
from registry.stores.base import WritableStore, as_writable
from registry.stores.directory import DirectoryStore
from tests.plugins.packages import install
from tests.registry.cloud_servers import ENVIRONMENT, SERVERS, location

ROOT = Path(__file__).parents[3]
TOY = ROOT / "tests" / "plugins" / "toy"
OTHER = os.environ.get("MLIP_HUB_TEST_STORE", "")
KINDS = ["directory", "s3", "az", "toy", *(["other"] if OTHER else [])]


@dataclass
class Place:
    """An empty place for a registry, and the variables that processes need to reach it."""

    kind: str
    location: str
    variables: dict[str, str]

    def store(self) -> WritableStore:
        """Return the store, as another process would open it."""
        store = as_writable(open_store(self.location))
        assert store is not None
        return store

    def registry(self) -> Registry:
        return Registry("lab", self.store())


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Do not wait between attempts."""
    monkeypatch.setattr(download.Retries, "pause", lambda *_: 0.01)


@pytest.fixture(scope="session")
def servers():
    """Return the address of a cloud's server, which is started when it is first needed."""
    with ExitStack() as running:
        started: dict[str, str] = {}

        def server(kind: str) -> str:
            is_installed, run = SERVERS[kind]
            if not is_installed():
                pytest.skip(f"the server for {kind}:// is not installed")
            if kind not in started:
                started[kind] = running.enter_context(run())
            return started[kind]

        yield server


@pytest.fixture(params=KINDS)
def place(request, tmp_path, monkeypatch, servers) -> Place:
    kind, name = request.param, uuid4().hex
    variables = {"PYTHONPATH": str(ROOT)}
    if kind == "directory":
        return Place(kind, str(tmp_path / "place"), variables)
    if kind == "other":
        return Place(kind, f"{OTHER.rstrip('/')}/{name}", dict(os.environ))
    if kind == "toy":
        packages = tmp_path / "packages"
        install(packages, "hub-toy", {"stores": {"toy": "hub_toy.store:FlatStore"}}, {})
        for each in (TOY, packages):
            monkeypatch.syspath_prepend(each)
        variables["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, TOY, packages)))
        variables["HUB_TOY_IMPORTED"] = str(tmp_path / "imported")
    else:
        variables |= ENVIRONMENT
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    where = f"toy://{tmp_path}/place" if kind == "toy" else location(kind, servers(kind), name)
    return Place(kind, where, variables)


@pytest.fixture
def store(place) -> WritableStore:
    """An empty store, claimed as a registry is when it is begun."""
    opened = place.store()
    opened.claim()
    return opened


@pytest.fixture
def machine(tmp_path, place):
    """Return a function that gives what a new process has at hand on a machine of this name."""
    nothing = Registry("builtin", DirectoryStore(tmp_path / "package"))
    nothing.begin()

    def make(name: str) -> Catalogue:
        builtin = Builtin({}, {}.get, shipped=ShippedRegistry(tmp_path / "package"))
        return Catalogue(LocalStore(tmp_path / "machines" / name), [place.registry()], builtin)

    return make


@pytest.fixture
def content(tmp_path) -> Path:
    """The files of a model."""
    folder = tmp_path / "content"
    (folder / "extra").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 200)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n\n# A model\n")
    (folder / "extra" / "config.json").write_text("{}")
    return folder
