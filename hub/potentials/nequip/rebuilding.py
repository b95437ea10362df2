"""Rebuild the model of a NequIP package from NequIP's own modules, and compare the two."""

from __future__ import annotations

import io
import math
import pickle
import warnings
from typing import TYPE_CHECKING, Any

import torch

from hub.errors import IncompatibleModelError
from hub.potentials.building import build_potential
from hub.potentials.nequip.inference import infer_config, infer_dtype
from hub.potentials.nequip.package import Described, describe
from hub.potentials.nequip.parts import HINT, part, tensor
from hub.potentials.nequip.pickles import External, Made, read_pickle
from hub.potentials.nequip.potential import ENERGY_SCALE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.potentials.nequip.potential import NequIPPotential

_NETWORK = "model.func"
# Attributes of any torch module, internals of nequip, and code generated from other attributes.
_BOOKKEEPING = {*vars(torch.nn.Module()), "__codegen__", "irreps_in", "irreps_out"}
# Equivalent forms: scales and shifts common to all types, or absent; and values that releases of
# NequIP since 0.12 have moved from an attribute to a submodule, or between submodules.
_EQUIVALENT = {
    "has_scales", "has_shifts", "scales_shortcut", "shifts_shortcut", "scatter_norm_factor",
    "num_features",
}  # fmt: skip
_SINCE = (
    ".avg_num_neighbors_norm", ".categorical_graph_field_embed_modules", "pair_potential.cutoff"
)  # fmt: skip


def rebuild(model: Described, energy_reference: str) -> NequIPPotential:
    """Build the potential that a package describes, in the package's precision.

    Every module must have the same class, the same attributes and the same numbers.

    Parameters
    ----------
    model
        A ``GraphModel``.
    energy_reference
        The energy reference to put into the configuration.

    Returns
    -------
    The potential in evaluation mode.

    Raises
    ------
    IncompatibleModelError
        If it cannot be rebuilt exactly.
    MalformedError, ModelError
        If modules are missing or corrupted.
    """
    config = infer_config(model, energy_reference)
    potential: Any = build_potential(config, dtype=infer_dtype(model))
    network = part(model, _NETWORK)
    weights = {name: tensor(network, name) for name in potential.tensors()}
    n_types = len(config.type_names)
    for name, default in (("scales", 1.0), ("shifts", 0.0)):
        key = f"{ENERGY_SCALE_SHIFT}.{name}"
        numbers = weights[key].flatten() if weights[key].numel() else torch.tensor([default])
        weights[key] = numbers.double().expand(n_types).reshape(n_types, 1)
    potential.set_weights(weights, "the model")
    found: NequIPPotential = potential.eval()
    for difference in _differences(network, part(describe_module(found.network), _NETWORK)):
        raise IncompatibleModelError(
            f"the installed release of NequIP cannot build the model: {difference}", HINT
        )
    return found


def describe_module(module: torch.nn.Module) -> Described:
    """Describe a module in memory in the same way as those of packages."""
    file = io.BytesIO()
    storages: list[torch.Tensor] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, found: Any) -> Any:
            if not isinstance(found, torch.storage.TypedStorage):
                return None
            storages.append(torch.empty(0, dtype=found.dtype).set_(found))
            return len(storages) - 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # storages are deprecated, but torch pickles with them
        Pickler(file, protocol=3).dump(module)
    return describe(read_pickle(file.getvalue()), storages.__getitem__)


def _differences(theirs: Described, ours: Described) -> Iterator[str]:
    """Yield the differences between two networks, except for energy scales and shifts."""
    others = dict(ours.walk())
    for path, module in theirs.walk():
        other = others.pop(path, None)
        if other is None or module.kind != other.kind:
            yield f"{path} is a {module.kind}, not a {other.kind if other else 'part of it'}"
            return
        yield from (f"{path}.{name} differs" for name in _different(module, other))
    yield from (f"it has no {path}" for path in others if not path.endswith(_SINCE))


def _different(theirs: Described, ours: Described) -> Iterator[str]:
    """Yield the names of attributes and tensors that differ between two modules of one class."""
    for name, value in theirs.attributes.items():
        known = name in ours.attributes
        if name not in _BOOKKEEPING | _EQUIVALENT and not (
            known and _same(value, ours.attributes[name])
        ):
            yield name
    if theirs.kind.endswith(".PerTypeScaleShift"):
        return
    for name in theirs.tensors.keys() | ours.tensors.keys():
        if not (
            name in theirs.tensors
            and name in ours.tensors
            and _close(theirs.tensors[name], ours.tensors[name])
        ):
            yield name


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are equal up to rounding in the last digit."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    tolerance = 4 * torch.finfo(one.dtype).eps if one.dtype.is_floating_point else 0.0
    return torch.allclose(one, other, rtol=tolerance, atol=0)


def _same(one: Any, other: Any) -> bool:
    """Whether two values of pickles are equal, apart from modules and tensors in them."""
    if isinstance(one, External) or type(one) is not type(other):
        return isinstance(one, External)
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=1e-12)
    if isinstance(one, Made):
        return _same(one.maker, other.maker) and _same(one.arguments, other.arguments)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
