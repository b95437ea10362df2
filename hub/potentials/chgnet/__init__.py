"""CHGNet as built by the package ``chgnet``: configuration, without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from hub.potentials.architecture import Architecture
from hub.potentials.config import Cutoff, Layers, PotentialConfig, Width, refuse_huge
from registry.documents import MalformedError

if TYPE_CHECKING:
    import torch

    from hub.potentials.potential import Potential


@dataclass(frozen=True)
class CHGNetConfig(PotentialConfig):
    """A CHGNet whose atomic energies are summed, with learned frequencies and layer norms.

    ``avg_num_neighbors`` is 1: sums over neighbours are not normalised.

    Attributes
    ----------
    num_layers
        Atom convolutions.
    width
        Features of an atom, a bond and an angle.
    num_radial, num_angular
        Sizes of the bases of distances and angles; that of angles is odd.
    angle_cutoff
        Cutoff in Å of the bonds that form angles.
    cutoff_exponent
        Exponent of the polynomial envelope.
    readout_depth
        Hidden layers of the read-out.
    """

    architecture: Literal["chgnet"] = "chgnet"
    num_layers: Layers = 4
    width: Width = 64
    num_radial: Annotated[int, Meta(ge=1, le=128)] = 31
    num_angular: Annotated[int, Meta(ge=1, le=128)] = 31
    angle_cutoff: Cutoff = 3.0
    cutoff_exponent: Annotated[int, Meta(ge=2, le=100)] = 8
    readout_depth: Layers = 3


class CHGNet(Architecture):
    """Potentials of the CHGNet project, for many elements; they cannot be trained here."""

    name = "chgnet"
    title = "CHGNet"
    library = "chgnet"
    config = CHGNetConfig
    is_trainable = False
    packages = ("chgnet", "torch")
    modules = ("chgnet",)
    install = "pip install 'mlip-hub[chgnet]'"

    def check(self, config: CHGNetConfig) -> None:
        """Refuse what chgnet cannot compute, and too large models."""
        if config.num_angular % 2 == 0:
            raise MalformedError("'num_angular': must be odd")
        if config.angle_cutoff > config.r_max:
            raise MalformedError("'angle_cutoff': must not be above the cutoff")
        refuse_huge(config.width**2 * (40 * config.num_layers + config.readout_depth))

    def build(self, config: CHGNetConfig, *, dtype: torch.dtype, seed: int = 0) -> Potential:
        """Build a potential with random weights; see `Architecture.build`."""
        from hub.potentials.chgnet.network import build_network
        from hub.potentials.chgnet.potential import CHGNetPotential

        return CHGNetPotential(config, build_network(config, dtype=dtype, seed=seed))
