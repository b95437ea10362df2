"""The card of SevenNet-0: true to the checkpoint in the installed package."""

import re
from typing import Any

import pytest

from registry.cards import builtin_cards
from registry.documents import fit
from tests.cards.conftest import CARDS

pytest.importorskip("sevenn")


@pytest.fixture(scope="module")
def card() -> Any:
    return builtin_cards(CARDS)["sevennet-0"]


def test_the_card_says_what_the_checkpoint_holds(card: Any) -> None:
    from hub.potentials.card_facts import ModelFacts
    from hub.potentials.sevennet.importing import convert

    stated = card.front_matter["model"]
    potential = convert(card.source.find(card.name), fit(stated, ModelFacts))
    config = potential.config
    assert tuple(stated["elements"]) == config.type_names
    assert stated["cutoff"] == config.r_max
    assert stated["avg_num_neighbors"] == config.avg_num_neighbors
    architecture = stated["architecture"]
    assert architecture["layers"] == config.num_layers
    assert tuple(architecture["features"]) == config.channels
    assert architecture["l_max"] == len(config.channels) - 1
    assert architecture["bessel_functions"] == config.num_bessels
    numbers = sum(value.numel() for value in potential.parameters())
    assert stated["parameters"] == {"upstream": numbers, "converted": numbers}


def test_readme_explains_every_field(card: Any) -> None:
    readme = (CARDS / "README.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(?:\w+\.)?(\w+)`", readme))
    matter = card.front_matter
    sections = ("installed", "model", "teacher", "pretraining")
    assert set(matter).union(*(matter[section] for section in sections)) <= explained


def test_the_card_says_where_the_weights_come_from_and_whom_to_cite(card: Any) -> None:
    assert f"pip install 'mlip-hub[{card.source.extra}]'" in card.text
    assert "hub pull sevennet-0" in card.text
    assert len(card.description) <= 100
    citation = card.front_matter["citation"]
    assert citation.count("{") == citation.count("}")
    assert {"10.1021/acs.jctc.4c00190", "10.1038/s42256-023-00716-3"} <= set(
        re.findall(r"doi = \{(.*?)\}", citation)
    )
