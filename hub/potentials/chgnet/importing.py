"""Convert a checkpoint that is part of the package ``chgnet``.

Such a file is a pickle. No code in it is executed: only tensors and plain values are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from ase.data import atomic_numbers

from hub.errors import ModelError
from hub.potentials.building import build_potential
from hub.potentials.card_facts import importer_by
from hub.potentials.chgnet import CHGNetConfig
from hub.potentials.chgnet.network import chgnet_arguments

if TYPE_CHECKING:
    from pathlib import Path

    from hub.potentials.card_facts import ModelFacts
    from hub.potentials.potential import Potential

_REFERENCES = "composition_model.fc.weight"
_EMBEDDING = "atom_embedding.embedding.weight"


def convert(path: Path, facts: ModelFacts) -> Potential:
    """Build the float32 potential that computes what chgnet computes from a checkpoint.

    Parameters
    ----------
    path
        The checkpoint.
    facts
        The elements to keep: chgnet has weights of others, too, which were never trained.

    Raises
    ------
    ModelError
        If the file is not a CHGNet checkpoint that this release supports.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")["model"]
        config = _config_of(content["model_args"], facts)
        potential = build_potential(config, dtype=torch.float32)
        weights = _weights_of(content["state_dict"], config)
    except Exception as problem:  # torch, zip and pickle raise whatever they run into
        raise ModelError(
            f"{path} is not a CHGNet checkpoint that this release supports: "
            f"{type(problem).__name__}: {str(problem)[:200]}"
        ) from problem
    potential.set_weights(weights, str(path))
    return potential


import_wheel = importer_by(convert)


def _config_of(arguments: dict[str, Any], facts: ModelFacts) -> CHGNetConfig:
    config = CHGNetConfig(
        type_names=facts.elements,
        r_max=float(arguments["atom_graph_cutoff"]),
        avg_num_neighbors=1.0,
        energy_reference=facts.energy_reference,
        num_layers=arguments["n_conv"],
        width=arguments["atom_fea_dim"],
        num_radial=arguments["num_radial"],
        num_angular=arguments["num_angular"],
        angle_cutoff=float(arguments["bond_graph_cutoff"]),
        cutoff_exponent=arguments["cutoff_coeff"],
        readout_depth=len(arguments["mlp_hidden_dims"]),
    )
    for name, value in chgnet_arguments(config).items():
        if arguments[name] != value:
            raise ValueError(f"{name} is {arguments[name]}, expected {value}")
    return config


def _weights_of(state: dict[str, torch.Tensor], config: CHGNetConfig) -> dict[str, torch.Tensor]:
    rows = torch.tensor([atomic_numbers[name] - 1 for name in config.type_names])
    network = {f"network.{name}": value for name, value in state.items() if name != _REFERENCES}
    network[f"network.{_EMBEDDING}"] = state[_EMBEDDING][rows]
    return {
        **network,
        "rescale.shift": state[_REFERENCES][0, rows].double(),
        "rescale.scale": torch.ones(len(rows), dtype=torch.float64),
    }
