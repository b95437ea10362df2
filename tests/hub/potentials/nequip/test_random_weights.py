"""A compiled network of a seed has the random weights that NequIP gives it, bit for bit."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from hub.errors import ModelError
from hub.potentials.building import build_accelerated, build_potential
from hub.potentials.nequip.compiled import is_compilable
from hub.potentials.nequip.onehot import OneHotConfig
from hub.potentials.nequip.stock import StockConfig
from tests.variants import few_fast

COMMON = {"r_max": 4.0, "avg_num_neighbors": 9.0, "energy_reference": "nothing"}
ONE_HOT = OneHotConfig(("C", "H", "O"), **COMMON)
STOCK = StockConfig(("Si", "C"), num_layers=3, num_features=5, **COMMON)
CONFIGS = {
    "the default": ONE_HOT,
    "one-hot, one layer, no radial network": ONE_HOT.with_changes(
        num_layers=1, num_features=1, radial_mlp_depth=0
    ),
    "one-hot, deep radial network, no parity": ONE_HOT.with_changes(
        num_layers=2, num_features=17, radial_mlp_depth=2, parity=False, l_max=2
    ),
    "NequIP's default": STOCK,
    "linear read-out with hidden layers": STOCK.with_changes(
        readout_depth=2, readout_width=7, readout_nonlinearity=None
    ),
    "read-out and radial networks": STOCK.with_changes(
        readout_depth=1, radial_mlp_depth=(0, 1, 2), radial_mlp_width=(3, 4, 5), l_max=2
    ),
    "no self-connections": STOCK.with_changes(self_connections=False, residual_updates=True),
    "the first layer has a self-connection": STOCK.with_changes(learnable_shift=True),
    "norm, trained basis and energies": STOCK.with_changes(
        nonlinearity="norm", bessel_trainable=True, energy_scales_trainable=True,
        energy_shifts_trainable=True, type_embed_num_features=3, zbl_polynomial_cutoff_p=6.0,
    ),
    "a self-connection without weights": STOCK.with_changes(
        irreps=("4x1o", "2x0e+3x1e+2x0e", "4x0e"), type_embed_num_features=2
    ),
    "odd scalars": STOCK.with_changes(
        irreps=("2x1o+3x0e", "2x0o+1x1e+2x1o", "4x0e"), l_max=2,
        gate_nonlinearities={"e": "ssp", "o": "abs"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seed", "dtype"), [(0, torch.float32), (2**40 + 7, torch.float64)])
@pytest.mark.parametrize("name", few_fast(CONFIGS, 3))
def test_the_same_seed_gives_the_same_weights(name, seed, dtype):
    config = CONFIGS[name]
    expected = build_potential(config, seed=seed, dtype=dtype)
    before = torch.random.get_rng_state()
    found = build_accelerated(config, seed=seed, dtype=dtype)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert found.is_compiled
    assert found.training == expected.training
    known, made = expected.tensors(), found.tensors()
    assert list(made) == list(known)
    for key, value in made.items():
        assert value.dtype == known[key].dtype
        assert value.requires_grad == known[key].requires_grad
        assert torch.equal(value, known[key]), key


def test_other_seeds_give_other_weights():
    one, other = (
        build_accelerated(ONE_HOT, seed=seed, dtype=torch.float32).weights() for seed in (1, 2)
    )
    assert not torch.equal(
        one["type_embed.embed_module.weight"], other["type_embed.embed_module.weight"]
    )


NOT_COMPILED = {
    "kernels that take long to compile": {"l_max": 4, "num_features": 1},
    "gates that are always zero": {
        "irreps": ("4x1o", "4x2e", "4x1o", "4x0e"), "num_layers": 4, "type_embed_num_features": 2,
        "gate_nonlinearities": {"e": "silu", "o": "abs"},
    },
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NOT_COMPILED)
def test_nequip_builds_what_is_not_compiled(name):
    config = STOCK.with_changes(**NOT_COMPILED[name])
    assert not is_compilable(config)
    found = build_accelerated(config, seed=4, dtype=torch.float64)
    assert not found.is_compiled
    expected = build_potential(config, seed=4).weights()
    assert all(torch.equal(value, expected[key]) for key, value in found.weights().items())


@pytest.mark.parametrize(
    ("irreps", "layer"), [(("4x1e", "4x0e"), 1), (("4x1o", "4x0o", "4x0e"), 2), (("4x2e",) * 2, 1)]
)
def test_features_that_have_no_product_are_refused(irreps, layer):
    config = STOCK.with_changes(irreps=irreps, num_layers=len(irreps), type_embed_num_features=4)
    message = f"NequIP cannot build this model: the inputs of layer {layer} .* {irreps[layer - 1]}"
    for build in (build_accelerated, build_potential):
        with pytest.raises(ModelError, match=message):
            build(config, seed=0, dtype=torch.float64)


@pytest.mark.slow
def test_no_library_of_models_is_loaded():
    program = """
import sys, torch
from hub.potentials.building import random_model
from hub.potentials.nequip.onehot import OneHotConfig

config = OneHotConfig(("C",), 3.0, 9.0, "nothing")
random_model(config, 1, 2.0, 7.0, torch.device("cpu"))
print(*{"nequip", "e3nn", "lightning", "matplotlib"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
