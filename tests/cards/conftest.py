"""What the tests of the cards share."""

import os
from pathlib import Path
from typing import Any

import pytest

from registry.cards import builtin_cards

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "cards"


@pytest.fixture(scope="session")
def cards() -> dict[str, dict[str, Any]]:
    """The front matter of the cards of nnp-pre-training's checkpoints, by the card's name."""
    return _front_matter("nnp-pre-training")


@pytest.fixture(scope="session")
def dataset_cards() -> dict[str, dict[str, Any]]:
    """The front matter of every dataset's card, by the card's name."""
    return _front_matter("published-dataset")


def _front_matter(importer: str) -> dict[str, dict[str, Any]]:
    found = builtin_cards(CARDS).items()
    return {name: card.front_matter for name, card in found if card.importer == importer}


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
