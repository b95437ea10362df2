"""The model of a NequIP package, built again from NequIP's own parts and compared with it."""

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
# What any torch module has, what nequip keeps for itself, and code made from the other attributes.
_BOOKKEEPING = {*vars(torch.nn.Module()), "__codegen__", "irreps_in", "irreps_out"}
# Other ways to say the same: scales and shifts that are one for all types, or none; and what
# releases of NequIP since 0.12 have moved from an attribute into a part, or from one to another.
_EQUIVALENT = {
    "has_scales", "has_shifts", "scales_shortcut", "shifts_shortcut", "scatter_norm_factor",
    "num_features",
}  # fmt: skip
_SINCE = (
    ".avg_num_neighbors_norm", ".categorical_graph_field_embed_modules", "pair_potential.cutoff"
)  # fmt: skip


def rebuild(model: Described, energy_reference: str) -> NequIPPotential:
    """Build the potential that a package describes, in the package's precision.

    Every part has to be of the same class, with the same attributes and the same numbers.

    Parameters
    ----------
    model
        A ``GraphModel``.
    energy_reference
        For the configuration.

    Returns
    -------
    The potential in evaluation mode.

    Raises
    ------
    IncompatibleModelError
        If it cannot be built again exactly.
    MalformedError, ModelError
        If parts are missing or damaged.
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
    potential.set_weights(weights, "its model")
    found: NequIPPotential = potential.eval()
    for difference in _differences(network, part(describe_module(found.network), _NETWORK)):
        raise IncompatibleModelError(
            f"its model cannot be built by this release of NequIP: {difference}", HINT
        )
    return found


def describe_module(module: torch.nn.Module) -> Described:
    """Describe a module in memory as those of packages are described."""
    file = io.BytesIO()
    storages: list[torch.Tensor] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, found: Any) -> Any:
            if not isinstance(found, torch.storage.TypedStorage):
                return None
            storages.append(torch.empty(0, dtype=found.dtype).set_(found))
            return len(storages) - 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # storages are deprecated, yet how torch pickles tensors
        Pickler(file, protocol=3).dump(module)
    return describe(read_pickle(file.getvalue()), storages.__getitem__)


def _differences(theirs: Described, ours: Described) -> Iterator[str]:
    """Say what sets two networks apart, other than numbers that follow the energies."""
    others = dict(ours.walk())
    for path, module in theirs.walk():
        other = others.pop(path, None)
        if other is None or module.kind != other.kind:
            yield f"{path} is a {module.kind}, not a {other.kind if other else 'part of it'}"
            return
        yield from (f"{path}.{name} differs" for name in _different(module, other))
    yield from (f"it has no {path}" for path in others if not path.endswith(_SINCE))


def _different(theirs: Described, ours: Described) -> Iterator[str]:
    """Name the attributes and tensors that differ between two modules of one class."""
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
    """Whether two tensors are the same but for the rounding of the last digit."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    tolerance = 4 * torch.finfo(one.dtype).eps if one.dtype.is_floating_point else 0.0
    return torch.allclose(one, other, rtol=tolerance, atol=0)


def _same(one: Any, other: Any) -> bool:
    """Whether two values of pickles are the same, but for modules and tensors in them."""
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
