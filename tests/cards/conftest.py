"""What the tests of the cards share."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "cards" / "models"


def front_matter(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8").split("---\n", 2)[1])


@pytest.fixture(scope="session")
def cards() -> dict[str, dict[str, Any]]:
    """The front matter of every card by the name of its file."""
    return {path.stem: front_matter(path) for path in sorted(MODELS.glob("*.md"))}


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data that is not part of the repository."""
    path = Path(os.environ.get("MLIP_HUB_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip("the shared data is not here")
    return path


@pytest.fixture(scope="session")
def upstream(shared: Path) -> Path:
    """The files of jla-gardner/nnp-pre-training that the cards speak of."""
    return shared / "upstream" / "nnp-pre-training"
