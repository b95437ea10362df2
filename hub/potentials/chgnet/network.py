"""CHGNet's network as built by ``chgnet``."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from chgnet.model.encoders import AtomEmbedding
from chgnet.model.model import CHGNet

if TYPE_CHECKING:
    from hub.potentials.chgnet import CHGNetConfig


def build_network(config: CHGNetConfig, *, dtype: torch.dtype, seed: int) -> Any:
    """Build a network with random weights and without atomic reference energies.

    Parameters
    ----------
    config
        The architecture.
    dtype
        Precision of the weights.
    seed
        Seed of the random weights.
    """
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(seed)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        network = CHGNet(**chgnet_arguments(config), composition_model=None)
    network.atom_embedding = AtomEmbedding(
        atom_feature_dim=config.width, max_num_elements=len(config.type_names)
    )
    return network.to(dtype)


def chgnet_arguments(config: CHGNetConfig) -> dict[str, Any]:
    """Return the arguments of chgnet's class that determine what is computed."""
    return {
        "atom_fea_dim": config.width,
        "bond_fea_dim": config.width,
        "angle_fea_dim": config.width,
        "num_radial": config.num_radial,
        "num_angular": config.num_angular,
        "n_conv": config.num_layers,
        "atom_conv_hidden_dim": config.width,
        "update_bond": True,
        "bond_conv_hidden_dim": config.width,
        "update_angle": True,
        "angle_layer_hidden_dim": 0,
        "conv_dropout": 0,
        "read_out": "ave",
        "mlp_hidden_dims": [config.width] * config.readout_depth,
        "mlp_dropout": 0,
        "mlp_first": True,
        "is_intensive": True,
        "non_linearity": "silu",
        "atom_graph_cutoff": config.r_max,
        "bond_graph_cutoff": config.angle_cutoff,
        "cutoff_coeff": config.cutoff_exponent,
        "learnable_rbf": True,
        "gMLP_norm": "layer",
        "readout_norm": "layer",
    }
