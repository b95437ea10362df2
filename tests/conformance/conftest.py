"""Every test of the suite runs for every architecture."""

from __future__ import annotations

import copy

import pytest
import torch

from hub.potentials import load_model
from hub.potentials.architectures import known_architectures
from tests.conformance.potentials import PUBLISHED, random_potential


@pytest.fixture(autouse=True, scope="package")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package", params=known_architectures())
def random_one(request):
    """A potential with random weights; not to be changed."""
    return random_potential(request.param)


@pytest.fixture
def fresh(random_one):
    """A copy of it, to be changed."""
    return copy.deepcopy(random_one)


@pytest.fixture(
    params=[
        *known_architectures(),
        *(f"accelerated-{name}" for name in known_architectures()),
        *(f"published-{name}" for name in PUBLISHED),
    ]
)
def potential(request, loaded):
    """A random potential, also in its fastest form, or a published one; not to be changed."""
    kind, _, name = request.param.partition("-")
    if kind == "published":
        request.getfixturevalue("mirror")
        return loaded(request.param, lambda: load_model(PUBLISHED[name]))
    if kind == "accelerated":
        return loaded(request.param, lambda: random_potential(name).accelerate())
    return loaded(request.param, lambda: random_potential(request.param))


@pytest.fixture(scope="package")
def loaded():
    """Load each potential once."""
    kept = {}

    def load(name, make):
        if name not in kept:
            kept[name] = make()
        return kept[name]

    return load
