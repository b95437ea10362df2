"""SevenNet-0 computes what sevenn's own calculator computes, and nothing else is taken for it."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from sevenn import _const
from sevenn.calculator import SevenNetCalculator
from sevenn.checkpoint import SevenNetCheckpoint

from hub.errors import ModelError
from hub.potentials import load_model
from hub.potentials.building import build_potential
from hub.potentials.probe import predict_probe, read_probe
from hub.potentials.sevennet import weights_of
from hub.potentials.sevennet.importing import convert, import_wheel
from hub.pulling import pull
from tests.conformance.potentials import numbers, outputs
from tests.hub.potentials.sevennet.conftest import CARD, FACTS


def sheared(atoms: Atoms, seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms.set_cell(atoms.cell @ (np.eye(3) + 0.03 * rng.normal(size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.1, seed=seed)
    return atoms


STRUCTURES = [
    sheared(bulk("Mo", cubic=True).repeat(2), 1),
    sheared(bulk("NaCl", "rocksalt", a=5.6, cubic=True), 2),
    sheared(bulk("Si", cubic=True), 3),
    molecule("H2O"),
    molecule("CH3CH2OH"),
    Atoms("Mo"),
    Atoms("Mo2", [[0, 0, 0], [0, 0, 20]]),
]


def compare(potential, calculator):
    """Compare one batch of all structures with the calculator, structure by structure."""
    found = outputs(potential, STRUCTURES)
    energies, forces, stresses = map(numbers, (found.energies, found.forces, found.stresses))
    starts = np.cumsum([0, *map(len, STRUCTURES)])
    for index, structure in enumerate(STRUCTURES):
        atoms = structure.copy()
        atoms.calc = calculator
        energy = atoms.get_potential_energy()
        assert energies[index] == pytest.approx(energy, abs=3e-6 * len(atoms)), atoms
        mine = forces[starts[index] : starts[index + 1]]
        assert np.allclose(mine, atoms.get_forces(), rtol=0, atol=5e-6), atoms
        expected = atoms.get_stress(voigt=False) if atoms.pbc.all() else np.zeros((3, 3))
        assert np.allclose(stresses[index], expected, rtol=0, atol=3e-7), atoms


@pytest.mark.slow
def test_predictions_are_those_of_sevenns_calculator(converted):
    calculator = SevenNetCalculator("7net-0", device="cpu")
    compare(converted, calculator)
    compiled = copy.deepcopy(converted).accelerate()
    assert compiled.is_compiled
    compare(compiled, calculator)


@pytest.mark.slow
def test_another_checkpoint_of_the_package_is_rebuilt_as_well():
    """One of higher degree, with another cutoff function."""
    potential = convert(Path(_const.SEVENNET_l3i5), FACTS).eval()
    assert potential.config.channels == (128, 64, 32, 32)
    assert potential.config.xplor_start is None
    compare(potential, SevenNetCalculator("7net-l3i5", device="cpu"))


@pytest.mark.slow
def test_the_weights_are_those_that_sevenn_loads(converted, checkpoint):
    """All of them: those that are trained, and those that are frozen."""
    expected = dict(SevenNetCheckpoint(str(checkpoint)).build_model().named_parameters())
    found = converted.tensors()
    assert set(found) == set(expected)
    assert len(found) == 41
    assert all(torch.equal(found[name].float(), value) for name, value in expected.items())
    trained = {name for name, value in expected.items() if value.requires_grad}
    assert {name for name, value in found.items() if value.requires_grad} == trained
    groups = {name: len(group) for name, group in converted.parameter_groups().items()}
    layers = {f"interaction-{layer}": 6 for layer in range(5)}
    assert groups == {"embedding": 2, **layers, "readout": 2}
    assert sum(groups.values()) == len(trained) == 34
    count = sum(value.numel() for value in converted.parameters())
    assert count <= weights_of(converted.config) < 1.5 * count


@pytest.mark.slow
def test_the_stored_predictions_are_reproduced_to_rounding(converted):
    """They come from sevenn's own model; both precisions are far within what is allowed."""
    probe = read_probe(CARD.path.parent / "probes" / f"{CARD.name}.json")
    assert {each for atoms in probe.structures for each in atoms.symbols} == set(converted.elements)
    double = build_potential(converted.config, dtype=torch.float64)
    double.set_weights(converted.weights(), "the checkpoint")
    sizes = np.array([len(atoms) for atoms in probe.structures])
    for potential, most in ((double, 1e-11), (converted, 1e-4)):
        found = predict_probe(potential, probe.structures)
        differences = np.subtract(found.energies, probe.energies) / sizes
        assert np.abs(differences).max() <= most / 10
        forces = np.concatenate(found.forces) - np.concatenate(probe.forces)
        assert np.abs(forces).max() <= most


@pytest.mark.slow
def test_it_is_pulled_and_loaded(converted, own_home):
    path = pull("sevennet-0")
    assert sorted(file.name for file in path.iterdir()) == [
        "README.md", "config.json", "probe.json", "weights.safetensors",
    ]  # fmt: skip
    loaded = load_model("sevennet-0", dtype="float32")
    assert loaded.is_compiled
    assert loaded.config.with_changes(energy_reference="VASP") == converted.config
    one, other = outputs(loaded, STRUCTURES), outputs(converted, STRUCTURES)
    # Where tensors lie in memory decides the order of sums, and so the last digit in float32.
    assert torch.allclose(one.energies, other.energies, rtol=0, atol=1e-5)
    assert torch.allclose(one.forces, other.forces, rtol=0, atol=1e-5)


@dataclass
class Payload:
    """Writes a file when it is unpickled."""

    path: Path

    def __reduce__(self):
        return Path.write_text, (self.path, "executed")


def test_code_in_a_pickle_is_not_run(tmp_path, checkpoint):
    source = tmp_path / "evil.pth"
    content = {"model_state_dict": {}, "config": {"version": "0.9.1"}}
    torch.save({**content, "more": Payload(tmp_path / "proof")}, source)
    with pytest.raises(ModelError, match="not a SevenNet checkpoint"):
        import_wheel(CARD, [source], tmp_path)
    source.write_bytes(pickle.dumps(Payload(tmp_path / "proof"), protocol=2))
    with pytest.raises(ModelError, match="not a SevenNet checkpoint"):
        import_wheel(CARD, [source], tmp_path)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no archive", bytes(range(256)) * 10])
def test_other_bytes_are_refused(tmp_path, content):
    source = tmp_path / "noise.pth"
    source.write_bytes(content)
    with pytest.raises(ModelError, match="not a SevenNet checkpoint"):
        import_wheel(CARD, [source], tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"config": {}, "model_state_dict": {}},
        {"config": {"version": "0.9.1"}, "model_state_dict": {}},
        {"config": {"version": "0.11.0"}, "model_state_dict": []},
    ],
)
def test_other_content_is_refused(tmp_path, content):
    source = tmp_path / "other.pth"
    torch.save(content, source)
    with pytest.raises(ModelError, match="not a SevenNet checkpoint"):
        import_wheel(CARD, [source], tmp_path)


def test_another_kind_of_checkpoint_is_refused(tmp_path):
    """The potential of several levels of theory."""
    with pytest.raises(ModelError, match="its levels of theory are R2SCAN, PBE"):
        import_wheel(CARD, [Path(_const.SEVENNET_MF_0)], tmp_path)


@pytest.mark.slow
def test_another_checkpoint_of_the_same_shape_is_refused(tmp_path, checkpoint):
    """The predictions stored with the card tell its checkpoint from all others."""
    content = torch.load(checkpoint, weights_only=False, map_location="cpu")
    state, config = content["model_state_dict"], content["config"]
    state["reduce_hidden_to_energy.linear.weight"][0] += 1e-4
    plain = {name: value for name, value in config.items() if not hasattr(value, "dtype")}
    source = tmp_path / "other.pth"
    torch.save({"model_state_dict": state, "config": plain}, source)
    with pytest.raises(ModelError, match="does not reproduce"):
        import_wheel(CARD, [source], tmp_path)
