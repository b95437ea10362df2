"""Convert the published weights of a TensorNet of ``matgl``, without executing code in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from hub.errors import ModelError
from hub.potentials.building import build_potential
from hub.potentials.card_facts import importer_by
from hub.potentials.tensornet import TensorNetConfig

if TYPE_CHECKING:
    from pathlib import Path

    from hub.potentials.card_facts import ModelFacts
    from hub.potentials.potential import Potential

_EMBEDDING = "model.tensor_embedding.emb.weight"
_BASIS = "model.tensor_embedding.distance_proj1.weight"
_CUTOFF = "model.bond_expansion.rbf.cutoff"
_LAYER = "model.layers."


def convert(path: Path, facts: ModelFacts) -> Potential:
    """Build the float32 potential that computes what matgl computes from a ``state.pt``.

    Parameters
    ----------
    path
        The weights of matgl's ``Potential``.
    facts
        The elements in the order of the file, which does not name them.

    Raises
    ------
    ModelError
        If the file does not hold a TensorNet that this release supports.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        config = _config_of(state, facts)
        potential = build_potential(config, dtype=torch.float32)
        weights = _weights_of(state, len(facts.elements))
    except Exception as problem:  # torch, zip and pickle raise whatever they run into
        raise ModelError(
            f"{path} is not a TensorNet checkpoint that this release supports: "
            f"{type(problem).__name__}: {str(problem)[:200]}"
        ) from problem
    potential.set_weights(weights, str(path))
    return potential


import_state = importer_by(convert)


def _config_of(state: dict[str, torch.Tensor], facts: ModelFacts) -> TensorNetConfig:
    layers = {name.removeprefix(_LAYER).split(".")[0] for name in state if name.startswith(_LAYER)}
    return TensorNetConfig(
        type_names=facts.elements,
        r_max=float(state[_CUTOFF]),
        avg_num_neighbors=1.0,
        energy_reference=facts.energy_reference,
        num_layers=len(layers),
        width=state[_EMBEDDING].shape[1],
        num_radial=state[_BASIS].shape[1],
    )


def _weights_of(state: dict[str, torch.Tensor], n_types: int) -> dict[str, torch.Tensor]:
    if state["data_mean"]:
        raise ValueError(f"data_mean is {float(state['data_mean'])}, expected 0")
    network = {
        name.replace("model.", "network.", 1): value
        for name, value in state.items()
        if name.startswith("model.")
    }
    return {
        **network,
        "rescale.scale": state["data_std"].double().repeat(n_types),
        "rescale.shift": state["element_refs.property_offset"].double(),
    }
