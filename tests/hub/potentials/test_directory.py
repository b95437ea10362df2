"""Model directories: what is written is what is read, and what is not is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from hub.errors import IncompatibleModelError, ModelError
from hub.potentials.architectures import read_config
from hub.potentials.building import build_potential
from hub.potentials.config import FORMAT
from hub.potentials.directory import read_model, write_model
from hub.potentials.nequip.onehot import OneHotConfig
from hub.potentials.probe import predict_probe, probe_structures, read_probe, write_probe
from tests.hub.potentials.small import SMALL, random_model


@pytest.fixture
def directory(random_directory, tmp_path):
    """A copy of a model directory, to be spoilt."""
    return shutil.copytree(random_directory, tmp_path / "model")


def edit_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_written_and_read_it_is_the_same(tmp_path, dtype):
    model = random_model(dtype=dtype, seed=7)
    model.set_energy_scales(1.7)
    model.set_energy_shifts({"C": -7.123456789012345, "H": 0.25})
    write_model(tmp_path, model)
    again = read_model(tmp_path, dtype=dtype, accelerated=False)
    assert again.config == SMALL
    assert not again.training
    expected, found = model.weights(), again.weights()
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name
    assert again.energy_shifts() == {"C": -7.123456789012345, "H": 0.25}
    structures = probe_structures(SMALL.type_names)
    before, after = (predict_probe(each, structures) for each in (model, again))
    assert after.energies == before.energies
    assert all(np.array_equal(a, b) for a, b in zip(after.forces, before.forces, strict=True))


def test_single_precision_of_double_weights_is_near(random_directory):
    single = read_model(random_directory, dtype=torch.float32)
    double = read_model(random_directory, dtype=torch.float64)
    structures = probe_structures(SMALL.type_names)
    energies = [predict_probe(model, structures).energies for model in (single, double)]
    assert np.allclose(*energies, rtol=0, atol=1e-4)
    assert energies[0] != energies[1]


def test_the_same_seed_gives_the_same_weights():
    one, same, other = (random_model(seed=seed).weights() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_a_changed_weight_is_noticed(directory):
    path = directory / "weights.safetensors"
    tensors = load_file(path)
    name = "layer1_convnet.conv.linear_2.weight"
    tensors[name][3] += 1e-3
    save_file(tensors, path)
    with pytest.raises(ModelError, match="does not reproduce its stored predictions: off by"):
        read_model(directory)


def test_weights_that_are_no_numbers_are_noticed(directory):
    path = directory / "weights.safetensors"
    tensors = load_file(path)
    tensors["layer0_convnet.conv.linear_1.weight"][0] = torch.nan
    save_file(tensors, path)
    with pytest.raises(ModelError, match=r"weights\.safetensors contains numbers that are not fin"):
        read_model(directory)


@pytest.mark.parametrize(
    "changes", [{"avg_num_neighbors": 9.05}, {"polynomial_cutoff_p": 5}, {"r_max": 3.01}]
)
def test_a_changed_constant_is_noticed(directory, changes):
    edit_json(directory / "config.json", **changes)
    for dtype in (torch.float64, torch.float32):
        with pytest.raises(ModelError, match="does not reproduce"):
            read_model(directory, dtype=dtype)


@pytest.mark.parametrize("types", [["H", "C"], ["C", "N"]])
def test_exchanged_types_are_noticed(directory, types):
    edit_json(directory / "config.json", type_names=types)
    with pytest.raises((ModelError, IncompatibleModelError)):
        read_model(directory)


@pytest.mark.parametrize("changes", [{"num_features": 5}, {"num_layers": 2}, {"l_max": 2}])
def test_weights_of_another_architecture_are_refused(directory, changes):
    edit_json(directory / "config.json", **changes)
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        read_model(directory)


def test_a_missing_or_unknown_tensor_is_named(directory):
    path = directory / "weights.safetensors"
    tensors = load_file(path)
    tensors["something.else"] = tensors.pop("type_embed.embed_module.weight")
    save_file(tensors, path)
    with pytest.raises(ModelError, match=r"1 tensors missing, 1 unknown \(something.else, type_em"):
        read_model(directory)


@pytest.mark.parametrize("kept", [0, 7, 100, -8])
def test_a_truncated_file_is_refused(directory, kept):
    path = directory / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match="corrupted"):
        read_model(directory)


@pytest.mark.parametrize("name", ["weights.safetensors", "config.json", "probe.json"])
def test_a_missing_file_is_named(directory, name):
    (directory / name).unlink()
    with pytest.raises(ModelError, match=name):
        read_model(directory)


@pytest.mark.parametrize("name", ["config.json", "probe.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"format": "new"}', "\udc80"])
def test_a_damaged_file_is_named(directory, name, content):
    (directory / name).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=name):
        read_model(directory)


@pytest.mark.parametrize("entries", [[], [{}], [{"forces": [[0.0, 0.0]]}], {}, "no list"])
def test_a_damaged_probe_is_named(directory, entries):
    path = directory / "probe.json"
    if entries and "forces" in entries[0]:
        entries = [json.loads(path.read_text())["entries"][0] | entries[0]]
    edit_json(path, entries=entries)
    with pytest.raises(ModelError, match=r"probe\.json is corrupted"):
        read_model(directory)


@pytest.mark.parametrize("name", ["config.json", "probe.json"])
def test_a_newer_format_is_refused(directory, name):
    edit_json(directory / name, format=FORMAT + 1)
    with pytest.raises(IncompatibleModelError, match=f"{name} has format 2"):
        read_model(directory)


def test_another_architecture_is_refused(directory):
    edit_json(directory / "config.json", architecture="something-newer")
    with pytest.raises(IncompatibleModelError, match="something-newer"):
        read_model(directory)


def test_known_predictions_must_be_reproduced_when_writing(directory, tmp_path):
    probe = read_probe(directory / "probe.json")
    (tmp_path / "other").mkdir()
    with pytest.raises(ModelError, match="does not reproduce"):
        write_model(tmp_path / "other", random_model(seed=99), probe)
    assert not (tmp_path / "other" / "probe.json").exists()


def test_probes_exercise_every_type(tmp_path):
    structures = probe_structures(("C", "H", "Au"))
    assert sum(len(atoms) == 1 for atoms in structures) == 3
    assert sum(len(atoms) == 2 for atoms in structures) == 6
    config = SMALL.with_changes(type_names=("C", "H", "Au"), r_max=4.0)
    probe = predict_probe(build_potential(config), structures)
    write_probe(tmp_path / "probe.json", probe)
    again = read_probe(tmp_path / "probe.json")
    assert again.energies == probe.energies
    for one, other in zip(again.structures, structures, strict=True):
        assert one == other
    for one, other in zip(again.forces, probe.forces, strict=True):
        assert np.array_equal(one, other)


configurations = st.builds(
    OneHotConfig,
    type_names=st.lists(st.sampled_from(["H", "C", "O", "Si"]), min_size=1, unique=True).map(tuple),
    r_max=st.floats(0.1, 20),
    avg_num_neighbors=st.floats(0.1, 500),
    energy_reference=st.text(),
    num_layers=st.integers(1, 9),
    parity=st.booleans(),
)


@settings(deadline=None)
@given(config=configurations)
def test_configurations_are_read_as_they_were_written(tmp_path_factory, config):
    directory = tmp_path_factory.mktemp("config")
    (directory / "config.json").write_text(config.to_json(), encoding="utf-8")
    assert read_config(directory) == config


def test_setting_weights_changes_the_function():
    one, other = random_model(seed=1), random_model(seed=2)
    one.set_weights(other.weights(), "the other")
    structures = probe_structures(SMALL.type_names)
    assert predict_probe(one, structures).energies == predict_probe(other, structures).energies
    assert torch.equal(
        one.energy_network.get_parameter("type_embed.embed_module.weight"),
        other.energy_network.get_parameter("type_embed.embed_module.weight"),
    )
