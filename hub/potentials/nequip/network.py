"""Build the NequIP model of the published checkpoints from stock modules of current NequIP.

NequIP 0.5, which trained them, differs from current NequIP in two places: its radial networks use
the shifted softplus, and its self-connections, present in every layer, take a one-hot vector of
the atom type. Both are assembled here from NequIP's own modules, so that an exported model
requires only NequIP.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from e3nn import o3
from nequip.data import AtomicDataDict
from nequip.model.utils import model_builder
from nequip.nn import (
    ApplyFactor,
    AtomwiseReduce,
    ForceStressOutput,
    PerTypeScaleShift,
    ScalarMLP,
    SequentialGraphNetwork,
)
from nequip.nn.convnetlayer import ConvNetLayer
from nequip.nn.embedding import (
    BesselEdgeLengthEncoding,
    EdgeLengthNormalizer,
    NodeTypeEmbed,
    PolynomialCutoff,
    SphericalHarmonicEdgeAttrs,
)
from nequip.nn.mlp import ScalarMLPFunction

from hub.potentials.nequip.onehot import hidden_irreps
from hub.potentials.nequip.state import ready_to_build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.nequip.onehot import OneHotConfig

_SCALAR_NONLINEARITIES = {"e": "ssp", "o": "tanh"}
_GATE_NONLINEARITIES = {"e": "ssp", "o": "abs"}


def build_network(
    config: OneHotConfig, *, seed: int = 0, dtype: torch.dtype = torch.float64
) -> torch.nn.Module:
    """Build a model with random weights.

    Parameters
    ----------
    config
        The architecture.
    seed
        Seed of the random weights.
    dtype
        Precision of the network: ``torch.float64`` or ``torch.float32``. Positions, energies,
        the radial basis and the per-type energy scales and shifts are float64 in both cases.

    Returns
    -------
    A NequIP ``GraphModel`` that maps a batch of graphs to energies (eV), forces (eV/Å) and
    stresses (eV/Å^3), with unit scales and zero shifts.
    """
    with ready_to_build(dtype):
        model: torch.nn.Module = OneHotNequIPModel(
            seed=seed, model_dtype=str(dtype).removeprefix("torch."), **builder_arguments(config)
        )
    return model


def builder_arguments(config: OneHotConfig) -> dict[str, Any]:
    """Return the arguments of :func:`OneHotNequIPModel` besides seed and precision, as JSON."""
    hidden = hidden_irreps(config)
    return {
        "type_names": list(config.type_names),
        "r_max": config.r_max,
        "irreps_edge": str(o3.Irreps.spherical_harmonics(config.l_max)),
        "irreps_hidden": [hidden] * (config.num_layers - 1) + [f"{config.num_features}x0e"],
        "num_features": config.num_features,
        "num_bessels": config.num_bessels,
        "polynomial_cutoff_p": config.polynomial_cutoff_p,
        "radial_mlp_depth": config.radial_mlp_depth,
        "radial_mlp_width": config.radial_mlp_width,
        "readout_width": config.readout_width,
        "avg_num_neighbors": config.avg_num_neighbors,
    }


@model_builder  # type: ignore[untyped-decorator]
def OneHotNequIPModel(  # noqa: N802 - NequIP names its builders like classes
    *,
    type_names: Sequence[str],
    r_max: float,
    irreps_edge: str,
    irreps_hidden: Sequence[str],
    num_features: int,
    num_bessels: int,
    polynomial_cutoff_p: int,
    radial_mlp_depth: int,
    radial_mlp_width: int,
    readout_width: int,
    avg_num_neighbors: float,
) -> torch.nn.Module:
    """Assemble the energy model and its derivatives; see :func:`build_network`."""
    modules = _embeddings(
        list(type_names), r_max, irreps_edge, num_features, num_bessels, polynomial_cutoff_p
    )
    irreps = modules["onehot"].irreps_out
    for index, hidden in enumerate(irreps_hidden):
        layer = ConvNetLayer(
            irreps_in=irreps,
            feature_irreps_hidden=hidden,
            convolution_kwargs={
                "radial_mlp_depth": radial_mlp_depth,
                "radial_mlp_width": radial_mlp_width,
                "use_sc": True,
                "is_first_layer": index == 0,
                "avg_num_neighbors": avg_num_neighbors,
                "type_names": type_names,
            },
            nonlinearity_scalars=_SCALAR_NONLINEARITIES,
            nonlinearity_gates=_GATE_NONLINEARITIES,
        )
        # NequIP hard-wires SiLU here; the checkpoints were trained with the shifted softplus.
        layer.conv.edge_mlp = ScalarMLPFunction(
            input_dim=num_bessels,
            output_dim=layer.conv.tp_scatter.tp.weight_numel,
            hidden_layers_depth=radial_mlp_depth,
            hidden_layers_width=radial_mlp_width,
            nonlinearity="ssp",
        )
        modules[f"layer{index}_convnet"] = layer
        irreps = layer.irreps_out
    modules.update(_readout(list(type_names), readout_width, irreps))
    model: torch.nn.Module = ForceStressOutput(SequentialGraphNetwork(modules))
    return model


def _embeddings(
    type_names: list[str],
    r_max: float,
    irreps_edge: str,
    num_features: int,
    num_bessels: int,
    polynomial_cutoff_p: int,
) -> dict[str, Any]:
    """Embed types and edges; the last module provides the one-hot node attributes."""
    type_embed = NodeTypeEmbed(type_names=type_names, num_features=num_features)
    spharm = SphericalHarmonicEdgeAttrs(irreps_edge_sh=irreps_edge, irreps_in=type_embed.irreps_out)
    edge_norm = EdgeLengthNormalizer(
        r_max=r_max, type_names=type_names, irreps_in=spharm.irreps_out
    )
    bessel_encode = BesselEdgeLengthEncoding(
        num_bessels=num_bessels,
        trainable=True,
        cutoff=PolynomialCutoff(polynomial_cutoff_p),
        edge_invariant_field=AtomicDataDict.EDGE_EMBEDDING_KEY,
        irreps_in=edge_norm.irreps_out,
    )
    factor = ApplyFactor(
        in_field=AtomicDataDict.EDGE_EMBEDDING_KEY,
        factor=2 * math.pi / r_max**2,
        irreps_in=bessel_encode.irreps_out,
    )
    onehot = NodeTypeEmbed(
        type_names=type_names,
        num_features=len(type_names),
        set_features=False,
        irreps_in=factor.irreps_out,
    )
    with torch.no_grad():
        onehot.embed_module.weight.copy_(torch.eye(len(type_names)))
    onehot.embed_module.weight.requires_grad_(requires_grad=False)
    return {
        "type_embed": type_embed,
        "spharm": spharm,
        "edge_norm": edge_norm,
        "bessel_encode": bessel_encode,
        "factor": factor,
        "onehot": onehot,
    }


def _readout(type_names: list[str], width: int, irreps: dict[str, Any]) -> dict[str, Any]:
    """Map the last features to atomic energies, scaled and shifted per type, and sum them."""
    readout = ScalarMLP(
        output_dim=1,
        hidden_layers_depth=1,
        hidden_layers_width=width,
        nonlinearity=None,
        field=AtomicDataDict.NODE_FEATURES_KEY,
        out_field=AtomicDataDict.PER_ATOM_ENERGY_KEY,
        irreps_in=irreps,
    )
    scale_shift = PerTypeScaleShift(
        type_names=type_names,
        field=AtomicDataDict.PER_ATOM_ENERGY_KEY,
        scales=dict.fromkeys(type_names, 1.0),
        shifts=dict.fromkeys(type_names, 0.0),
        irreps_in=readout.irreps_out,
    )
    total = AtomwiseReduce(
        field=AtomicDataDict.PER_ATOM_ENERGY_KEY,
        out_field=AtomicDataDict.TOTAL_ENERGY_KEY,
        irreps_in=scale_shift.irreps_out,
    )
    return {
        "per_atom_energy_readout": readout,
        "per_type_energy_scale_shift": scale_shift,
        "total_energy_sum": total,
    }
