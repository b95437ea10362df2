"""SevenNet, as the package ``sevenn`` builds it: its configurations, without torch or sevenn."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from hub.potentials.architecture import Architecture
from hub.potentials.config import Cutoff, Layers, PotentialConfig, Width, refuse_huge
from registry.documents import MalformedError

if TYPE_CHECKING:
    import torch

    from hub.potentials.sevennet.potential import SevenNetPotential


@dataclass(frozen=True)
class SevenNetConfig(PotentialConfig):
    """A SevenNet of even parity, with linear self-connections and SiLU throughout.

    The sum over neighbours is divided by ``avg_num_neighbors`` itself, not by its root.

    Attributes
    ----------
    num_layers
        Interaction blocks.
    channels
        Features of degree 0, 1, ... that an atom has between them; the last degree is also the
        highest of the spherical harmonics. Before the first block and after the last one, atoms
        have features of degree 0 alone.
    num_bessels
        Radial basis size.
    polynomial_cutoff_p
        Exponent of the polynomial envelope, where there is no `xplor_start`.
    xplor_start
        Distance in Å from which on XPLOR's switching function brings interactions to zero, in place
        of the polynomial envelope.
    radial_mlp_depth, radial_mlp_width
        Hidden layers of the radial networks, and their size.
    """

    architecture: Literal["sevennet"] = "sevennet"
    num_layers: Layers = 3
    channels: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=7)] = (32, 32)
    num_bessels: Annotated[int, Meta(ge=1, le=128)] = 8
    polynomial_cutoff_p: Annotated[int, Meta(ge=2, le=100)] = 6
    xplor_start: Cutoff | None = None
    radial_mlp_depth: Annotated[int, Meta(ge=1, le=10)] = 2
    radial_mlp_width: Width = 64


class SevenNet(Architecture):
    """Potentials of the SevenNet project, for many elements at once."""

    name = "sevennet"
    title = "SevenNet"
    library = "sevenn"
    config = SevenNetConfig
    settings = (
        "r_max", "num_layers", "channels", "num_bessels", "polynomial_cutoff_p", "xplor_start",
        "radial_mlp_depth", "radial_mlp_width",
    )  # fmt: skip
    packages = ("sevenn", "e3nn", "torch")
    modules = ("sevenn",)
    install = "pip install 'mlip-hub[sevennet]'"

    def check(self, config: SevenNetConfig) -> None:
        """Refuse a cutoff function that does not fit the cutoff, and what is beyond any memory."""
        if config.xplor_start is not None and config.xplor_start >= config.r_max:
            raise MalformedError("'xplor_start': it is not below the cutoff")
        refuse_huge(weights_of(config))

    def build(
        self, config: SevenNetConfig, *, dtype: torch.dtype, seed: int = 0
    ) -> SevenNetPotential:
        """Build a potential with random weights; see `Architecture.build`."""
        from hub.potentials.sevennet.network import build_network
        from hub.potentials.sevennet.potential import SevenNetPotential

        return SevenNetPotential(config, build_network(config, dtype=dtype, seed=seed))


def weights_of(config: SevenNetConfig) -> int:
    """Return how many weights there are at most: as if all layers had all degrees."""
    channels, degrees = config.channels, range(len(config.channels))
    paths = [0] * len(channels)  # features of each degree in the product with the harmonics
    for one, other in itertools.product(degrees, degrees):
        for degree in degrees[abs(one - other) : one + other + 1]:
            paths[degree] += channels[one]
    gates = sum(channels[1:])
    linear = sum(
        width**2 + (width + path) * (width + gates * (degree == 0))
        for degree, width, path in zip(degrees, channels, paths, strict=True)
    )
    hidden = config.num_bessels + config.radial_mlp_depth * config.radial_mlp_width
    radial = config.radial_mlp_width * (hidden + sum(paths))
    ends = channels[0] * (len(config.type_names) + channels[0])
    return config.num_layers * (linear + radial) + ends
