"""The published checkpoints compute what NequIP 0.5.6 computed from them."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import read

from hub.errors import ModelError
from hub.importers.nnp_pre_training import config_of, convert, import_checkpoint, read_state
from hub.potentials import load_model
from hub.potentials.probe import predict_probe
from hub.pulling import pull
from registry.cards import builtin_cards

CARDS = {
    name: card for name, card in builtin_cards().items() if card.importer == "nnp-pre-training"
}
REFERENCES = {
    "c-ace-pretrained-100": "ace-100",
    "c-ace-pretrained-10k": "ace-10_000",
    "c-gap20u-pretrained": "gap20-10_000",
}


def checkpoint(mirror: Path, name: str) -> Path:
    return mirror / "nnp-pre-training" / CARDS[name].source.path


def test_there_are_ten():
    assert len(CARDS) == 10


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCES)
def test_the_conversion_is_exact(mirror, shared, name):
    """In float64, at the average number of neighbours that the reference was made with."""
    reference = np.load(shared / "conversion" / f"oracle_{REFERENCES[name]}_f64.npz")
    structures = read(shared / "conversion" / "oracle_structures.extxyz", ":")
    chosen = [atoms for atoms in structures if f"{atoms.info['name']}/energy" in reference]
    assert {"isolated", "dimer", "diamond"} <= {atoms.info["name"] for atoms in chosen}
    config = config_of(CARDS[name]).with_changes(avg_num_neighbors=float(reference["ann"]))
    model = convert(read_state(checkpoint(mirror, name)), config)
    predicted = predict_probe(model, chosen)
    for atoms, energy, forces in zip(chosen, predicted.energies, predicted.forces, strict=True):
        label = atoms.info["name"]
        assert abs(energy - reference[f"{label}/energy"]) <= 1e-8 * len(atoms), label
        assert np.abs(forces - reference[f"{label}/forces"]).max() <= 5e-7, label


@pytest.mark.parametrize("name", CARDS)
def test_every_checkpoint_is_pulled_and_checked(mirror, name):
    """Loading proves the predictions stored with the card, which came from an exact conversion."""
    model = load_model(pull(name))
    assert model.config == config_of(CARDS[name])
    assert all(bool(value.isfinite().all()) for value in model.parameters())
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad)
    assert trained == CARDS[name].front_matter["model"]["parameters"]["converted"]


def test_the_converted_weights_are_those_of_the_file(mirror):
    """The tensors that need no change reach the model bit by bit."""
    name = "c-edip-pretrained"
    state = read_state(checkpoint(mirror, name))
    model = convert(state, config_of(CARDS[name])).energy_network
    for layer in range(4):
        key = f"layer{layer}_convnet.conv.linear_1.weight"
        assert torch.equal(model.get_parameter(key), state[key])


@dataclass
class Payload:
    """Writes a file when it is unpickled."""

    path: Path

    def __reduce__(self):
        return Path.write_text, (self.path, "executed")


def test_code_in_a_pickle_is_not_run(tmp_path):
    source = tmp_path / "evil.pth"
    torch.save({"weights": torch.zeros(1), "more": Payload(tmp_path / "proof")}, source)
    with pytest.raises(ModelError, match="not a checkpoint of plain tensors"):
        import_checkpoint(CARDS["c-edip-pretrained"], [source], tmp_path)
    source.write_bytes(pickle.dumps(Payload(tmp_path / "proof"), protocol=2))
    with pytest.raises(ModelError, match="not a checkpoint of plain tensors"):
        import_checkpoint(CARDS["c-edip-pretrained"], [source], tmp_path)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"PK\x03\x04 but no archive", bytes(range(256)) * 10]
)
def test_other_bytes_are_refused(tmp_path, content):
    source = tmp_path / "noise.pth"
    source.write_bytes(content)
    with pytest.raises(ModelError):
        import_checkpoint(CARDS["c-edip-pretrained"], [source], tmp_path)


def test_other_tensors_are_refused(tmp_path, mirror):
    card = CARDS["c-edip-pretrained"]
    source = tmp_path / "other.pth"
    for content in ({"weight": torch.zeros(3)}, [torch.zeros(3)], {"weight": "text"}):
        torch.save(content, source)
        with pytest.raises(ModelError):
            import_checkpoint(card, [source], tmp_path)
    state = torch.load(checkpoint(mirror, card.name), map_location="cpu", weights_only=True)
    spoilt = {
        "scaled": {"scale_by": torch.ones(1)},
        "shape": {"layer1_convnet.conv.linear_2.weight": torch.zeros(7)},
    }
    for tensors in spoilt.values():
        torch.save(state | {f"model.func.{key}": v for key, v in tensors.items()}, source)
        with pytest.raises(ModelError):
            import_checkpoint(card, [source], tmp_path)


def test_a_checkpoint_under_the_wrong_name_is_refused(tmp_path, mirror):
    """The predictions stored with a card tell its checkpoint from all others."""
    with pytest.raises(ModelError, match="does not reproduce"):
        import_checkpoint(
            CARDS["c-ace-pretrained"], [checkpoint(mirror, "c-ace-pretrained-33k")], tmp_path
        )
