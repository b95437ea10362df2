"""Infer the configuration of a NequIP model from its modules.

The ``config.yaml`` of a package is not sufficient: for a fine-tuned model it contains the path of
another package, and ``nequip-package modify`` does not update it.
"""

from __future__ import annotations

import math
from dataclasses import fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch
from ase.data import atomic_numbers

from hub.errors import IncompatibleModelError
from hub.potentials.nequip.onehot import OneHot, OneHotConfig
from hub.potentials.nequip.parts import (
    HINT,
    checked,
    function_name,
    hidden_widths,
    irreps_of,
    part,
    tensor,
    value,
)
from hub.potentials.nequip.pickles import Made, Name
from hub.potentials.nequip.stock import SILU_AND_TANH, Stock, StockConfig, parse_irreps
from registry.documents import MalformedError, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.potentials.architecture import Architecture
    from hub.potentials.config import PotentialConfig
    from hub.potentials.nequip.package import Described

_DTYPES = {"torch.float32": torch.float32, "torch.float64": torch.float64}
_LAYERS = {
    "torch.nn.modules.activation.SiLU": "silu",
    "torch.nn.modules.activation.Mish": "mish",
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.Sigmoid": "sigmoid",
    "torch.nn.modules.activation.Softplus": "softplus",
    "nequip.nn.nonlinearities.ShiftedSoftplus": "ssp",
}
_OWN = ("nequip", "e3nn", "torch")
_COULOMB = 14.399645 / 2  # eV Å; half of it for each direction of a pair


def infer_config(model: Described, energy_reference: str) -> PotentialConfig:
    """Return the configuration of a model with the same modules.

    It is one of NequIP's own models, or one of the models of 2023 that we export. Building it and
    comparing shows whether the modules are really the same.

    Parameters
    ----------
    model
        A ``GraphModel``.
    energy_reference
        The energy reference to put into the configuration.

    Raises
    ------
    IncompatibleModelError
        If it has another architecture, or requires inputs other than structures.
    MalformedError
        If modules are missing, or numbers are outside our limits for models.
    """
    _refuse_others(model)
    network = part(model, "model.func")
    layers = [
        network.children[name]
        for name in (f"layer{number}_convnet" for number in range(len(network.children)))
        if name in network.children
    ]
    if not layers:
        raise MalformedError("the model has no layers")
    types = _elements(model)
    content: dict[str, Any] = {
        "type_names": types,
        "energy_reference": energy_reference,
        **_lengths(part(network, "edge_norm"), len(types)),
        **_neighbors(part(layers[0], "conv")),
        **_irreps(network, layers),
        **_radial(part(network, "bessel_encode"), layers),
        **_readout(part(network, "per_atom_energy_readout.mlp_module")),
    }
    if "onehot" in network.children:
        known = {each.name for each in fields(OneHotConfig)}
        content = {name: found for name, found in content.items() if name in known}
        content["polynomial_cutoff_p"] = int(content["polynomial_cutoff_p"])
        return _limited(OneHot(), content)
    content |= {**_updates(layers), **_nonlinearities(layers), **_energies(network)}
    return _limited(Stock(), content)


def _limited(architecture: Architecture, content: dict[str, Any]) -> PotentialConfig:
    config = fit(content, architecture.config)
    architecture.check(config)
    return config


def infer_dtype(model: Described) -> torch.dtype:
    """Return the precision of a ``GraphModel``.

    Raises
    ------
    MalformedError
        If the precision is not supported.
    """
    found = str(value(model, "model_dtype", Name))
    if found not in _DTYPES:
        raise MalformedError(f"unsupported precision of the model: {found[:50]}")
    return _DTYPES[found]


def _refuse_others(model: Described) -> None:
    """Refuse models with modules that are not NequIP's own."""
    for path, module in model.walk():
        if module.kind.partition(".")[0] == "allegro":
            raise IncompatibleModelError(
                f"it is an Allegro model ({module.kind}); only NequIP models can be imported", HINT
            )
        if module.kind.partition(".")[0] not in _OWN:
            raise IncompatibleModelError(
                f"the model does not consist of NequIP's own modules only: {path} is a "
                f"{module.kind}",
                HINT,
            )
    if model.kind.rpartition(".")[2] != "GraphModel":
        raise IncompatibleModelError(f"the model is a {model.kind}, not a GraphModel", HINT)


def _elements(model: Described) -> list[str]:
    types = value(model, "type_names", list)
    for name in types:
        if checked(name, str, "type") not in atomic_numbers:
            raise IncompatibleModelError(
                f"the model has an atom type {name[:20]!r}, which is not a chemical element",
                HINT,
            )
    return types


def _lengths(edges: Described, n_types: int) -> dict[str, Any]:
    found: dict[str, Any] = {"r_max": value(edges, "r_max", float)}
    if value(edges, "_per_edge_type", bool):
        reciprocals = tensor(edges, "_rmax_recip").double().tolist()
        cutoffs = [_shortest(each, lambda x: 1 / x, 1) for each in reciprocals]
        found["cutoffs"] = [cutoffs[n : n + n_types] for n in range(0, len(cutoffs), n_types)]
    return found


def _neighbors(conv: Described) -> dict[str, Any]:
    """Return the neighbour numbers whose inverse square roots normalise the neighbour sums."""
    if "avg_num_neighbors_norm" in conv.children:
        norm = part(conv, "avg_num_neighbors_norm")
        constants, single = tensor(norm, "norm_const"), value(norm, "norm_shortcut", bool)
        factors, dtype = constants.double().flatten().tolist(), constants.dtype
    else:  # before NequIP 0.15
        factor = conv.attributes.get("scatter_norm_factor")
        factors, single = [1.0 if factor is None else checked(factor, float)], True
        dtype = torch.float64

    def inverse_root(number: float) -> float:
        return float(torch.tensor(1 / math.sqrt(number), dtype=dtype))

    numbers = [_shortest(each, inverse_root, 2) for each in factors]
    if single:
        return {"avg_num_neighbors": numbers[0]}
    return {"avg_num_neighbors": sum(numbers) / len(numbers), "neighbors_per_type": numbers}


def _irreps(network: Described, layers: Sequence[Described]) -> dict[str, Any]:
    edges = parse_irreps(irreps_of(part(network, "spharm").attributes.get("irreps_edge_sh")))
    irreps = [irreps_of(layer.attributes.get("feature_irreps_hidden")) for layer in layers]
    first = parse_irreps(irreps[0])
    l_max = max(degree for _, degree, _ in edges)
    widths = {degree: width for width, degree, _ in first}
    features = [widths.get(degree, first[0][0]) for degree in range(l_max + 1)]
    found: dict[str, Any] = {
        "num_layers": len(layers),
        "l_max": l_max,
        "num_features": features[0] if len(set(features)) == 1 else tuple(features),
        "parity": any(parity != (-1) ** degree for _, degree, parity in first),
    }
    if StockConfig(("C",), 1.0, 1.0, "", **found).layer_irreps != tuple(irreps):
        found["irreps"] = irreps
    embedding = part(network, "type_embed.embed_module")
    if part(network, "type_embed").attributes.get("do_categorical_graph_field_embed"):
        raise IncompatibleModelError(
            "the model requires additional inputs besides the structure, such as a charge", HINT
        )
    width = value(embedding, "embedding_dim", int)
    return {**found, "type_embed_num_features": width if width != first[0][0] else None}


def _radial(bessel: Described, layers: Sequence[Described]) -> dict[str, Any]:
    sizes = [hidden_widths(part(layer, "conv.edge_mlp")) for layer in layers]
    depths = [len(inner) for inner in sizes]
    widths = [inner[0] if inner else 1 for inner in sizes]
    return {
        "num_bessels": value(bessel, "num_bessels", int),
        "bessel_trainable": value(bessel, "trainable", bool),
        "polynomial_cutoff_p": value(part(bessel, "cutoff"), "p", float),
        "radial_mlp_depth": depths[0] if len(set(depths)) == 1 else depths,
        "radial_mlp_width": widths[0] if len(set(widths)) == 1 else widths,
    }


def _updates(layers: Sequence[Described]) -> dict[str, Any]:
    products = [value(part(layer, "conv"), "use_sc", bool) for layer in layers]
    residuals = [value(layer, "resnet", bool) for layer in layers]
    return {
        "self_connections": any(products) or len(layers) == 1,
        "residual_updates": any(residuals),
        "learnable_shift": products[0] or residuals[0],
    }


def _nonlinearities(layers: Sequence[Described]) -> dict[str, Any]:
    scalars: dict[str, Any] = dict(SILU_AND_TANH)
    gates: dict[str, Any] = dict(SILU_AND_TANH)
    for nonlinear in (part(layer, "equivariant_nonlin") for layer in layers):
        if nonlinear.kind.endswith(".NormActivation"):
            scalars["e"] = function_name(nonlinear.attributes.get("scalar_nonlinearity"))
            return {"nonlinearity": "norm", "scalar_nonlinearities": scalars}
        for functions, name in ((scalars, "act_scalars"), (gates, "act_gates")):
            for path in value(part(nonlinear, name), "paths", list):
                match path:
                    case (_, (0, 1 | -1 as parity), Made(state={"f": function})):
                        functions["e" if parity == 1 else "o"] = function_name(function)
                    case _:
                        raise MalformedError(f"the model has an invalid {name}")
    return {"scalar_nonlinearities": scalars, "gate_nonlinearities": gates}


def _readout(readout: Described) -> dict[str, Any]:
    inner = hidden_widths(readout)
    found: dict[str, Any] = {
        "readout_depth": len(inner),
        "readout_width": inner[0] if inner else None,
    }
    if not inner:
        return found
    if not value(readout, "is_nonlinear", bool):
        return {**found, "readout_nonlinearity": None}
    kind = part(readout, "mlp.1").kind
    if kind not in _LAYERS:
        raise IncompatibleModelError(f"unsupported nonlinearity in the read-out: {kind}", HINT)
    return {**found, "readout_nonlinearity": _LAYERS[kind]}


def _energies(network: Described) -> dict[str, Any]:
    terms = part(network, "per_type_energy_scale_shift")
    found: dict[str, Any] = {
        "energy_scales_trainable": value(terms, "scales_trainable", bool),
        "energy_shifts_trainable": value(terms, "shifts_trainable", bool),
    }
    pair = network.children.get("pair_potential")
    if pair is None:
        return found
    if not pair.kind.endswith(".ZBL"):
        raise IncompatibleModelError(f"unsupported pair potential: {pair.kind}", HINT)
    if float(tensor(pair, "_qqr2exesquare")) != _COULOMB:
        raise IncompatibleModelError("the model does not use eV and Å", HINT)
    # Before NequIP 0.17 it used the envelope of the radial basis.
    owner = pair if "cutoff" in pair.children else part(network, "bessel_encode")
    return {**found, "zbl_polynomial_cutoff_p": value(part(owner, "cutoff"), "p", float)}


def _shortest(found: float, function: Callable[[float], float], power: int) -> float:
    """Return the number with the fewest digits that has the inverse power `found`."""
    if not 1e-9 < found < 1e9:
        raise MalformedError(f"invalid normalisation of the model: {found}")
    exact = float(1 / Fraction(found) ** power)
    near = [float(f"{exact:.{digits}g}") for digits in range(1, 18)]
    near += [math.nextafter(exact, 0), math.nextafter(exact, math.inf), exact]
    return next((number for number in near if number and function(number) == found), exact)
