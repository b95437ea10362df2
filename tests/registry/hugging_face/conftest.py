"""The Hub as two machines see it."""

from __future__ import annotations

import pytest

from registry.local import LocalStore
from registry.publishing import publish


@pytest.fixture
def mine(make_catalogue, hugging_face):
    return make_catalogue()


@pytest.fixture
def yours(make_catalogue, hugging_face, tmp_path):
    """The catalogue of another machine."""
    return make_catalogue(store=LocalStore(tmp_path / "yours"))


@pytest.fixture
def put(mine, content):
    """Publish the content to the Hub."""

    def run(version="1.0.0", to="hf://lab", name="carbon", kind="model", **options):
        options = {"metadata": {"description": "A model"}, "licence": "MIT", **options}
        return publish(mine, content, name, version, kind=kind, to=to, **options)

    return run
