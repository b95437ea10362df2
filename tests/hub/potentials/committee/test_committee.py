"""Committees: mean and spread of their members, in memory and in files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from ase.build import bulk
from safetensors.torch import load_file, save_file

import hub as library
from hub.errors import ModelError
from hub.potentials.architectures import parse_config
from hub.potentials.building import build_accelerated
from hub.potentials.committee.potential import Committee, join
from hub.potentials.directory import read_model, write_model
from hub.potentials.nequip.onehot import OneHotConfig
from registry.documents import MalformedError
from tests.hub.training.conftest import TINY, argon, write_data

CONFIG = OneHotConfig(("Cu", "Ni"), 4.0, 12.0, "test", **TINY)


@pytest.fixture(scope="module")
def members():
    return [build_accelerated(CONFIG, dtype=torch.float64, seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def directory(tmp_path_factory, members):
    folder = tmp_path_factory.mktemp("committee")
    write_model(folder, join(members))
    return folder


@pytest.fixture
def alloy():
    atoms = bulk("Cu", cubic=True, a=3.7) * (2, 1, 1)
    atoms.symbols[::3] = "Ni"
    atoms.rattle(0.1, seed=1)
    return atoms


def test_results_are_means_and_spreads_standard_deviations(
    directory, members, alloy, tmp_path
) -> None:
    single = []
    for number, member in enumerate(members):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_model(folder, member)
        calculator = library.calculator(folder, device="cpu")
        calculator.calculate(alloy)
        single.append(calculator.results)
        assert "forces_spread" not in calculator.implemented_properties
    calculator = library.calculator(directory, device="cpu")
    for name in ("energy", "forces", "stress", "energies"):
        every = np.array([each[name] for each in single])
        found = calculator.get_property(name, alloy)
        np.testing.assert_allclose(found, every.mean(axis=0), rtol=0, atol=1e-12)
    energies, forces = (np.array([each[name] for each in single]) for name in ("energy", "forces"))
    spread = calculator.get_property("energy_spread", alloy)
    assert spread == pytest.approx(energies.std(ddof=1), abs=1e-12)
    assert spread > 1e-3
    np.testing.assert_allclose(
        calculator.get_property("forces_spread", alloy), forces.std(axis=0, ddof=1), atol=1e-12
    )


def test_forces_of_the_mean_are_its_derivatives(directory, alloy) -> None:
    calculator = library.calculator(directory, device="cpu")
    forces = calculator.get_property("forces", alloy)
    for atom, axis in ((0, 0), (3, 2)):
        energies = []
        for step in (1e-4, -1e-4):
            moved = alloy.copy()
            moved.positions[atom, axis] += step
            energies.append(calculator.get_property("energy", moved))
        assert forces[atom, axis] == pytest.approx((energies[1] - energies[0]) / 2e-4, abs=1e-6)


def test_a_read_committee_is_the_written_one(directory, members) -> None:
    found = read_model(directory)
    assert isinstance(found, Committee)
    weights = join(members).weights()
    assert found.weights().keys() == weights.keys()
    assert all(torch.equal(found.weights()[name], weights[name]) for name in weights)
    single = read_model(directory, dtype=torch.float32)
    assert single.dtype == torch.float32


def test_a_damaged_member_is_noticed(directory, tmp_path) -> None:
    for path in directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "weights.safetensors")
    name = next(each for each in weights if each.startswith("member-2.") and "readout" in each)
    weights[name] += 0.01
    save_file(weights, tmp_path / "weights.safetensors")
    with pytest.raises(ModelError, match="does not reproduce"):
        read_model(tmp_path)


def test_members_of_different_elements_are_refused(members) -> None:
    other = OneHotConfig(("Cu", "Au"), 4.0, 12.0, "test", **TINY)
    with pytest.raises(ModelError, match="same elements"):
        join([*members, build_accelerated(other, dtype=torch.float64)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda members: members[:1], "at least two"),
        (lambda members: members * 40, "length <= 100"),
        (lambda members: [members[0], members[1] | {"r_max": 5.0}], "another cutoff"),
        (lambda members: [members[0], members[1] | {"type_names": ["Cu", "Au"]}], "other elements"),
        (lambda members: [members[0], members[1] | {"num_layers": -1}], "num_layers"),
        (lambda members: [members[0], members[1] | {"more": 1}], "more"),
    ],
)
def test_malformed_configurations_are_refused(directory, change, message) -> None:
    content = json.loads((directory / "config.json").read_text())
    content["members"] = change(content["members"])
    with pytest.raises(MalformedError, match=message):
        parse_config(content)


def test_a_committee_within_a_committee_is_refused(directory) -> None:
    content = json.loads((directory / "config.json").read_text())
    with pytest.raises(MalformedError, match="within a committee"):
        parse_config(content | {"members": [content, content]})


def test_a_committee_cannot_be_trained(hub, directory, tmp_path) -> None:
    data = write_data(tmp_path / "data.xyz", argon(8))
    done = hub("finetune", "--data", data, "--model", directory, "--out", "run")
    assert done.code == 1
    assert "cannot be trained" in done.err
    assert not (tmp_path / "run").exists()
