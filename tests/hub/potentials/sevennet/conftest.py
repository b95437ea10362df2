"""The checkpoint of the installed package, converted once."""

from __future__ import annotations

import pytest

pytest.importorskip("sevenn")

from hub.potentials.card_facts import ModelFacts
from hub.potentials.sevennet.importing import convert
from registry.cards import builtin_cards

CARD = builtin_cards()["sevennet-0"]
FACTS = ModelFacts("VASP", ("Mo",))  # the file names its elements itself


@pytest.fixture(scope="session")
def checkpoint():
    """The file from which sevennet-0 is made."""
    return CARD.source.find(CARD.name)


@pytest.fixture(scope="session")
def converted(checkpoint):
    """The potential made from it, in float32; not to be changed."""
    return convert(checkpoint, FACTS).eval()
