"""The plan of a NequIP network, from its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import ModelError
from hub.potentials.equivariant.layers import Choices, Features, Irrep, Layer, harmonic_irreps
from hub.potentials.equivariant.planning import plan_layer
from hub.potentials.nequip.onehot import OneHotConfig, hidden_irreps
from hub.potentials.nequip.stock import StockConfig, parse_irreps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.nequip.stock import ByParity

IMPOSSIBLE = "Change its settings: the parities and orders of its features are incompatible."


@dataclass(frozen=True)
class Plan:
    """Everything about a network besides its weights.

    Attributes
    ----------
    l_max
        Highest degree of the harmonics.
    layers
        The interactions.
    radial_sizes
        Widths of the hidden layers of each interaction's radial network.
    radial_nonlinearity
        Their function.
    scalars, gates
        The functions of even and odd scalars, and of gates, by parity.
    readout_sizes, readout_nonlinearity
        Widths of the hidden layers of the read-out, and their function, if they have one.
    type_width
        Size of the type embedding.
    has_one_hot_types
        Whether the self-connections take a one-hot vector of the type, not its embedding.
    num_bessels, bessel_trainable, polynomial_cutoff_p
        The radial basis.
    zbl_polynomial_cutoff_p
        Exponent of the envelope of a nuclear repulsion; None without it.
    scales_trainable, shifts_trainable
        Whether energy scales and shifts are trained.
    """

    l_max: int
    layers: tuple[Layer, ...]
    radial_sizes: tuple[tuple[int, ...], ...]
    radial_nonlinearity: str
    scalars: dict[int, str]
    gates: dict[int, str]
    readout_sizes: tuple[int, ...]
    readout_nonlinearity: str | None
    type_width: int
    has_one_hot_types: bool
    num_bessels: int
    bessel_trainable: bool
    polynomial_cutoff_p: float
    zbl_polynomial_cutoff_p: float | None = None
    scales_trainable: bool = False
    shifts_trainable: bool = False


def plan_network(config: OneHotConfig | StockConfig) -> Plan:
    """Return the plan of a network.

    Raises
    ------
    ModelError
        If a layer cannot have any of its features.
    """
    return _plan_one_hot(config) if isinstance(config, OneHotConfig) else _plan_stock(config)


def _plan_one_hot(config: OneHotConfig) -> Plan:
    width = config.num_features
    scalars, gates = {1: "ssp", -1: "tanh"}, {1: "ssp", -1: "abs"}
    edges = harmonic_irreps(config.l_max)
    choices = Choices(edges, len(config.type_names), "gate", scalars, gates)
    sizes = ((config.radial_mlp_width,) * config.radial_mlp_depth,) * config.num_layers
    hidden = [hidden_irreps(config)] * (config.num_layers - 1) + [f"{width}x0e"]
    connections = [True] * config.num_layers
    residuals = [False] * config.num_layers
    return Plan(
        l_max=config.l_max,
        layers=_plan_layers(
            width, hidden, choices, config.num_bessels, sizes, connections, residuals
        ),
        radial_sizes=sizes,
        radial_nonlinearity="ssp",
        scalars=scalars,
        gates=gates,
        readout_sizes=(config.readout_width,),
        readout_nonlinearity=None,
        type_width=width,
        has_one_hot_types=True,
        num_bessels=config.num_bessels,
        bessel_trainable=True,
        polynomial_cutoff_p=config.polynomial_cutoff_p,
    )


def _plan_stock(config: StockConfig) -> Plan:
    scalars = _by_parity(config.scalar_nonlinearities)
    gates = _by_parity(config.gate_nonlinearities)
    edges = harmonic_irreps(config.l_max)
    choices = Choices(edges, config.type_width, config.nonlinearity, scalars, gates)
    sizes = tuple((width,) * depth for depth, width in config.radial_sizes)
    later = [config.learnable_shift, *[True] * (config.num_layers - 1)]
    last = parse_irreps(config.layer_irreps[-1])[0][0]
    return Plan(
        l_max=config.l_max,
        layers=_plan_layers(
            config.type_width,
            config.layer_irreps,
            choices,
            config.num_bessels,
            sizes,
            [config.self_connections and each for each in later],
            [config.residual_updates and each for each in later],
        ),
        radial_sizes=sizes,
        radial_nonlinearity="silu",
        scalars=scalars,
        gates=gates,
        readout_sizes=(config.readout_width or last,) * config.readout_depth,
        readout_nonlinearity=config.readout_nonlinearity,
        type_width=config.type_width,
        has_one_hot_types=False,
        num_bessels=config.num_bessels,
        bessel_trainable=config.bessel_trainable,
        polynomial_cutoff_p=config.polynomial_cutoff_p,
        zbl_polynomial_cutoff_p=config.zbl_polynomial_cutoff_p,
        scales_trainable=config.energy_scales_trainable,
        shifts_trainable=config.energy_shifts_trainable,
    )


def _by_parity(functions: ByParity) -> dict[int, str]:
    return {1: functions["e"], -1: functions["o"]}


def _plan_layers(
    type_width: int,
    hidden: Sequence[str],
    choices: Choices,
    num_bessels: int,
    radial_sizes: Sequence[tuple[int, ...]],
    self_connections: Sequence[bool],
    residuals: Sequence[bool],
) -> tuple[Layer, ...]:
    inputs: tuple[Features, ...] = (Features(type_width, Irrep(0, 1)),)
    layers: list[Layer] = []
    for irreps, sizes, connection, residual in zip(
        hidden, radial_sizes, self_connections, residuals, strict=True
    ):
        wanted = [
            Features(width, Irrep(degree, parity)) for width, degree, parity in parse_irreps(irreps)
        ]
        layer = plan_layer(
            inputs,
            wanted,
            choices,
            hidden_radial=sizes[-1] if sizes else num_bessels,
            has_self_connection=connection,
            is_residual=residual,
        )
        if not layer.outputs:
            raise ModelError(
                f"NequIP cannot build this model: the inputs of layer {len(layers) + 1} and "
                f"harmonics up to order {len(choices.harmonics) - 1} have no products of the "
                f"irreps {irreps}",
                IMPOSSIBLE,
            )
        layers.append(layer)
        inputs = layer.outputs
    return tuple(layers)
