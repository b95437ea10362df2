"""NequIP's own models: settings, limits, and what changes them exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nequip.utils import global_state

from hub.alchemy.models import transmute_model
from hub.alchemy.transmutation import Transmutation
from hub.errors import AlchemyError, ModelError, TrainingError
from hub.potentials.architectures import new_config, read_config
from hub.potentials.batches import collate
from hub.potentials.building import build_potential
from hub.potentials.nequip.package import read_package
from hub.potentials.nequip.rebuilding import rebuild
from hub.potentials.nequip.stock import Stock, StockConfig, _count_weights
from hub.potentials.probe import probe_structures
from hub.structures.graphs import build_graph
from registry.documents import MalformedError
from tests.hub.potentials.nequip.packages import VARIANTS, stock_network, stock_package

SMALL = StockConfig(("C", "H"), 4.0, 11.3, "nothing", num_features=4, num_layers=2)


def chosen(**settings):
    return new_config({"architecture": "nequip", **settings}, ("C", "H"), "here")


def batch_of(potential):
    structures = probe_structures(potential.elements)
    graphs = [build_graph(atoms, potential.elements, potential.cutoff) for atoms in structures]
    return collate(graphs)


def test_a_person_chooses_as_nequip_names_it():
    config = chosen(num_layers=2, num_features=[16, 8], l_max=1, parity=False, r_max=5)
    assert config.layer_irreps == ("16x0e+8x1o", "16x0e")
    assert config.radial_sizes == ((1, 128), (1, 128))
    ours = build_potential(config)
    theirs = stock_network(
        model_dtype="float64", num_layers=2, num_features=[16, 8], l_max=1, parity=False, r_max=5.0,
        radial_mlp_width=128,
    )  # fmt: skip
    names = dict(theirs.model.func.named_parameters())
    assert {name: each.shape for name, each in names.items()} == {
        name: each.shape for name, each in ours.weights().items() if not name.startswith("per_type")
    }


WRONG = {
    "num_features": ([4, 4, 4], "expected 2 entries, got 3"),
    "irreps": (["4x0e"], "expected 4 entries, got 1"),
    "radial_mlp_depth": ([1], "expected 4 entries, got 1"),
    "radial_mlp_width": ([8, 8], "expected 4 entries, got 2"),
    "num_layers": (0, "num_layers"),
    "l_max": (7, "l_max"),
    "polynomial_cutoff_p": (1.5, "polynomial_cutoff_p"),
    "readout_nonlinearity": ("relu", "readout_nonlinearity"),
    "scalar_nonlinearities": ({"e": "silu", "o": "silu"}, "scalar_nonlinearities"),
    "cutoffs": ([[3.0, 3.0], [3.0, 3.0]], "unknown setting 'cutoffs'"),
    "type_names": (["C"], "unknown setting 'type_names'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_settings_that_do_not_fit_are_refused(name):
    value, message = WRONG[name]
    with pytest.raises(TrainingError, match=message):
        chosen(**{name: value})


IMPOSSIBLE = (
    {"cutoffs": ((3.0,), (3.0,))},
    {"cutoffs": ((3.0, 3.0),)},
    {"cutoffs": ((3.0, 3.0), (3.0, 4.5))},
    {"neighbors_per_type": (3.0,)},
    {"learnable_shift": True, "self_connections": False},
    {"num_features": 1024, "num_layers": 12, "l_max": 6},
    {"irreps": ("4x0e+4x1o", "4x0e+4x1o")},
    {"irreps": ("4x0e", "4x0o")},
)


@pytest.mark.parametrize("changes", IMPOSSIBLE)
def test_configurations_that_no_model_has_are_refused(changes):
    with pytest.raises(MalformedError):
        Stock().check(replace(SMALL, **changes))


def test_what_only_nequip_refuses_is_said():
    config = replace(SMALL, irreps=("4x1e", "4x0e"), type_embed_num_features=4)
    Stock().check(config)
    with pytest.raises(ModelError, match="NequIP cannot build this model"):
        build_potential(config)


@pytest.mark.slow
@settings(max_examples=8)
@given(
    num_layers=st.integers(1, 3), width=st.integers(1, 9), l_max=st.integers(0, 2),
    parity=st.booleans(), depth=st.integers(0, 2), self_connections=st.booleans(),
)  # fmt: skip
def test_no_model_has_more_weights_than_it_is_counted_with(
    num_layers, width, l_max, parity, depth, self_connections
):
    config = replace(
        SMALL, num_layers=num_layers, num_features=width, l_max=l_max, parity=parity,
        radial_mlp_depth=depth, readout_depth=depth, self_connections=self_connections,
    )  # fmt: skip
    weights = sum(each.numel() for each in build_potential(config).parameters())
    assert weights <= _count_weights(config) <= 4 * weights + 2000


def test_nequip_may_still_set_its_precision():
    before = global_state.global_state_initialized()
    build_potential(SMALL)
    assert global_state.global_state_initialized() == before


@pytest.fixture(scope="module")
def double(tmp_path_factory):
    """A model with cutoffs and neighbours by type."""
    package = stock_package(
        tmp_path_factory.mktemp("double") / "model.nequip.zip",
        **VARIANTS["trainable scales, cutoffs and neighbours by type, ZBL"] | {
            "pair_potential": None, "l_max": 2, "num_features": [4, 3, 2], "num_layers": 3,
        },
    )  # fmt: skip
    return rebuild(read_package(package).model, "nothing")


@pytest.mark.slow
def test_faster_parts_compute_the_same(double):
    plain = build_potential(double.config)
    plain.set_weights(double.weights(), "the same")
    fast = build_potential(double.config).accelerate()
    fast.set_weights(double.weights(), "the same")
    batch, results = batch_of(double), []
    for potential in (plain.train(), fast.train()):
        output = potential(batch)
        loss = output.forces.square().sum() + output.energies.sum()
        trainable = [each for each in potential.parameters() if each.requires_grad]
        gradients = torch.autograd.grad(loss, trainable, allow_unused=True)
        results.append((output.energies, output.forces, *(g for g in gradients if g is not None)))
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_other_elements_are_the_same_function(double):
    pairs = (("C", "Si"), ("H", "Ge"), ("C", "N"))
    made = transmute_model(double, Transmutation(pairs, scale=1.3, energy_scale=0.4))
    assert made.elements == ("Si", "Ge", "N")
    assert made.config.cutoffs[1] == pytest.approx((1.3 * 4.0, 1.3 * 2.1, 1.3 * 4.0))
    assert made.config.neighbors_per_type == (10.0, 7.1, 10.0)
    assert made.energy_shifts()["N"] == 0.4 * double.energy_shifts()["C"]


def test_charges_of_nuclei_cannot_be_scaled():
    potential = build_potential(replace(SMALL, zbl_polynomial_cutoff_p=6.0))
    with pytest.raises(AlchemyError, match="ZBL"):
        transmute_model(potential, Transmutation((("C", "Si"), ("H", "Ge")), 1.5, 0.3))


def test_a_damaged_configuration_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(SMALL.to_json().replace('"silu"', '"relu"'))
    with pytest.raises(ModelError, match="nonlinearities"):
        read_config(tmp_path)
