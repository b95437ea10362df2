"""Compiled networks predict what NequIP's own predict, and learn the same from labels."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from ase import Atoms

from hub.potentials.batches import collate
from hub.structures.graphs import build_graph
from hub.training.steps import loss_of
from tests.hub.potentials.nequip.configurations import CONFIGURATIONS, batch, built, compiled
from tests.variants import few_fast


def predicted(output):
    """Return what a potential predicts, by name, as constants."""
    return {name: value.detach() for name, value in vars(output).items() if value is not None}


def outcome(model, given):
    """Return predictions, and the gradients that training follows."""
    model.train()
    output = model(given)
    loss = loss_of(output, given, energy_weight=4.0, stress_weight=50.0)
    named = [(name, each) for name, each in model.energy_network.named_parameters()]
    trained = {name: each for name, each in named if each.requires_grad and each.numel()}
    gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    return predicted(output) | {
        name: torch.zeros_like(trained[name]) if each is None else each
        for name, each in zip(trained, gradients, strict=True)
    }


def compare(found, expected, tolerance):
    assert set(found) == set(expected)
    largest = max(float(each.abs().nan_to_num().max()) for each in expected.values())
    assert largest > 0.1
    for name, value in expected.items():
        assert torch.equal(found[name].isnan(), value.isnan()), name
        scale = max(float(value.abs().nan_to_num().max()), 1e-3 * largest)
        assert float((found[name] - value).abs().nan_to_num().max()) < tolerance * scale, name


@pytest.mark.parametrize("name", few_fast(CONFIGURATIONS, 4))
def test_it_computes_what_nequip_computes(name):
    model, stock = compiled(name), built(name)
    given = batch(stock.config)
    compare(outcome(model, given), outcome(stock, given), 1e-10)
    predictions = [each.eval()(given) for each in (model, stock)]
    one, other = map(predicted, predictions)
    compare(one, other, 1e-11)


def test_single_precision():
    given = batch(CONFIGURATIONS["types"])
    found = outcome(compiled("types", torch.float32), given)
    compare(found, outcome(built("types", torch.float32), given), 2e-4)
    assert found["energies"].dtype == found["forces"].dtype == torch.float64


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize(
    "atoms",
    [
        [Atoms("C")],
        [Atoms("HH", [[0, 0, 0], [0, 0, 8]]), Atoms("H", cell=[9, 9, 9], pbc=True)],
    ],
    ids=["one atom", "apart"],
)
def test_structures_without_neighbours(atoms, is_training):
    model, stock = compiled("stock").train(is_training), built("stock").train(is_training)
    given = collate([build_graph(each, ("C", "H"), 3.2) for each in atoms])
    found, expected = model(given), stock(given)
    assert torch.allclose(found.energies, expected.energies, rtol=1e-12)
    assert (found.forces == 0).all()
    assert torch.equal(found.stresses.isnan(), expected.stresses.isnan())
    if is_training:
        (found.energies.sum() + found.forces.square().sum()).backward()


def test_weights_fit_both_ways():
    stock, model = built("types"), compiled("types")
    assert list(model.weights()) == list(stock.weights())
    names = [
        {group: len(parameters) for group, parameters in each.parameter_groups().items()}
        for each in (stock, model)
    ]
    assert names[0] == names[1]
    given = batch(stock.config)
    other = deepcopy(stock)
    other.set_weights({name: 0 * value for name, value in model.weights().items()}, "nowhere")
    other.set_weights(model.weights(), "there")
    assert torch.equal(other.eval()(given).energies, stock.eval()(given).energies)
    other.accelerate()
    assert other.is_compiled
    assert other.accelerate() is other
    assert torch.equal(other(given).forces, model.eval()(given).forces)


def test_the_order_of_edges_does_not_matter():
    model = compiled("types").eval()
    given = batch(model.config)
    order = torch.randperm(given.edges.shape[1], generator=torch.Generator().manual_seed(0))
    shuffled = replace(given, edges=given.edges[:, order], shifts=given.shifts[order])
    assert torch.allclose(model(shuffled).forces, model(given).forces, atol=1e-12)


def test_a_one_way_list_gives_the_energy_of_its_edges():
    """As NequIP does: each edge counts for its own centre."""
    model, stock = compiled("stock").eval(), built("stock").eval()
    given = batch(model.config)
    given = replace(given, edges=given.edges[:, 1:], shifts=given.shifts[1:])
    found, expected = model(given), stock(given)
    assert torch.allclose(found.energies, expected.energies, rtol=1e-12)
    assert torch.allclose(found.forces, expected.forces, atol=1e-11)
