"""The models published in 2023 as potentials, which can be scaled in length.

NequIP sees lengths only as r / r_max and directions only as unit vectors, so that a model with
cutoff r_max becomes E'(x') = eps E(x'/s) by the cutoff s r_max and energy scales and shifts times
eps. One constant behind the radial basis, 2 pi / r_max^2, would change with the cutoff; the first
weights of the radial networks, times s^2, take it back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from hub.potentials.building import build_potential
from hub.potentials.nequip.potential import ENERGY_SCALE_SHIFT, NequIPPotential

if TYPE_CHECKING:
    from collections.abc import Sequence

_EMBEDDINGS = ("type_embed.embed_module.weight", "onehot.embed_module.weight")


class OneHotPotential(NequIPPotential):
    """A model whose self-connections see a one-hot vector of the type."""

    def transmuted(
        self, config: Any, sources: Sequence[int], scale: float, energy_scale: float
    ) -> OneHotPotential:
        """Return the same function for other elements; see `Potential.transmuted`."""
        made: Any = build_potential(config, dtype=self.dtype)
        weights = self._scaled_weights(made, sources, scale, energy_scale)
        made.set_weights(weights, "the transmuted model")
        found: OneHotPotential = made.accelerate().to(self.device).eval()
        return found

    def _scaled_weights(
        self, made: OneHotPotential, sources: Sequence[int], scale: float, energy_scale: float
    ) -> dict[str, torch.Tensor]:
        """Return the weights of `made`."""
        weights, types = self.weights(), list(sources)
        n_types = len(self.elements)
        weights[_EMBEDDINGS[0]] = weights[_EMBEDDINGS[0]][types]
        weights[_EMBEDDINGS[1]] = made.weights()[_EMBEDDINGS[1]]
        network = self.energy_network
        for layer in [name for name, _ in network.named_children() if name.endswith("_convnet")]:
            radial = f"{layer}.conv.edge_mlp.mlp.0.weight"
            weights[radial] = weights[radial] * scale**2
            # e3nn divides by the root of the number of types; that must stay what it was.
            product: Any = network.get_submodule(f"{layer}.conv.sc")
            kept = [view.detach()[:, types].reshape(-1) for view in product.weight_views()]
            weights[f"{layer}.conv.sc.weight"] = torch.cat(kept) * math.sqrt(len(types) / n_types)
        for name in ("scales", "shifts"):
            key = f"{ENERGY_SCALE_SHIFT}.{name}"
            weights[key] = weights[key][types] * energy_scale
        return {name: value.cpu() for name, value in weights.items()}
