"""TensorNet as built by the package ``matgl``: configuration, without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from hub.potentials.architecture import Architecture
from hub.potentials.config import Layers, PotentialConfig, Width, refuse_huge

if TYPE_CHECKING:
    import torch

    from hub.potentials.potential import Potential


@dataclass(frozen=True)
class TensorNetConfig(PotentialConfig):
    """A TensorNet of O(3), with a smooth basis of spherical Bessel functions.

    ``avg_num_neighbors`` is 1: sums over neighbours are not normalised.

    Attributes
    ----------
    num_layers
        Interactions.
    width
        Scalars, vectors and tensors of an atom, of each this many.
    num_radial
        Size of the basis of distances.
    """

    architecture: Literal["tensornet"] = "tensornet"
    num_layers: Layers = 2
    width: Width = 64
    num_radial: Annotated[int, Meta(ge=1, le=20)] = 3


class TensorNet(Architecture):
    """TensorNets of the Materials Graph Library, for many elements; they cannot be trained here."""

    name = "tensornet"
    title = "TensorNet"
    library = "matgl"
    config = TensorNetConfig
    is_trainable = False
    packages = ("matgl", "torch")
    modules = ("matgl",)
    install = "pip install 'mlip-hub[matgl]'"

    def check(self, config: TensorNetConfig) -> None:
        """Refuse too large models."""
        refuse_huge(config.width**2 * (20 * config.num_layers + 30))

    def build(self, config: TensorNetConfig, *, dtype: torch.dtype, seed: int = 0) -> Potential:
        """Build a potential with random weights; see `Architecture.build`."""
        from hub.potentials.tensornet.potential import TensorNetPotential, build_network

        return TensorNetPotential(config, build_network(config, dtype=dtype, seed=seed))
