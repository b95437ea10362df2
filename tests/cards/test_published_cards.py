"""The cards of the published checkpoints: complete, consistent, and true to the files."""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from registry.cards import FRONT_MATTERS, builtin_cards, read_front_matters, split_front_matter
from registry.documents import digest_of
from tests.cards.conftest import CARDS

Cards = dict[str, dict[str, Any]]

CHECKPOINTS = {
    "c-ace-pretrained": ("ace-100_000", 31.17),
    "c-ace-pretrained-33k": ("ace-33_000", 31.17),
    "c-ace-pretrained-10k": ("ace-10_000", 31.17),
    "c-ace-pretrained-3.3k": ("ace-3_300", 31.17),
    "c-ace-pretrained-1k": ("ace-1_000", 31.3),
    "c-ace-pretrained-330": ("ace-330", 32.2),
    "c-ace-pretrained-100": ("ace-100", 33.1),
    "c-gap20u-pretrained": ("gap20-10_000", 31.17),
    "c-lcbop-pretrained": ("lcbop-10_000", 31.17),
    "c-edip-pretrained": ("edip-10_000", 31.17),
}
COMMIT = "88436bc1ad477d4ea502581993148da2149ec5c8"
TOP_LEVEL = {
    "name", "version", "kind", "description", "license", "license_name", "license_note",
    "library_name", "tags", "datasets", "metrics", "source", "importer", "model", "teacher",
    "pretraining", "measured_errors", "citation",
}  # fmt: skip
NESTED = {
    "source": {"repository", "commit", "path", "url", "size", "sha256"},
    "model": {
        "elements", "cutoff", "units", "energy_reference", "isolated_atom_energy",
        "avg_num_neighbors", "architecture", "parameters",
    },
    "teacher": {"name", "upstream_name", "kind", "reference", "doi", "note"},
    "pretraining": {
        "dataset", "selection", "dataset_url", "dataset_license", "n_structures",
        "atoms_per_structure", "precision",
    },
    "measured_errors": {"pretraining", "fine_tuned", "from_scratch"},
}  # fmt: skip


def force_errors(card: dict[str, Any], kind: str = "fine_tuned") -> list[float]:
    return [row["force_rmse_eV_per_A"] for row in card["measured_errors"][kind]["errors"]]


def energy_errors(card: dict[str, Any], kind: str = "fine_tuned") -> list[float]:
    return [row["energy_rmse_meV_per_atom"] for row in card["measured_errors"][kind]["errors"]]


def test_there_is_one_card_for_each_published_checkpoint(cards: Cards) -> None:
    assert set(cards) == set(CHECKPOINTS)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_card_is_complete(cards: Cards, name: str) -> None:
    card = cards[name]
    assert set(card) == TOP_LEVEL
    for section, fields in NESTED.items():
        assert set(card[section]) - {"check"} == fields, section
    assert (card["name"], card["version"], card["kind"]) == (name, "1.0.0", "model")
    assert len(card["description"]) <= 100
    assert card["license"] == "other"
    assert card["model"]["elements"] == ["C"]
    assert card["model"]["cutoff"] == 4.0
    assert card["citation"].count("{") == card["citation"].count("}")
    assert "10.1088/2632-2153/ad1626" in card["citation"]


@pytest.mark.parametrize(("name", "checkpoint"), CHECKPOINTS.items())
def test_card_names_its_checkpoint(cards: Cards, name: str, checkpoint: tuple[str, float]) -> None:
    stem, avg_num_neighbors = checkpoint
    card = cards[name]
    source = card["source"]
    labels, n_structures = stem.split("-")
    assert source["path"] == f"models/{stem}.pth"
    assert source["commit"] == COMMIT
    assert source["url"] == (
        f"https://raw.githubusercontent.com/{source['repository']}/{COMMIT}/{source['path']}"
    )
    assert re.fullmatch("[0-9a-f]{64}", source["sha256"])
    assert card["teacher"]["upstream_name"] == labels
    assert card["pretraining"]["n_structures"] == int(n_structures.replace("_", ""))
    assert card["model"]["avg_num_neighbors"] == avg_num_neighbors


def test_no_two_cards_name_the_same_file(cards: Cards) -> None:
    assert len({card["source"]["sha256"] for card in cards.values()}) == len(cards)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_card_matches_the_published_file(cards: Cards, upstream: Path, name: str) -> None:
    source = cards[name]["source"]
    content = (upstream / source["path"]).read_bytes()
    assert len(content) == source["size"]
    assert hashlib.sha256(content).hexdigest() == source["sha256"]
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    listed = dict(
        reversed(line.split()) for line in (upstream / "git-blobs.txt").read_text().splitlines()
    )
    assert listed[source["path"]] == blob


def test_readme_explains_every_field() -> None:
    readme = (CARDS / "README.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(?:\w+\.)?(\w+)`", readme))
    assert TOP_LEVEL | set().union(*NESTED.values()) <= explained


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_text_tells_how_to_use_the_model_and_its_isolated_atom(cards: Cards, name: str) -> None:
    text = " ".join((CARDS / "models" / f"{name}.md").read_text(encoding="utf-8").split())
    assert f"hub pull {name} " in text
    assert f"--model {name} " in text
    assert f"predicts {cards[name]['model']['isolated_atom_energy']:.2f} eV for it" in text
    assert f"{cards[name]['model']['avg_num_neighbors']} was estimated" in text


def test_claim_that_the_default_has_the_smallest_force_errors(cards: Cards) -> None:
    default = force_errors(cards["c-ace-pretrained"])
    others = [card for name, card in cards.items() if name != "c-ace-pretrained"]
    assert all(
        best < other
        for card in others
        for best, other in zip(default, force_errors(card), strict=True)
    )


def test_claim_that_a_third_of_the_structures_is_nearly_enough(cards: Cards) -> None:
    pairs = zip(
        force_errors(cards["c-ace-pretrained"]),
        force_errors(cards["c-ace-pretrained-33k"]),
        strict=True,
    )
    assert max(abs(more - fewer) for more, fewer in pairs) < 0.01


@pytest.mark.parametrize("name", ["c-ace-pretrained-100", "c-ace-pretrained-330"])
def test_claim_that_little_pretraining_is_worth_nothing_from_800_on(
    cards: Cards, name: str
) -> None:
    errors = cards[name]["measured_errors"]
    sizes = [row["n_train"] for row in errors["fine_tuned"]["errors"]]
    tuned, scratch = force_errors(cards[name]), force_errors(cards[name], "from_scratch")
    large = [
        abs(one - other) for n, one, other in zip(sizes, tuned, scratch, strict=True) if n >= 800
    ]
    assert len(large) == 3
    assert max(large) < 0.005


@pytest.mark.parametrize(
    ("name", "largest"), [("c-lcbop-pretrained", 1600), ("c-edip-pretrained", 400)]
)
def test_claim_of_what_an_empirical_teacher_is_worth(cards: Cards, name: str, largest: int) -> None:
    card, ace = cards[name], cards["c-ace-pretrained-10k"]
    sizes = [row["n_train"] for row in card["measured_errors"]["fine_tuned"]["errors"]]
    better_start = set(sizes)
    for errors in (energy_errors, force_errors):
        tuned, scratch = errors(card), errors(card, "from_scratch")
        better_start &= {
            n for n, one, other in zip(sizes, tuned, scratch, strict=True) if one < other
        }
        assert all(best < one for best, one in zip(errors(ace), tuned, strict=True))
    assert better_start == {n for n in sizes if n <= largest}


@pytest.mark.slow
def test_isolated_atom_energies_are_those_of_the_weights(cards: Cards, upstream: Path) -> None:
    from ase import Atoms

    for name, card in cards.items():
        [energy], _ = predictions(card, upstream, [Atoms("C")])
        assert energy == pytest.approx(card["model"]["isolated_atom_energy"], abs=5e-4), name


@pytest.mark.slow
def test_lcbop_model_has_the_stated_errors_against_its_teacher(
    cards: Cards, shared: Path, upstream: Path
) -> None:
    import numpy as np
    from ase.io import read

    card = cards["c-lcbop-pretrained"]
    cells = read(upstream / "quenched.extxyz", ":")
    labels = np.load(shared / "conversion" / "lcbop_labels_of_quenched.npz")
    energies, forces = predictions(card, upstream, cells)
    energy_error = 1000 * np.sqrt(np.mean(((energies - labels["energy"]) / 200) ** 2))
    force_error = np.sqrt(np.mean((forces - labels["forces"]) ** 2))
    stated = card["teacher"]["check"]
    assert energy_error == pytest.approx(stated["energy_rmse_meV_per_atom"], abs=0.05)
    assert force_error == pytest.approx(stated["force_rmse_eV_per_A"], abs=5e-4)


def predictions(card: dict[str, Any], upstream: Path, structures: list[Any]) -> tuple[Any, Any]:
    """Energies (eV) and forces (eV/Å) of the converted checkpoint."""
    import numpy as np

    from hub.importers.nnp_pre_training import convert, read_state
    from hub.potentials.nequip.onehot import OneHotConfig
    from hub.potentials.probe import predict_probe

    config = OneHotConfig(
        type_names=tuple(card["model"]["elements"]),
        r_max=card["model"]["cutoff"],
        avg_num_neighbors=card["model"]["avg_num_neighbors"],
        energy_reference=card["model"]["energy_reference"],
    )
    model = convert(read_state(upstream / card["source"]["path"]), config)
    predicted = predict_probe(model, structures)
    return np.array(predicted.energies), np.array(predicted.forces)


def test_the_front_matters_in_json_are_those_of_the_cards():
    known = read_front_matters(CARDS / FRONT_MATTERS)
    cards = builtin_cards()
    assert len(cards) > 10
    for card in cards.values():
        front_matter, _ = split_front_matter(card.text, str(card.path))
        assert known[digest_of(card.text.encode())] == front_matter == card.front_matter
    assert len(known) == len(cards)


def test_a_card_that_was_changed_is_read_anew(tmp_path):
    shutil.copytree(CARDS, tmp_path / "cards")
    card = tmp_path / "cards" / "models" / "c-ace-pretrained.md"
    card.write_text(card.read_text().replace("version: 1.0.0", "version: 1.0.1"))
    assert builtin_cards(tmp_path / "cards")["c-ace-pretrained"].version == "1.0.1"
    assert builtin_cards()["c-ace-pretrained"].version == "1.0.0"
