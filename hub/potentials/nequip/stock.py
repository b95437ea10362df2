"""NequIP's own models, as built by its current release: configuration and architecture."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from msgspec import Meta

from hub.potentials.architecture import Architecture
from hub.potentials.config import (
    Cutoff,
    Layers,
    Neighbours,
    PotentialConfig,
    Width,
    refuse_huge,
)
from hub.potentials.nequip.onehot import EXPORTS
from registry.documents import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from hub.potentials.nequip.stock_potential import StockPotential
    from hub.potentials.potential import Potential

_IRREP = re.compile(r"(\d+)x(\d+)([eo])")

Depth = Annotated[int, Meta(ge=0, le=10)]
Exponent = Annotated[float, Meta(ge=2, le=100)]
Irreps = Annotated[
    str, Meta(pattern=r"^[1-9]\d{0,3}x\d[eo](\+[1-9]\d{0,3}x\d[eo])*$", max_length=200)
]  # such as 32x0e+16x1o
Nonlinearity = Literal["silu", "mish", "gelu", "ssp", "tanh", "sigmoid", "softplus"]


class ByParity(TypedDict):
    """The nonlinearities of even (e) and odd (o) scalars."""

    e: Literal["silu", "ssp", "tanh", "abs"]
    o: Literal["tanh", "abs"]


SILU_AND_TANH: ByParity = {"e": "silu", "o": "tanh"}


@dataclass(frozen=True)
class StockConfig(PotentialConfig):
    """Everything except the weights that determines the function a NequIP model computes.

    Attributes
    ----------
    cutoffs
        Cutoffs in Å by type of the centre and type of the neighbour; empty if all are `r_max`.
    neighbors_per_type
        The `avg_num_neighbors` of each type of centre; empty if it is the same for all.
    num_layers, num_features, l_max, parity
        Interaction blocks, channels per irrep (or of each order), highest rotation order, whether
        to use odd parity.
    irreps
        Output irreps of each layer, if not given by the numbers above; `l_max` is then only that
        of the edges.
    type_embed_num_features
        Size of the type embedding; by default the number of scalar channels.
    radial_mlp_depth, radial_mlp_width
        Sizes of the radial networks, common to all layers or for each layer.
    num_bessels, bessel_trainable, polynomial_cutoff_p
        Radial basis size, whether its wave numbers are trained, and exponent of the envelope.
    readout_depth, readout_width, readout_nonlinearity
        The network from the last features to the atomic energy; linear if the depth is 0.
    self_connections, residual_updates, learnable_shift
        Whether layers add a product of features and type, and their input features; the first
        layer does so only with a learnable shift.
    nonlinearity, scalar_nonlinearities, gate_nonlinearities
        The kind of nonlinearity of non-scalar features, and the functions of scalars and gates.
    zbl_polynomial_cutoff_p
        Exponent of the envelope of a nuclear repulsion (Ziegler, Biersack and Littmark); None for
        no repulsion.
    energy_scales_trainable, energy_shifts_trainable
        Whether training changes the scale and shift of each element's energy.
    """

    architecture: Literal["nequip"] = "nequip"
    cutoffs: tuple[tuple[Cutoff, ...], ...] = ()
    neighbors_per_type: tuple[Neighbours, ...] = ()
    num_layers: Layers = 4
    num_features: Width | tuple[Width, ...] = 32
    l_max: Annotated[int, Meta(ge=0, le=6)] = 1
    parity: bool = True
    irreps: tuple[Irreps, ...] = ()
    type_embed_num_features: Width | None = None
    radial_mlp_depth: Depth | tuple[Depth, ...] = 1
    radial_mlp_width: Width | tuple[Width, ...] = 128
    num_bessels: Annotated[int, Meta(ge=1, le=128)] = 8
    bessel_trainable: bool = False
    polynomial_cutoff_p: Exponent = 6.0
    readout_depth: Depth = 0
    readout_width: Width | None = None
    readout_nonlinearity: Nonlinearity | None = "silu"
    self_connections: bool = True
    residual_updates: bool = False
    learnable_shift: bool = False
    nonlinearity: Literal["gate", "norm"] = "gate"
    scalar_nonlinearities: ByParity = field(default_factory=SILU_AND_TANH.copy)
    gate_nonlinearities: ByParity = field(default_factory=SILU_AND_TANH.copy)
    zbl_polynomial_cutoff_p: Exponent | None = None
    energy_scales_trainable: bool = False
    energy_shifts_trainable: bool = False

    @property
    def layer_irreps(self) -> tuple[str, ...]:
        """The output irreps of each layer; the last one gives scalars."""
        if self.irreps:
            return self.irreps
        features = self.num_features
        widths = features if isinstance(features, tuple) else (features,) * (self.l_max + 1)
        hidden = "+".join(
            f"{width}x{degree}{parity}"
            for degree, width in enumerate(widths)
            for parity in ("eo" if self.parity else "eo"[degree % 2])
        )
        return (hidden,) * (self.num_layers - 1) + (f"{widths[0]}x0e",)

    @property
    def radial_sizes(self) -> tuple[tuple[int, int], ...]:
        """Depth and width of each layer's radial network."""
        depths = _per_layer(self.radial_mlp_depth, self.num_layers)
        widths = _per_layer(self.radial_mlp_width, self.num_layers)
        return tuple(zip(depths, widths, strict=True))

    @property
    def type_width(self) -> int:
        """The size of the type embedding."""
        return self.type_embed_num_features or parse_irreps(self.layer_irreps[0])[0][0]


class Stock(Architecture):
    """NequIP as its own builders make it, including presets and pair potentials."""

    name = "nequip"
    title = "NequIP"
    library = "nequip"
    config = StockConfig
    settings = (
        "r_max", "num_layers", "num_features", "l_max", "parity", "irreps",
        "type_embed_num_features", "radial_mlp_depth", "radial_mlp_width", "num_bessels",
        "bessel_trainable", "polynomial_cutoff_p", "readout_depth", "readout_width",
        "readout_nonlinearity", "self_connections", "residual_updates", "learnable_shift",
        "nonlinearity", "scalar_nonlinearities", "gate_nonlinearities", "zbl_polynomial_cutoff_p",
        "energy_scales_trainable", "energy_shifts_trainable",
    )  # fmt: skip
    packages = ("nequip", "e3nn", "torch")
    exports = EXPORTS
    file_types = {  # noqa: RUF012
        ".nequip.zip": "hub.potentials.nequip.importing:import_package"
    }

    def check(self, config: StockConfig) -> None:
        """Refuse inconsistent numbers and models that are too large."""
        n_types, n_layers = len(config.type_names), config.num_layers
        _require_length("num_features", config.num_features, config.l_max + 1)
        _require_length("irreps", config.irreps or None, n_layers)
        _require_length("radial_mlp_depth", config.radial_mlp_depth, n_layers)
        _require_length("radial_mlp_width", config.radial_mlp_width, n_layers)
        _require_length("neighbors_per_type", config.neighbors_per_type or None, n_types)
        for row in (config.cutoffs, *config.cutoffs):
            _require_length("cutoffs", row or None, n_types)
        if any(cutoff > config.r_max for row in config.cutoffs for cutoff in row):
            raise MalformedError("'cutoffs': a cutoff is larger than r_max")
        if config.learnable_shift and not (config.self_connections or config.residual_updates):
            raise MalformedError("'learnable_shift': requires self_connections or residual_updates")
        if parse_irreps(config.layer_irreps[-1])[0][1:] != (0, 1) or "+" in config.layer_irreps[-1]:
            raise MalformedError("'irreps': the last layer must give only even scalars")
        refuse_huge(_count_weights(config))

    def build(self, config: StockConfig, *, dtype: torch.dtype, seed: int = 0) -> StockPotential:
        """Build a potential with random weights; see `Architecture.build`."""
        from hub.potentials.nequip.stock_potential import StockPotential, build_network

        return StockPotential(config, build_network(config, seed=seed, dtype=dtype))

    def build_accelerated(
        self,
        config: StockConfig,
        *,
        dtype: torch.dtype,
        device: torch.device,
        seed: int | None = None,
    ) -> Potential:
        """Build a compiled potential if possible; see `Architecture.build_accelerated`."""
        from hub.potentials.nequip.stock_potential import StockPotential

        if StockPotential.compiles(config, device):
            return StockPotential.compiled(config, dtype, seed).to(device)
        return super().build_accelerated(config, dtype=dtype, device=device, seed=seed)


def parse_irreps(text: str) -> list[tuple[int, int, int]]:
    """Return channels, order and parity (1 or -1) of each irrep of a text such as 32x0e+16x1o."""
    return [
        (int(width), int(degree), 1 if parity == "e" else -1)
        for width, degree, parity in _IRREP.findall(text)
    ]


def _per_layer(value: int | tuple[int, ...], n_layers: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * n_layers


def _require_length(name: str, values: Any, length: int) -> None:
    if isinstance(values, tuple) and len(values) != length:
        raise MalformedError(f"{name!r}: expected {length} entries, got {len(values)}")


def _count_weights(config: StockConfig) -> int:
    """Return an upper estimate of the number of weights of a model."""
    total = len(config.type_names) * config.type_width
    given: Sequence[tuple[int, int, int]] = [(config.type_width, 0, 1)]
    for irreps, (depth, width) in zip(config.layer_irreps, config.radial_sizes, strict=True):
        wanted = parse_irreps(irreps)
        gates = (sum(count for count, degree, _ in wanted if degree), 0, 1)
        total += _count_layer(given, [*wanted, gates], config, depth, width)
        given = wanted
    scalars = sum(count for count, _, _ in given)
    widest = max(config.readout_width or scalars, scalars)
    return total + widest * (config.readout_depth * widest + 1)


def _count_layer(
    given: Sequence[tuple[int, int, int]],
    wanted: Sequence[tuple[int, int, int]],
    config: StockConfig,
    depth: int,
    width: int,
) -> int:
    """Count the weights of a layer that turns the irreps `given` into `wanted`."""
    paths = [
        (count, degree, parity * (-1) ** edge)
        for count, start, parity in given
        for edge in range(config.l_max + 1)
        for degree in range(abs(start - edge), start + edge + 1)
        if any((degree, parity * (-1) ** edge) == each[1:] for each in wanted)
    ]
    messages = sum(count for count, _, _ in paths)
    hidden = config.num_bessels * width + max(depth - 1, 0) * width**2 + width * messages
    radial = hidden if depth else config.num_bessels * messages
    products = _pairs(given, wanted) * config.type_width if config.self_connections else 0
    return _pairs(given, given) + radial + _pairs(paths, wanted) + products


def _pairs(first: Sequence[tuple[int, int, int]], second: Sequence[tuple[int, int, int]]) -> int:
    """Count the weights of a linear map between irreps."""
    return sum(one * two for one, *irrep in first for two, *other in second if irrep == other)
