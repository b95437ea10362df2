"""The models published in 2023 as potentials, which can be scaled in length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from hub.potentials.nequip.plan import plan_network
from hub.potentials.nequip.potential import NequIPPotential

if TYPE_CHECKING:
    from collections.abc import Sequence

_ONE_HOT = "onehot.embed_module.weight"


class OneHotPotential(NequIPPotential):
    """A model whose self-connections take a one-hot vector of the type."""

    def transmuted(
        self, config: Any, sources: Sequence[int], scale: float, energy_scale: float
    ) -> OneHotPotential:
        """Return the same function for other elements; see `Potential.transmuted`."""
        weights, types = self.scaled_weights(sources, scale, energy_scale), list(sources)
        weights[_ONE_HOT] = torch.eye(len(types), dtype=weights[_ONE_HOT].dtype)
        for number, layer in enumerate(plan_network(self.config).layers):
            # The normalisation by the square root of the number of types must not change.
            name, kept = f"layer{number}_convnet.conv.sc.weight", []
            for each in layer.self_connection.weights if layer.self_connection else ():
                shape = each.inputs, len(self.elements), each.outputs
                block = weights[name][each.start : each.start + math.prod(shape)].view(shape)
                kept.append(block[:, types].reshape(-1))
            weights[name] = torch.cat(kept) * math.sqrt(len(types) / len(self.elements))
        return self.rebuilt(config, weights)
