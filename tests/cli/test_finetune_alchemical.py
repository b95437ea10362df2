"""``hub finetune --alchemical``: a model of argon becomes one of krypton."""

from __future__ import annotations

import json

import pytest
from ase.calculators.lj import LennardJones

import hub as library
from tests.hub.training.conftest import argon, labelled, write_data


@pytest.fixture
def krypton(tmp_path):
    """Crystals scaled by 1.1, labelled by the same potential scaled by 1.1 and 1.6."""
    frames = argon(24, seed=3)
    for atoms in frames:
        atoms.set_cell(1.1 * atoms.cell, scale_atoms=True)
        atoms.symbols = "Kr4"
        labelled(atoms, LennardJones(sigma=3.74, epsilon=0.01664, rc=5.5))
    return write_data(tmp_path / "krypton.xyz", frames)


def test_given_scales_are_recorded_and_resumed(hub, trained, krypton, tmp_path, monkeypatch):
    options = ("--data", krypton, "--model", trained, "--alchemical", "1.1,1.6", "--epochs", 2)
    from hub.training import loop

    really = loop.save_state

    def fails(*arguments):
        really(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", fails)
        assert hub("finetune", *options, "--out", "run").code == 130
    kept = json.loads((tmp_path / "run" / "alchemical.json").read_text())
    assert kept["chosen"]["transmutation"] == {
        "pairs": [["Ar", "Kr"]],
        "scale": 1.1,
        "energy_scale": 1.6,
    }
    done = hub("finetune", "--out", "run", "--resume", "--json")
    assert done.code == 0
    assert "alchemical:        Ar as Kr, lengths x 1.1, energies x 1.6" in done.err
    assert "neighbours per atom: " in done.err
    assert done.json["training"]["alchemical"]["transmutation"]["scale"] == 1.1
    assert done.json["errors"]["before"] is not None
    config = library.load_model("run").config
    assert config.type_names == ("Kr",)
    assert config.r_max == pytest.approx(1.1 * library.load_model(trained).config.r_max)
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert "alchemical:" in card
    assert "epoch 2 of 2 was kept, regardless of its error on validation structures" in card


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--alchemical", "big"), "'big' is not a scale"),
        (("--alchemical", "0"), "scales must be positive numbers"),
        (("--alchemical", "-1,1"), "scales must be positive numbers"),
        (("--alchemical", "auto", "--from-scratch"), "random weights cannot be transferred"),
        (("--element-map", "Ar=Kr"), "--element-map requires --alchemical"),
        (("--alchemical", "1.1", "--element-map", "Ar=Xe"), "gives Xe, expected Kr"),
        (("--alchemical", "1.1", "--element-map", "He=Kr"), "cannot replace He"),
    ],
)
def test_bad_input(hub, trained, krypton, tmp_path, options, message):
    done = hub("finetune", "--data", krypton, "--model", trained, *options, "--out", "run")
    assert done.code == 1
    assert message in done.err
    assert not (tmp_path / "run").exists()


def test_data_without_labels(hub, trained, krypton, tmp_path):
    bare = argon(12)
    for atoms in bare:
        atoms.calc = None
    write_data(tmp_path / "bare.xyz", bare)
    done = hub("finetune", "--data", "bare.xyz", "--model", trained, "--alchemical", "auto")
    assert done.code == 1
    assert "no energy found in the files" in done.err
    assert "hint: " in done.err


@pytest.mark.slow
def test_forces_alike_are_worth_a_training(hub):
    """Carbon knows diamond's forces, and misjudges the energies of dense silicon."""
    model = ("--model", "c-nep-pretrained", "--alchemical", "auto")
    done = hub("finetune", "--data", "si-pbe-examples", *model, "--n-train", 25, "--epochs", 1)
    assert done.code == 0, done.err
    assert "the scales are fitted to the forces only" in done.err
