"""A server with a file, and a folder that it is transferred to."""

import pytest

from registry.blobs import Blobs
from tests.registry.server import Server
from tests.registry.transfer.given import DATA


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "cache")


@pytest.fixture
def server(tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "weights.bin").write_bytes(DATA)
    with Server(tmp_path / "served") as running:
        yield running
