"""What the catalogue does about damage, and where it may not write."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.errors import (
    IncompatibleError,
    IntegrityError,
    NotFoundError,
    OfflineError,
    StorageError,
)
from registry.listing import listings
from registry.local import LocalStore
from registry.registry import Registry
from registry.stores.directory import DirectoryStore
from registry.stores.http import HttpStore
from tests.registry.conftest import WEIGHTS, publish, ref
from tests.registry.server import flip, status


@pytest.mark.parametrize("place", ["index/mine.json", "manifests", "registry.json"])
def test_damaged_documents_are_refused(make_catalogue, published, remote, server, place):
    server.faults[place] = [flip(0)] * 5
    with pytest.raises(IntegrityError):
        make_catalogue(remote).pull(ref("mine"))
    server.faults.clear()
    assert make_catalogue(remote).pull(ref("mine")).digest == published[1].digest


def test_a_newer_registry_is_refused(make_catalogue, published, lab):
    (lab.store.root / "registry.json").write_text('{"format": 9, "name": "lab"}')
    with pytest.raises(IncompatibleError, match="format 9"):
        make_catalogue(lab).pull(ref("mine"))


def test_a_registry_that_lacks_a_manifest(make_catalogue, published, remote, server):
    server.faults["/manifests/"] = [status(404)]
    with pytest.raises(IntegrityError, match=r"manifest .* is missing"):
        make_catalogue(remote).pull(ref("mine"))


def test_a_registry_that_lacks_a_blob(make_catalogue, published, remote, server):
    server.faults["/blobs/"] = [status(404)] * 9
    with pytest.raises(NotFoundError):
        make_catalogue(remote).pull(ref("mine"))
    offline = make_catalogue(Registry("lab", HttpStore(remote.location, offline=True)))
    with pytest.raises(OfflineError):
        offline.pull(ref("mine"))


def test_a_damaged_blob_is_fetched_again(make_catalogue, published, remote, server, local):
    version = make_catalogue(remote).pull(ref("mine"))
    entry = next(e for e in version.manifest.files if e.path == "weights.bin")
    for target in (local.blobs.path(entry.sha256), version.path / "weights.bin"):
        target.unlink()
        target.write_bytes(WEIGHTS[:-1] + b"?")
    server.requests.clear()
    again = make_catalogue(remote).pull(ref("mine"))
    assert (again.path / "weights.bin").read_bytes() == WEIGHTS
    assert [r.path.rpartition("/")[2] for r in server.requests] == [entry.sha256]


def test_a_damaged_blob_of_ones_own_is_never_served(make_catalogue, content, local):
    version = publish(make_catalogue(), content)
    entry = next(e for e in version.manifest.files if e.path == "weights.bin")
    shutil.rmtree(version.path)
    local.blobs.drop(entry.sha256)
    local.blobs.path(entry.sha256).write_bytes(WEIGHTS[:-1] + b"?")
    with pytest.raises(IntegrityError, match=r"weights\.bin"):
        make_catalogue().pull(ref("mine"))
    assert not version.path.exists()


@pytest.fixture
def foreign():
    """A directory that any user may look into, unlike those of pytest."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(directory)


@contextmanager
def ordinary_user():
    """Nothing is read-only to root: be somebody else meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def readable(published, lab, foreign):
    """`lab`, and a package that nothing comes with, where any user may read them."""
    Registry("builtin", DirectoryStore(foreign / "package")).begin()
    shutil.copytree(lab.store.root, foreign / "lab")
    return Registry("lab", DirectoryStore(foreign / "lab"))


def test_a_read_only_cache_serves_what_it_has(make_catalogue, readable, foreign):
    local = LocalStore(foreign / "cache")
    package = foreign / "package"
    version = make_catalogue(readable, store=local, shipped=package).pull(ref("mine"))
    for path in [local.root, *local.root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    catalogue = make_catalogue(readable, store=local, shipped=package)
    with ordinary_user():
        assert catalogue.pull(ref("mine")) == version
        assert catalogue.pull(ref("mine@1.1.0")) == version
        assert len(listings(catalogue)) == 1
        with pytest.raises(StorageError, match="permission denied") as refusal:
            catalogue.pull(ref("mine@1.0.0"))
    assert "HUB_CACHE" in refusal.value.hint


def test_a_cache_that_cannot_be_made(make_catalogue, readable, foreign):
    catalogue = make_catalogue(
        readable, store=LocalStore(foreign / "cache"), shipped=foreign / "package"
    )
    with ordinary_user(), pytest.raises(StorageError, match="permission denied"):
        catalogue.pull(ref("mine"))
