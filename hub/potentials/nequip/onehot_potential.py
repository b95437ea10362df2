"""The models published in 2023 as potentials, which can be scaled in length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

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
        network = self.energy_network
        for layer in [name for name, _ in network.named_children() if name.endswith("_convnet")]:
            # e3nn divides by the square root of the number of types, which must not change.
            product: Any = network.get_submodule(f"{layer}.conv.sc")
            kept = [view.detach()[:, types].reshape(-1) for view in product.weight_views()]
            factor = math.sqrt(len(types) / len(self.elements))
            weights[f"{layer}.conv.sc.weight"] = torch.cat(kept).cpu() * factor
        return self.rebuilt(config, weights)
