"""What several test files of this folder use."""

from __future__ import annotations

import pytest

from hub.potentials import calculator


@pytest.fixture(scope="module")
def random_calculator(random_directory):
    return calculator(random_directory, device="cpu")
