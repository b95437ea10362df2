"""SevenNet's network as built by ``sevenn``, which maps edges to atomic energies."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from ase.data import atomic_numbers
from e3nn import get_optimization_defaults, set_optimization_defaults

with warnings.catch_warnings():
    # TorchScript is deprecated, but sevenn uses it; users cannot change that.
    warnings.simplefilter("ignore", DeprecationWarning)
    from sevenn.model_build import build_E3_equivariant_model

from hub.potentials.sevennet.parts import FROZEN, RESCALE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.potentials.sevennet import SevenNetConfig

# One-hot vectors that are float32 whatever the network is; sums; derivatives.
_LEFT_OUT = ("onehot_idx_to_onehot", "one_hot_modality", "reduce_total_enegy", "force_output")


def build_network(config: SevenNetConfig, *, dtype: torch.dtype, seed: int) -> Any:
    """Build a network with random weights, unit energy scales and zero energy shifts.

    Parameters
    ----------
    config
        The architecture.
    dtype
        Precision of everything except the energy scales and shifts, which are float64.
    seed
        Seed of the random weights.

    Returns
    -------
    sevenn's modules in order, each of which maps a dictionary to itself. The frozen parameters of
    sevenn, i.e. the normalisation of the sums over neighbours and the scales and shifts, are
    buffers, so that all parameters can be trained.
    """
    # In float64, so that the coefficients of the tensor products are exact in both precisions.
    with default_precision(torch.float64), _plain_modules():
        torch.manual_seed(seed)
        network = build_E3_equivariant_model(sevenn_entries(config))
    for name in _LEFT_OUT:
        network.delete_module_by_key(name)
    network.to(dtype)
    network.get_submodule(RESCALE).double()
    for name, parameter in list(network.named_parameters()):
        owner, _, attribute = name.rpartition(".")
        if attribute in FROZEN:
            module = network.get_submodule(owner)
            delattr(module, attribute)
            module.register_buffer(attribute, parameter.detach())
    return network


def sevenn_entries(config: SevenNetConfig) -> dict[str, Any]:
    """Return the entries of sevenn's configuration that determine what is computed.

    Scales, shifts and normalisations are placeholders, to be replaced by the weights.
    """
    n_types = len(config.type_names)
    scalars = f"{config.channels[0]}x0e"
    hidden = "+".join(f"{width}x{degree}e" for degree, width in enumerate(config.channels))
    nonlinearities = {"e": "silu", "o": "tanh"}
    return {
        "_type_map": {atomic_numbers[name]: index for index, name in enumerate(config.type_names)},
        "_number_of_species": n_types,
        "cutoff": config.r_max,
        "radial_basis": {"radial_basis_name": "bessel", "bessel_basis_num": config.num_bessels},
        "cutoff_function": _cutoff_function(config),
        "channel": config.channels[0],
        "lmax": len(config.channels) - 1,
        "lmax_edge": -1,
        "lmax_node": -1,
        "is_parity": False,
        "irreps_manual": [scalars, *[hidden] * (config.num_layers - 1), scalars],
        "num_convolution_layer": config.num_layers,
        "conv_denominator": config.avg_num_neighbors,
        "weight_nn_hidden_neurons": [config.radial_mlp_width] * config.radial_mlp_depth,
        "act_radial": "silu",
        "act_scalar": nonlinearities,
        "act_gate": nonlinearities,
        "interaction_type": "nequip",
        "self_connection_type": "linear",
        "use_bias_in_linear": False,
        "readout_as_fcn": False,
        "_normalize_sph": True,
        "shift": [0.0] * n_types,
        "scale": [1.0] * n_types,
        "train_denominator": False,
        "train_shift_scale": False,
        **_modal_entries(config),
    }


def _modal_entries(config: SevenNetConfig) -> dict[str, Any]:
    """Return the entries for several levels of theory.

    The energy shifts are those of the model's own level, so there is one for each element.
    """
    if not config.modals:
        return {"use_modality": False}
    return {
        "use_modality": True,
        "_number_of_modalities": len(config.modals),
        "_modal_map": {name: number for number, name in enumerate(config.modals)},
        "use_modal_node_embedding": False,
        "use_modal_self_inter_intro": True,
        "use_modal_self_inter_outro": True,
        "use_modal_output_block": True,
        "use_modal_wise_shift": False,
        "use_modal_wise_scale": False,
    }


def _cutoff_function(config: SevenNetConfig) -> dict[str, Any]:
    if config.xplor_start is None:
        return {
            "cutoff_function_name": "poly_cut",
            "poly_cut_p_value": config.polynomial_cutoff_p,
        }
    return {"cutoff_function_name": "XPLOR", "cutoff_on": config.xplor_start}


@contextmanager
def default_precision(dtype: torch.dtype) -> Iterator[None]:
    """Set torch's default precision, and restore the old one at the end."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def _plain_modules() -> Iterator[None]:
    """Make e3nn build modules in plain Python: TorchScript can be neither copied nor pickled."""
    before = get_optimization_defaults()["jit_mode"]
    set_optimization_defaults(jit_mode="eager")
    try:
        yield
    finally:
        set_optimization_defaults(jit_mode=before)
