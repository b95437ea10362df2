"""The compiled network computes what sevenn's does, with the same weights and without sevenn."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from ase import Atoms

from hub.potentials import kernels
from hub.potentials.batches import collate
from hub.potentials.building import build_accelerated, build_potential
from hub.potentials.directory import read_model, write_model
from hub.potentials.equivariant import layers
from hub.potentials.equivariant import potential as equivariant
from hub.structures.graphs import build_graph
from tests.conformance.potentials import crystal, molecule, outputs
from tests.hub.potentials.sevennet.test_potential import SMALL
from tests.variants import few_fast

PREDICTIONS = ("energies", "forces", "stresses", "atomic_energies", "features")
CONFIGURATIONS = [
    {},
    {"num_layers": 1},
    {"num_layers": 3, "channels": (7, 3), "polynomial_cutoff_p": 4},
    {"num_layers": 3, "channels": (4, 9, 5), "xplor_start": 2.8, "radial_mlp_depth": 1},
    {"channels": (3,), "num_bessels": 1, "type_names": ("C",)},
    {"channels": (2, 3, 2, 1), "radial_mlp_depth": 3, "avg_num_neighbors": 0.7},
    {"num_layers": 3, "channels": (2, 3, 2, 1)},
]


def random_one(changes, dtype=torch.float64):
    """Return a potential of sevenn's with random weights, scales, shifts and denominators."""
    potential = build_potential(SMALL.with_changes(**changes), dtype=dtype, seed=5)
    with torch.no_grad():
        for name, value in potential.tensors().items():
            if name.endswith(("denominator", "scale", "shift", "coeffs")):
                value.mul_(1 + 0.3 * torch.rand_like(value))
    potential.set_energy_shifts({name: -n - 0.5 for n, name in enumerate(potential.elements)})
    return potential


def structures_of(potential):
    apart = Atoms([potential.elements[0]] * 2, [[0, 0, 0], [0, 0, 20]])
    return [crystal(potential, 1), molecule(potential), apart, crystal(potential, 2)]


def compiled(potential):
    found = copy.deepcopy(potential).accelerate()
    assert found.is_compiled
    assert not potential.is_compiled
    return found


def assert_same(found, expected, tolerance):
    for name in PREDICTIONS:
        one, other = getattr(found, name).detach(), getattr(expected, name).detach()
        assert one.dtype == other.dtype, name
        scale = max(1.0, float(other.abs().max()))
        assert float((one - other).abs().max()) <= tolerance * scale, name


def gradients_of_a_loss(potential):
    """Return the gradients of a loss that depends on all predictions, by parameter."""
    potential.train()
    output = outputs(potential, structures_of(potential))
    loss = sum(
        (value * torch.linspace(-1, 1, value.numel()).view(value.shape)).square().sum()
        for value in (getattr(output, name) for name in PREDICTIONS)
    )
    loss.backward()
    return {name: value.grad for name, value in potential.network.named_parameters()}


@pytest.mark.parametrize("changes", few_fast(CONFIGURATIONS, 2))
def test_it_computes_what_sevenn_computes(changes):
    reference = random_one(changes)
    found = compiled(reference)
    assert_same(
        outputs(found.eval(), structures_of(found)),
        outputs(reference.eval(), structures_of(reference)),
        1e-11,
    )
    expected, gradients = gradients_of_a_loss(reference), gradients_of_a_loss(found)
    assert list(gradients) == list(expected)
    for name, value in expected.items():
        scale = float(value.abs().max())
        assert scale > 0, name
        assert float((gradients[name] - value).abs().max()) <= 1e-10 * scale, name


@pytest.mark.slow
def test_single_precision_is_as_near_to_double_as_sevenns():
    double, single = random_one({}), random_one({}, torch.float32)
    single.set_weights(double.weights(), "the other")
    found = compiled(single).eval()
    assert found.dtype == torch.float32
    assert_same(outputs(found, structures_of(found)), outputs(single, structures_of(found)), 2e-5)
    expected = gradients_of_a_loss(double)
    for name, value in gradients_of_a_loss(found).items():
        assert value.dtype == torch.float32, name
        scale = float(expected[name].abs().max())
        assert float((value - expected[name]).abs().max()) <= 1e-4 * scale, name


def test_weights_have_the_names_and_the_order_of_sevenns():
    reference = random_one({"num_layers": 3})
    found = compiled(reference)
    assert list(found.tensors()) == list(reference.tensors())
    for name, value in reference.weights().items():
        assert torch.equal(found.weights()[name], value), name
        assert found.weights()[name].dtype == value.dtype, name
    groups, expected = found.parameter_groups(), reference.parameter_groups()
    assert list(groups) == list(expected)
    assert [len(each) for each in groups.values()] == [len(each) for each in expected.values()]


def test_an_edge_without_a_reverse_is_taken_alone():
    reference = random_one({}).eval()
    graph = build_graph(crystal(reference), reference.elements, reference.cutoff)
    batch = collate([graph])
    batch = replace(batch, edges=batch.edges[:, 1:], shifts=batch.shifts[1:])
    assert_same(compiled(reference)(batch), reference(batch), 1e-11)


def test_copies_and_pickles_compute_the_same():
    found = compiled(random_one({})).eval()
    expected = outputs(found, structures_of(found))
    for other in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert other.is_compiled
        assert_same(outputs(other, structures_of(other)), expected, 0.0)


def test_the_default_precision_decides_nothing():
    found = compiled(random_one({}, torch.float32)).eval()
    expected = outputs(found, structures_of(found))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert_same(outputs(found, structures_of(found)), expected, 0.0)
    finally:
        torch.set_default_dtype(before)


def test_without_a_volume_there_is_no_stress():
    found = compiled(random_one({})).train()
    output = outputs(found, [molecule(found), crystal(found)])
    assert not output.stresses[0].any()
    assert output.stresses[1].abs().max() > 0
    output.stresses.square().sum().backward()
    parameters = dict(found.named_parameters())
    assert all(each.grad is None or each.grad.isfinite().all() for each in parameters.values())
    assert parameters["network.0_convolution.weight_nn.layer0.weight"].grad.any()


@pytest.mark.slow
def test_a_model_is_computed_without_sevenn(tmp_path):
    """Its import takes seconds."""
    write_model(tmp_path, random_one({}))
    code = """
import json, sys
from pathlib import Path
from ase import Atoms
import hub
atoms = Atoms("NaCl", [[0, 0, 0], [1.5, 1, 2]])
atoms.calc = hub.calculator(Path(sys.argv[1]))
atoms.get_forces()
print(json.dumps([name for name in ("sevenn", "e3nn", "nequip") if name in sys.modules]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("reason", ["couplings", "llvmlite"])
def test_what_cannot_be_compiled_is_computed_by_sevenn(reason, monkeypatch, tmp_path, caplog):
    kernels.warn_of_slowness.cache_clear()
    reference = random_one({}).eval()
    write_model(tmp_path, reference)
    if reason == "couplings":
        monkeypatch.setattr(layers, "_MOST_COUPLINGS", 8)
    else:
        monkeypatch.setattr(equivariant, "are_available", lambda _: False)
    found = read_model(tmp_path)
    assert not found.is_compiled
    assert [each[:31] for each in caplog.messages] == ["computing with sevenn's modules"]
    assert_same(outputs(found, structures_of(found)), outputs(reference, structures_of(found)), 0)


def test_it_is_built_compiled_for_given_weights():
    found = build_accelerated(SMALL, dtype=torch.float32)
    assert found.is_compiled
    assert found.accelerate() is found
    assert found.device == torch.device("cpu")
