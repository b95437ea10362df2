"""Functions and numbers that e3nn and NequIP compute or build, without either."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from e3nn.math import normalize2mom

from hub.potentials.equivariant.edges import harmonics
from hub.potentials.equivariant.nonlinear import FUNCTIONS, SECOND_MOMENT
from hub.potentials.nequip.compiled import CompiledNetwork, is_compilable
from hub.potentials.nequip.plan import plan_network
from hub.potentials.nequip.stock import StockConfig
from tests.hub.potentials.nequip.configurations import CONFIGURATIONS, built


@pytest.mark.parametrize("l_max", range(5))
def test_harmonics(l_max):
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(40, 3, dtype=torch.float64, generator=generator)
    axes = torch.eye(3, dtype=torch.float64)
    directions = torch.cat([directions / directions.norm(dim=1, keepdim=True), axes, -axes])
    degrees = list(range(l_max + 1))
    expected = o3.spherical_harmonics(
        degrees, directions, normalize=True, normalization="component"
    )
    found = harmonics(directions, l_max)
    assert found.shape == (46, (l_max + 1) ** 2)
    assert float((found - expected).abs().max()) < 1e-13


@pytest.mark.parametrize("name", SECOND_MOMENT)
def test_second_moments(name):
    assert normalize2mom(FUNCTIONS[name]).cst == pytest.approx(SECOND_MOMENT[name], rel=1e-12)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_parameters_have_nequips_names_shapes_and_order(name):
    stock = built(name).energy_network
    compiled = CompiledNetwork(built(name).config, torch.float64)

    def described(network):
        return {
            name: (tuple(value.shape), value.dtype, value.requires_grad)
            for name, value in network.named_parameters()
            if value.numel()
        }

    assert described(compiled) == described(stock)
    names = [name for name, _ in compiled.named_parameters()]
    assert names == [name for name, value in stock.named_parameters() if value.numel()]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_layers_have_nequips_irreps(name):
    """Irreps of each convolution's input, of its messages, and of what the layer gives."""
    stock = built(name).energy_network
    for number, layer in enumerate(plan_network(built(name).config).layers):
        module = stock.get_submodule(f"layer{number}_convnet")
        product = module.conv.tp_scatter.tp
        assert [each.dim for each in product.irreps_in1] == [
            each.size for each in layer.product.features
        ]
        assert product.weight_numel == layer.product.n_weights
        assert product.irreps_out.simplify().dim == sum(
            each.size for each in layer.product.messages
        )
        given = o3.Irreps([(each.channels, each.irrep) for each in layer.outputs])
        assert given == module.irreps_out["node_features"].simplify()


def test_networks_whose_kernels_would_compile_for_minutes():
    base = StockConfig(type_names=("C",), r_max=4.0, avg_num_neighbors=9.0, energy_reference="none")
    assert is_compilable(base.with_changes(l_max=3))
    assert not is_compilable(base.with_changes(l_max=4))
