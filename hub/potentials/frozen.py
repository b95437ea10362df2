"""Potentials that are computed by the modules of a library, and cannot be trained here."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from hub.potentials.building import build_potential
from hub.potentials.equivariant.derivatives import differentiate
from hub.potentials.kernels.pairs import find_pairs
from hub.potentials.potential import Potential
from hub.potentials.rescaling import Rescale

if TYPE_CHECKING:
    import torch

    from hub.potentials.config import PotentialConfig
    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.kernels.passes import Pass
    from hub.potentials.potential import Batch, Output


class FrozenPotential(Potential):
    """A potential that predicts, but has no trainable parameters.

    Parameters
    ----------
    config
        Its configuration.
    network
        The library's network, without scales and shifts of the energies.

    Attributes
    ----------
    joins_pairs
        Whether an edge and its reverse are given as one pair.
    most_edges
        Number of edges at once, which limits the memory.
    """

    joins_pairs: bool = False
    most_edges: int = 30_000

    def __init__(self, config: PotentialConfig, network: torch.nn.Module) -> None:
        super().__init__(config)
        self.network = network.requires_grad_(requires_grad=False)
        self.rescale = Rescale(len(config.type_names))

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the network; energies, scales and shifts are always float64."""
        return next(self.network.parameters()).dtype

    @property
    def max_edges(self) -> int:
        """Maximum number of edges at once if a batch can be divided."""
        return self.most_edges

    def forward(self, batch: Batch) -> Output:
        """Predict energies and their derivatives."""
        pairs = find_pairs(batch.edges, batch.shifts, may_join=self.joins_pairs, half=batch.half)

        def energies_of(vectors: torch.Tensor, _: Pass) -> tuple[torch.Tensor, torch.Tensor]:
            energies, features = self.atomic_energies(batch, pairs, vectors.to(self.dtype))
            return self.rescale(energies, batch.types), features

        return differentiate(
            energies_of, batch, pairs, is_training=self.training, without_volume=0.0
        )

    @abstractmethod
    def atomic_energies(
        self, batch: Batch, pairs: Pairs, vectors: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the atomic energies (N,) before scale and shift, and the features (N, F).

        Parameters
        ----------
        batch
            The structures.
        pairs
            Their pairs: one for each edge, or for an edge and its reverse if `joins_pairs`.
        vectors : (P, 3)
            From the first atom of each pair to the second, in Å.
        """

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the network's tensors, scales and shifts."""
        return self.state_dict(keep_vars=True)

    def energy_terms(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the scale and the shift (eV) of each element's atomic energy: two (n,) tensors."""
        return self.rescale.scale, self.rescale.shift

    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return nothing: no parameter can be trained."""
        return {}

    def __reduce__(self) -> Any:
        """Copy and pickle by building it again: networks hold functions that cannot be pickled."""
        return _rebuilt, (self.config, self.dtype, self.device, self.weights(), self.training)


def _rebuilt(
    config: PotentialConfig,
    dtype: torch.dtype,
    device: torch.device,
    weights: dict[str, torch.Tensor],
    training: bool,
) -> Potential:
    potential = build_potential(config, dtype=dtype).to(device)
    potential.set_weights(weights, "the copied potential")
    return potential.train(training)
