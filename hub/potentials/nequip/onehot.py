"""The NequIP models published in 2023: configuration and architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from hub.potentials.architecture import Architecture, Export
from hub.potentials.config import Layers, PotentialConfig, Width, refuse_huge

if TYPE_CHECKING:
    import torch

    from hub.potentials.nequip.onehot_potential import OneHotPotential
    from hub.potentials.potential import Potential

EXPORTS = {"nequip-package": Export(".nequip.zip", "hub.potentials.nequip.export:export_package")}


@dataclass(frozen=True)
class OneHotConfig(PotentialConfig):
    """Everything except the weights that determines the function a model computes.

    Attributes
    ----------
    num_layers, num_features, l_max, parity
        Interaction blocks, channels per irrep, highest rotation order, whether to use odd parity.
    num_bessels, polynomial_cutoff_p
        Radial basis size and exponent of the envelope.
    radial_mlp_depth, radial_mlp_width, readout_width
        Sizes of the radial and read-out networks.

    Notes
    -----
    The limits apply to files and to users' choices; any model within them can be built.
    """

    architecture: Literal["nequip-onehot"] = "nequip-onehot"
    num_layers: Layers = 4
    num_features: Width = 32
    l_max: Annotated[int, Meta(ge=0, le=6)] = 1
    parity: bool = True
    num_bessels: Annotated[int, Meta(ge=1, le=128)] = 8
    polynomial_cutoff_p: Annotated[int, Meta(ge=2, le=100)] = 6
    radial_mlp_depth: Annotated[int, Meta(ge=0, le=10)] = 1
    radial_mlp_width: Width = 8
    readout_width: Width = 16


class OneHot(Architecture):
    """NequIP as in version 0.5: types also enter the self-connections as one-hot vectors."""

    name = "nequip-onehot"
    title = "NequIP"
    library = "nequip"
    config = OneHotConfig
    settings = (
        "r_max", "num_layers", "num_features", "l_max", "parity", "num_bessels",
        "polynomial_cutoff_p", "radial_mlp_depth", "radial_mlp_width", "readout_width",
    )  # fmt: skip
    is_default = True
    packages = ("nequip", "e3nn", "torch")
    exports = EXPORTS

    def check(self, config: OneHotConfig) -> None:
        """Refuse models that are within all limits but too large in combination."""
        n_types, n_irreps = len(config.type_names), 2 * (config.l_max + 1)
        weights = config.num_layers * n_irreps * n_types * config.num_features**2
        refuse_huge(weights)

    def build(self, config: OneHotConfig, *, dtype: torch.dtype, seed: int = 0) -> OneHotPotential:
        """Build a potential with random weights; see `Architecture.build`."""
        from hub.potentials.nequip.network import build_network
        from hub.potentials.nequip.onehot_potential import OneHotPotential

        return OneHotPotential(config, build_network(config, seed=seed, dtype=dtype))

    def build_accelerated(
        self,
        config: OneHotConfig,
        *,
        dtype: torch.dtype,
        device: torch.device,
        seed: int | None = None,
    ) -> Potential:
        """Build a compiled potential if possible; see `Architecture.build_accelerated`."""
        from hub.potentials.nequip.onehot_potential import OneHotPotential

        if OneHotPotential.compiles(config, device):
            return OneHotPotential.compiled(config, dtype, seed).to(device)
        return super().build_accelerated(config, dtype=dtype, device=device, seed=seed)


def hidden_irreps(config: OneHotConfig) -> str:
    """Return even irreps first, then odd ones: the order in which NequIP 0.5 stored weights."""
    degrees = range(config.l_max + 1)
    if config.parity:
        irreps = [(degree, parity) for parity in ("e", "o") for degree in degrees]
    else:
        irreps = [(degree, "e" if degree % 2 == 0 else "o") for degree in degrees]
    return "+".join(f"{config.num_features}x{degree}{parity}" for degree, parity in irreps)
