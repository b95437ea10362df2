"""SevenNet as built by the package ``sevenn``: configuration, without importing torch."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from hub.potentials.architecture import Architecture
from hub.potentials.config import Cutoff, Layers, PotentialConfig, Width, refuse_huge
from registry.documents import MalformedError

if TYPE_CHECKING:
    import torch

    from hub.potentials.potential import Potential
    from hub.potentials.sevennet.potential import SevenNetPotential


@dataclass(frozen=True)
class SevenNetConfig(PotentialConfig):
    """A SevenNet of even parity, with linear self-connections and SiLU throughout.

    The sum over neighbours is divided by ``avg_num_neighbors`` itself, not by its square root.

    Attributes
    ----------
    num_layers
        Interaction blocks.
    channels
        Number of features of degree 0, 1, ... of an atom between the blocks; the last degree is
        also the highest of the spherical harmonics. Before the first block and after the last
        one, atoms have only features of degree 0.
    num_bessels
        Radial basis size.
    polynomial_cutoff_p
        Exponent of the polynomial envelope, if `xplor_start` is not set.
    xplor_start
        Distance in Å at which XPLOR's switching function, used instead of the polynomial envelope,
        starts to reduce interactions to zero.
    radial_mlp_depth, radial_mlp_width
        Number and width of the hidden layers of the radial networks.
    """

    architecture: Literal["sevennet"] = "sevennet"
    num_layers: Layers = 3
    channels: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=7)] = (32, 32)
    num_bessels: Annotated[int, Meta(ge=1, le=128)] = 8
    polynomial_cutoff_p: Annotated[int, Meta(ge=2, le=100)] = 6
    xplor_start: Cutoff | None = None
    radial_mlp_depth: Annotated[int, Meta(ge=1, le=10)] = 2
    radial_mlp_width: Width = 64

    @property
    def modals(self) -> tuple[str, ...]:
        """The levels of theory that the weights were trained for together; none if for one only."""
        return ()

    @property
    def modal_index(self) -> int:
        """The place of the model's own level of theory among `modals`."""
        return 0


class SevenNet(Architecture):
    """Potentials of the SevenNet project, for many elements."""

    name = "sevennet"
    title = "SevenNet"
    library = "sevenn"
    config: ClassVar[type[SevenNetConfig]] = SevenNetConfig
    settings: ClassVar[tuple[str, ...]] = (
        "r_max", "num_layers", "channels", "num_bessels", "polynomial_cutoff_p", "xplor_start",
        "radial_mlp_depth", "radial_mlp_width",
    )  # fmt: skip
    packages = ("sevenn", "e3nn", "torch")
    modules = ("sevenn",)
    install = "pip install 'mlip-hub[sevennet]'"

    def check(self, config: SevenNetConfig) -> None:
        """Refuse what sevenn cannot compute, and too large models."""
        if config.xplor_start is not None and config.xplor_start >= config.r_max:
            raise MalformedError("'xplor_start': must be below the cutoff")
        if config.channels[0] < 2:
            raise MalformedError(
                "'channels': 2 or more of degree 0 are required, of which the read-out takes half"
            )
        refuse_huge(weights_of(config))

    def build(
        self, config: SevenNetConfig, *, dtype: torch.dtype, seed: int = 0
    ) -> SevenNetPotential:
        """Build a potential with random weights; see `Architecture.build`."""
        from hub.potentials.sevennet.network import build_network
        from hub.potentials.sevennet.potential import SevenNetPotential

        return SevenNetPotential(config, build_network(config, dtype=dtype, seed=seed))

    def build_accelerated(
        self,
        config: SevenNetConfig,
        *,
        dtype: torch.dtype,
        device: torch.device,
        seed: int | None = None,
    ) -> Potential:
        """Build a compiled potential if possible; see `Architecture.build_accelerated`."""
        from hub.potentials.sevennet.potential import SevenNetPotential

        if seed is None and SevenNetPotential.compiles(config, device):
            return SevenNetPotential.compiled(config, dtype).to(device)
        return super().build_accelerated(config, dtype=dtype, device=device, seed=seed)


def weights_of(config: SevenNetConfig) -> int:
    """Return an upper bound of the number of weights, as if all layers had all degrees."""
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
