"""The cards of the published datasets: complete, honest, and pinned as upstream pins them."""

import re
from pathlib import Path
from typing import Any

import pytest

from hub.importers.recipes import recipe_of
from registry.cards import builtin_cards
from tests.cards.conftest import CARDS

Cards = dict[str, dict[str, Any]]

NAMES = {"c-synth-23m", "c-gap-17", "c-gap-20u", "si-gap-18"}
TOP_LEVEL = {
    "name", "version", "kind", "description", "license", "license_note", "library_name", "tags",
    "sources", "importer", "run_against_original", "dataset", "citation",
}  # fmt: skip


def test_there_is_a_card_for_each_dataset(dataset_cards: Cards) -> None:
    assert set(dataset_cards) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_card_is_complete(dataset_cards: Cards, name: str) -> None:
    card = dataset_cards[name]
    assert set(card) - {"license_name"} == TOP_LEVEL
    assert len(card["description"]) <= 100
    assert card["citation"].count("{") == card["citation"].count("}")
    recipe = recipe_of(builtin_cards(CARDS)[name])
    assert recipe.own_labels
    text = (CARDS / "datasets" / f"{name}.md").read_text(encoding="utf-8")
    assert card["run_against_original"] is False
    assert "has not yet been run against the original file" in text
    assert f"hub pull {name}" in text


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_label_file_is_pinned_as_upstream_pins_it(
    dataset_cards: Cards, shared: Path, name: str
) -> None:
    listing = shared / "upstream" / "nnp-pre-training" / "git-blobs.txt"
    blobs = dict(reversed(line.split()) for line in listing.read_text().splitlines())
    sources = builtin_cards(CARDS)[name].sources
    assert all(source.sha256 or source.git_blob for source in sources)
    labels = [source for source in sources if source.path.endswith(".npz")]
    for source in labels:
        assert source.git_blob == blobs[source.path]
        assert "%3A" in source.url or ":" not in source.path
    assert len(labels) == {"c-synth-23m": 44, "c-gap-17": 5}.get(name, 0)


def test_non_commercial_licences_say_so(dataset_cards: Cards) -> None:
    for card in dataset_cards.values():
        assert ("-NC-" in card["license"]) == ("not for commercial use" in card["license_note"])


def test_readme_explains_every_field() -> None:
    readme = (CARDS / "README.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(?:\w+\.)?(\w+)`", readme))
    recipe = {"structures", "members", "extras", "atom_extras", "isolated_beyond", "subsets"}
    labels = {"energy_keys", "forces_keys", "files", "subset", "proved_by", "reference_energies"}
    assert TOP_LEVEL | recipe | labels <= explained
