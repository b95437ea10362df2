"""The faster tensor product computes what NequIP's own does, derivatives included."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from ase import Atoms
from nequip.nn._tp_scatter_base import TensorProductScatter

from hub.potentials.batches import collate
from hub.potentials.nequip.tensor_product import SplitTensorProductScatter, accelerate
from hub.structures.graphs import build_graph
from hub.training.steps import loss_of
from tests.hub.potentials.small import SMALL, hydrocarbon, random_model
from tests.variants import few_fast


def batch(config):
    """Two crystals, a dimer and an isolated atom with made-up labels."""
    structures = [hydrocarbon(1), hydrocarbon(2), Atoms("CH", [[0, 0, 0], [0, 0, 1.1]]), Atoms("C")]
    generator = torch.Generator().manual_seed(0)
    return [
        replace(
            build_graph(atoms, config.type_names, config.r_max),
            energy=torch.tensor(-5.0 * len(atoms), dtype=torch.float64),
            forces=torch.randn(len(atoms), 3, generator=generator, dtype=torch.float64),
        )
        for atoms in structures
    ]


def outcome(model, graphs):
    """Return energies, forces, stresses, and the gradients that training follows."""
    model.train()
    output = model(collate(graphs))
    loss = loss_of(output, collate(graphs), energy_weight=4.0)
    parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    predictions = {"energies": output.energies.detach(), "forces": output.forces.detach()}
    return predictions | dict(zip(parameters, gradients, strict=True))


@pytest.mark.parametrize("parity", [True, False])
@pytest.mark.parametrize("l_max", [1, 2])
@pytest.mark.parametrize("types", few_fast([("C", "H"), ("H", "O", "C")], 1))
def test_it_computes_what_the_stock_one_computes(l_max, parity, types):
    config = SMALL.with_changes(l_max=l_max, parity=parity, type_names=types)
    graphs = batch(config)
    stock = random_model(config)
    expected = outcome(stock, graphs)
    fast = random_model(config)
    accelerate(fast.network)
    kinds = {type(module) for module in fast.modules()}
    assert SplitTensorProductScatter in kinds
    found = outcome(fast, graphs)
    assert set(found) == set(expected)
    assert max(value.abs().max() for value in expected.values()) > 0.1
    for name, value in expected.items():
        scale = max(1.0, float(value.abs().max()))
        assert float((found[name] - value).abs().max()) < 1e-11 * scale, name


def test_it_keeps_the_names_of_the_weights():
    stock, fast = random_model(), random_model()
    accelerate(fast.network)
    names = [name for name, _ in stock.named_parameters()]
    assert [name for name, _ in fast.named_parameters()] == names
    assert not any(type(module) is TensorProductScatter for module in fast.children())
