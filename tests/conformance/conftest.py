"""Every test of the suite runs for every architecture."""

from __future__ import annotations

import copy

import pytest
import torch

from hub.potentials import load_model
from tests.conformance.potentials import INSTALLED, PUBLISHED, TRAINABLE, random_potential
from tests.variants import few_fast


@pytest.fixture(autouse=True, scope="package")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package", params=INSTALLED)
def random_one(request):
    """A potential with random weights; not to be changed."""
    return random_potential(request.param)


@pytest.fixture
def trainable(random_one):
    """A potential that can be trained; not to be changed."""
    if random_one.config.architecture not in TRAINABLE:
        pytest.skip("it only predicts")
    return random_one


@pytest.fixture
def fresh(random_one):
    """A copy of it, to be changed."""
    return copy.deepcopy(random_one)


@pytest.fixture(
    params=[
        *INSTALLED,
        *(f"accelerated-{name}" for name in INSTALLED),
        *few_fast([f"published-{name}" for name in PUBLISHED if name in INSTALLED], 1),
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
