"""A server with a file, and a folder that it is transferred to."""

import pytest

from registry.blobs import Blobs
from tests.registry.server import serving
from tests.registry.transfer.given import DATA


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "cache")


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path / "served", "weights.bin", DATA) as running:
        yield running
