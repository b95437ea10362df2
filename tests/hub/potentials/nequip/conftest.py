"""What the tests of NequIP's models share."""

from __future__ import annotations

import functools
from importlib import metadata

import pytest
import torch
from nequip.utils import global_state


@pytest.fixture(autouse=True, scope="package")
def _one_thread():
    """Sums of single precision depend on how threads share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _own_precision():
    """Take back what NequIP's calculators set for the whole process: torch's default precision.

    They set it once, and note that they have.
    """
    dtype, was_set = torch.get_default_dtype(), global_state.global_state_initialized()
    yield
    torch.set_default_dtype(dtype)
    global_state._GLOBAL_STATE_INITIALIZED = was_set


@pytest.fixture(autouse=True, scope="package")
def _packages_listed_once():
    """NequIP lists all installed packages whenever a package of its is read; it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        listed_once = functools.cache(metadata.packages_distributions)
        patch.setattr(metadata, "packages_distributions", listed_once)
        yield
