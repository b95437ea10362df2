"""Import the checkpoints published with the synthetic pre-training paper.

NequIP 0.5.6 saved them as state dicts of float32 tensors. The architecture ``nequip-onehot``
computes the same function; this module maps the weights onto it.
Source: https://github.com/jla-gardner/nnp-pre-training
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from msgspec import Struct

from hub.errors import ModelError
from hub.potentials.building import build_accelerated
from hub.potentials.config import Cutoff, Neighbours
from hub.potentials.directory import write_model
from hub.potentials.equivariant.layers import Irrep
from hub.potentials.equivariant.nonlinear import SECOND_MOMENT
from hub.potentials.nequip.onehot import OneHotConfig
from hub.potentials.nequip.plan import plan_network
from hub.potentials.potential import require_finite
from hub.potentials.probe import read_probe
from hub.schemas import Elements
from registry.documents import WRONG, damage, fit
from registry.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.potentials.equivariant.layers import Layer, Linear, Weights
    from hub.potentials.nequip.onehot_potential import OneHotPotential
    from registry.cards import Card

_SCALAR = Irrep(0, 1)
# The ratio of NequIP 0.5's normalisation of activations to the current sqrt(2).
_RADIAL_GAIN = SECOND_MOMENT["ssp"] / math.sqrt(2)


class _Facts(Struct):
    """The configuration in a card's ``model`` section."""

    elements: Elements
    cutoff: Cutoff
    avg_num_neighbors: Neighbours
    energy_reference: str


def import_checkpoint(card: Card, sources: Sequence[Path], directory: Path) -> dict[str, Any]:
    """Convert one published checkpoint into a model directory.

    Parameters
    ----------
    card
        The model's card; its ``model`` section gives what the file does not contain.
    sources
        The published ``.pth`` file as the only item. Only tensors are read from it, never pickled
        objects.
    directory
        Where ``weights.safetensors``, ``config.json`` and ``probe.json`` are written.

    Returns
    -------
    Metadata for the version's manifest.

    Raises
    ------
    ModelError
        If the file is not such a checkpoint, or the converted model does not reproduce the
        predictions stored with the card.
    """
    config = config_of(card)
    (source,) = sources
    potential = convert(read_state(source), config)
    probe = read_probe(card.path.parent / "probes" / f"{card.name}.json")
    write_model(directory, potential, probe)
    return config.facts()


def config_of(card: Card) -> OneHotConfig:
    """Return the configuration in a card, which the published file does not contain.

    Raises
    ------
    SettingsError
        If the card's ``model`` section is incomplete or invalid.
    """
    with damage(f"the model section of {card.path}", SettingsError, verdict=WRONG):
        facts = fit(card.front_matter.get("model"), _Facts)
    return OneHotConfig(
        facts.elements, facts.cutoff, facts.avg_num_neighbors, facts.energy_reference
    )


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a published ``.pth`` file in float64.

    Raises
    ------
    ModelError
        If it is not a state dict of tensors, or contains numbers that are not finite.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch, zip and pickle raise whatever they run into
        raise ModelError(f"{path} is not a checkpoint of plain tensors: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ModelError(f"{path} is not a state dict")
    require_finite(state, str(path))
    return {name.removeprefix("model.func."): value.double() for name, value in state.items()}


def convert(state: dict[str, torch.Tensor], config: OneHotConfig) -> OneHotPotential:
    """Build the float64 model that reproduces what NequIP 0.5.6 computed from `state`."""
    try:
        _refuse_rescaling(state)
        weights = _embedding_weights(state, len(config.type_names))
        for layer in range(config.num_layers - 1):
            weights |= _layer_weights(state, layer)
        potential: Any = build_accelerated(config, dtype=torch.float64)
        weights |= _last_layer_weights(state, config)
        weights |= _readout_weights(state)
    except KeyError as error:
        raise ModelError(f"the tensor {error} is missing from the checkpoint") from error
    potential.set_weights({**potential.weights(), **weights}, "the checkpoint")
    found: OneHotPotential = potential
    return found


def _refuse_rescaling(state: dict[str, torch.Tensor]) -> None:
    """Refuse scales and shifts, which the published models do not have."""
    scales, shifts = state["per_species_rescale.scales"], state["per_species_rescale.shifts"]
    if (
        state["scale_by"].numel()
        or state["shift_by"].numel()
        or (scales != 1).any()
        or shifts.any()
    ):
        raise ModelError(
            "the checkpoint rescales its energies, which this importer does not support"
        )


def _embedding_weights(state: dict[str, torch.Tensor], n_types: int) -> dict[str, torch.Tensor]:
    return {
        # Bessel roots are now in units of pi.
        "bessel_encode.bessel_weights": state["radial_basis.basis.bessel_weights"][None] / math.pi,
        "type_embed.embed_module.weight": state["chemical_embedding.linear.weight"].reshape(
            n_types, -1
        )
        / math.sqrt(n_types),
    }


def _layer_weights(state: dict[str, torch.Tensor], layer: int) -> dict[str, torch.Tensor]:
    conv = f"layer{layer}_convnet.conv"
    return {
        f"{conv}.linear_1.weight": state[f"{conv}.linear_1.weight"],
        f"{conv}.edge_mlp.mlp.0.weight": state[f"{conv}.fc.layer0.weight"],
        f"{conv}.edge_mlp.mlp.2.weight": state[f"{conv}.fc.layer1.weight"] * _RADIAL_GAIN,
        f"{conv}.linear_2.weight": state[f"{conv}.linear_2.weight"],
        f"{conv}.sc.weight": state[f"{conv}.sc.weight"],
    }


def _last_layer_weights(
    state: dict[str, torch.Tensor], config: OneHotConfig
) -> dict[str, torch.Tensor]:
    """Return the part of the last layer that leads to scalars; its other outputs are not used."""
    name = f"layer{config.num_layers - 1}_convnet.conv"
    # In NequIP 0.5 the last layer has the outputs of those before it.
    longer = plan_network(config.with_changes(num_layers=config.num_layers + 1))
    layer = longer.layers[config.num_layers - 1]
    radial = _tensor(
        state, f"{name}.fc.layer1.weight", (config.radial_mlp_width, layer.product.n_weights)
    )
    message = _to_scalars(layer, layer.after).source
    columns = [
        radial[:, start : start + layer.product.features[path.feature].channels]
        for path, start in zip(layer.product.paths, layer.product.offsets, strict=True)
        if path.message == message
    ]
    found = {
        f"{name}.linear_1.weight": state[f"{name}.linear_1.weight"],
        f"{name}.edge_mlp.mlp.0.weight": state[f"{name}.fc.layer0.weight"],
        f"{name}.edge_mlp.mlp.2.weight": torch.cat(columns, dim=1) * _RADIAL_GAIN,
    }
    for part, linear in (("linear_2", layer.after), ("sc", layer.self_connection)):
        if linear is not None:
            key = f"{name}.{part}.weight"
            place = _to_scalars(layer, linear)
            size = place.inputs * linear.types * place.outputs
            block = _tensor(state, key, (linear.size,))[place.start : place.start + size]
            # The gates follow the scalars among the outputs.
            scalars = block.view(-1, place.outputs)[:, : config.num_features]
            found[key] = scalars.reshape(-1)
    return found


def _to_scalars(layer: Layer, linear: Linear) -> Weights:
    """Return which weights of a linear map lead to even scalars."""
    (found,) = [each for each in linear.weights if layer.convolved[each.target].irrep == _SCALAR]
    return found


def _tensor(state: dict[str, torch.Tensor], name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return a tensor of a checkpoint, which must have the given shape."""
    found = state[name]
    if found.shape != shape:
        raise ModelError(
            f"the checkpoint has {name} of shape {tuple(found.shape)}, expected {shape}"
        )
    return found


def _readout_weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    hidden = state["output_hidden_to_scalar.linear.weight"]
    width = hidden.numel()
    prefix = "per_atom_energy_readout.mlp_module.mlp.weights"
    return {
        f"{prefix}.0": state["conv_to_output_hidden.linear.weight"].reshape(-1, width),
        f"{prefix}.1": hidden.reshape(width, 1),
    }
