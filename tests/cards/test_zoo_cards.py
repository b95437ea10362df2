"""The cards of the foundation models: true to the files in the installed packages, and complete."""

import re
from typing import Any

import pytest

from registry.cards import builtin_cards
from registry.documents import fit
from tests.cards.conftest import CARDS

SEVENNETS = ("sevennet-0", "sevennet-l3i5", "sevennet-mf-0-pbe", "sevennet-mf-0-r2scan")
ZOO = (*SEVENNETS, "chgnet-0.3.0", "chgnet-r2scan", "tensornet-matpes-pbe")
_ALL = builtin_cards(CARDS)


@pytest.mark.parametrize("name", SEVENNETS)
def test_the_card_says_what_the_checkpoint_holds(name: str) -> None:
    pytest.importorskip("sevenn")
    from hub.potentials.card_facts import ModelFacts
    from hub.potentials.sevennet.importing import convert

    card = _ALL[name]
    stated = card.front_matter["model"]
    potential = convert(card.source.find(card.name), fit(stated, ModelFacts))
    config = potential.config
    assert tuple(stated["elements"]) == config.type_names
    assert stated["cutoff"] == config.r_max
    assert stated["avg_num_neighbors"] == config.avg_num_neighbors
    architecture = stated["architecture"]
    assert architecture["name"] == config.architecture
    assert architecture["layers"] == config.num_layers
    assert tuple(architecture["features"]) == config.channels
    assert architecture["l_max"] == len(config.channels) - 1
    assert architecture["bessel_functions"] == config.num_bessels
    assert stated.get("modal", "") == getattr(config, "modal", "")
    numbers = sum(value.numel() for value in potential.parameters())
    assert stated["parameters"] == {"upstream": numbers, "converted": numbers}


@pytest.mark.parametrize("name", ZOO)
def test_readme_explains_every_field(name: str) -> None:
    readme = (CARDS / "README.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(?:\w+\.)?(\w+)`", readme))
    matter = _ALL[name].front_matter
    place = "installed" if "installed" in matter else "source"
    sections = (place, "model", "teacher", "pretraining")
    assert set(matter).union(*(matter[section] for section in sections)) <= explained


@pytest.mark.parametrize("name", ZOO)
def test_the_card_is_complete(name: str) -> None:
    card = _ALL[name]
    matter, model = card.front_matter, card.front_matter["model"]
    assert len(card.description) <= 100
    assert len(model["elements"]) == 89
    assert matter["license"]
    assert matter["code_license"]
    assert model["level_of_theory"]
    assert model["speed"]["ms_per_atom"] > 0
    assert matter["pretraining"]["dataset"]
    assert (card.path.parent / f"probes/{name}.json").is_file()
    extra = getattr(card.source, "extra", "matgl")
    assert f"pip install 'mlip-hub[{extra}]'" in card.text
    assert f"hub pull {name}" in card.text
    citation = matter["citation"]
    assert citation.count("{") == citation.count("}")
    assert re.search(r"doi = \{10\..*?\}", citation)


def test_each_level_of_theory_of_one_file_is_chosen_by_name() -> None:
    pbe, r2scan = (_ALL[f"sevennet-mf-0-{level}"] for level in ("pbe", "r2scan"))
    assert pbe.source == r2scan.source
    modals: list[Any] = [card.front_matter["model"]["modal"] for card in (pbe, r2scan)]
    assert modals == ["PBE", "R2SCAN"]
