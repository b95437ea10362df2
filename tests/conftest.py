"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data that is not part of the repository."""
    path = Path(os.environ.get("MLIP_HUB_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip("the shared data is not here")
    return path
