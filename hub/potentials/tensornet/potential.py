"""TensorNet as a potential: matgl's network, on our lists of neighbours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from matgl.models import TensorNet

from hub.potentials.frozen import FrozenPotential

if TYPE_CHECKING:
    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.potential import Batch
    from hub.potentials.tensornet import TensorNetConfig


class TensorNetPotential(FrozenPotential):
    """A TensorNet."""

    config: TensorNetConfig
    most_edges = 5_000  # each has matrices of 3 x 3 for every channel

    def atomic_energies(
        self, batch: Batch, pairs: Pairs, vectors: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the atomic energies (N,) and the inputs of the read-out (N, F)."""
        network: Any = self.network
        # With all atoms at the origin, the translation of a neighbour is its vector.
        graph = SimpleNamespace(
            node_type=batch.types,
            pos=vectors.new_zeros(len(batch.types), 3),
            edge_index=torch.stack([pairs.first, pairs.second]),
            pbc_offshift=vectors,
        )
        features = network.forward_features(graph)["readout"]
        return network.final_layer(features).view(-1), features


def build_network(config: TensorNetConfig, *, dtype: torch.dtype, seed: int) -> Any:
    """Build a network with random weights.

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
    return TensorNet(**tensornet_arguments(config)).to(dtype)


def tensornet_arguments(config: TensorNetConfig) -> dict[str, Any]:
    """Return the arguments of matgl's class that determine what is computed."""
    return {
        "element_types": list(config.type_names),
        "units": config.width,
        "nblocks": config.num_layers,
        "max_n": config.num_radial,
        "rbf_type": "SphericalBessel",
        "use_smooth": True,
        "activation_type": "swish",
        "cutoff": config.r_max,
        "equivariance_invariance_group": "O(3)",
        "is_intensive": False,
        "use_warp": False,
    }
