"""The layers of a SevenNet, from its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.potentials.equivariant.layers import Choices, Features, Irrep, Layer, harmonic_irreps
from hub.potentials.equivariant.planning import plan_layer

if TYPE_CHECKING:
    from hub.potentials.sevennet import SevenNetConfig

FUNCTION = "silu"


def plan_modal(config: SevenNetConfig) -> tuple[Features, ...]:
    """Return the features that tell the levels of theory apart; none if there is only one."""
    return (Features(len(config.modals), Irrep(0, 1)),) if config.modals else ()


def plan_layers(config: SevenNetConfig) -> tuple[Layer, ...]:
    """Return the interactions without their self-connections.

    All irreps are even, those of the harmonics too.
    """
    hidden = tuple(
        Features(width, Irrep(degree, 1)) for degree, width in enumerate(config.channels)
    )
    functions = {1: FUNCTION}
    edges = harmonic_irreps(len(config.channels) - 1, parity=1)
    modal = plan_modal(config)
    choices = Choices(edges, 1, "gate", functions, functions, sorts_paths=True, constants=modal)
    inputs = hidden[:1]
    layers = []
    for wanted in (*[hidden] * (config.num_layers - 1), hidden[:1]):
        layer = plan_layer(
            inputs,
            wanted,
            choices,
            hidden_radial=config.radial_mlp_width,
            has_self_connection=False,
            is_residual=False,
        )
        layers.append(layer)
        inputs = layer.outputs
    return tuple(layers)
