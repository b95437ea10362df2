"""A model carried to other elements, exactly and without training.

NequIP sees lengths only as r / r_max and directions only as unit vectors, so that a model with
cutoff r_max becomes E'(x') = eps E(x'/s) by the cutoff s r_max and energy scales and shifts times
eps. One constant behind the radial basis, 2 pi / r_max^2, would change with the cutoff; the first
weights of the radial networks, times s^2, take it back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from nequip.data import AtomicDataDict

from hub.alchemy.transmutation import transmute_structures
from hub.errors import ModelError
from hub.models.architecture import build_model
from hub.models.checkpoint import ENERGY_SCALE_SHIFT, network, set_weights, weights_of
from hub.models.probe import TOLERANCES, probe_structures
from hub.models.tensor_product import accelerate
from hub.structures.graphs import build_graph, collate
from hub.structures.structure_set import StructureSet

if TYPE_CHECKING:
    from hub.alchemy.transmutation import Transmutation
    from hub.models.config import ModelConfig

_EMBEDDINGS = ("type_embed.embed_module.weight", "onehot.embed_module.weight")
_STRESS_TOLERANCES = {torch.float64: 1e-7, torch.float32: 1e-4}  # eV/Å^3


def transmute_model(
    model: torch.nn.Module, config: ModelConfig, transmutation: Transmutation
) -> tuple[torch.nn.Module, ModelConfig]:
    """Carry a model to other elements, and check that it predicts what it must.

    A type may become several elements, which then behave alike until they are trained; types that
    become nothing are left out.

    Parameters
    ----------
    model
        Of any precision and on any device; it is not changed.
    config
        Its configuration.
    transmutation
        From the model's elements to others.

    Returns
    -------
    The new model, of the same precision, on the same device and in evaluation mode, and its
    configuration.

    Raises
    ------
    AlchemyError
        If a new element is to be made of several types.
    ModelError
        If energies, forces or stresses on the probe structures differ by more than rounding.
    """
    made_of = transmutation.old_of_new
    changed = config.with_changes(
        type_names=tuple(made_of),
        r_max=config.r_max * transmutation.scale,
        energy_reference=f"{config.energy_reference}, times {transmutation.energy_scale:g}",
    )
    parameter = next(model.parameters())
    dtype: Any = model.model_dtype
    made = build_model(changed, dtype=dtype)
    sources = [config.type_names.index(old) for old in made_of.values()]
    weights = _transmuted_weights(model, made, sources, transmutation)
    set_weights(made, weights, "the transmuted model")
    made = accelerate(made).to(parameter.device).eval()
    _verify((model, config), (made, changed), transmutation)
    return made, changed


def _transmuted_weights(
    model: torch.nn.Module,
    made: torch.nn.Module,
    sources: list[int],
    transmutation: Transmutation,
) -> dict[str, torch.Tensor]:
    """Return the weights of `made`; `sources` are the old types that its types are made of."""
    weights = weights_of(model)
    n_types = len(weights[_EMBEDDINGS[0]])
    old, new = network(model), network(made)
    weights[_EMBEDDINGS[0]] = weights[_EMBEDDINGS[0]][sources]
    weights[_EMBEDDINGS[1]] = new.get_parameter(_EMBEDDINGS[1]).detach()
    for layer in [name for name, _ in old.named_children() if name.endswith("_convnet")]:
        radial = f"{layer}.conv.edge_mlp.mlp.0.weight"
        weights[radial] = weights[radial] * transmutation.scale**2
        # e3nn divides by the root of the number of types; that must stay what it was.
        product: Any = old.get_submodule(f"{layer}.conv.sc")
        kept = [view.detach()[:, sources].reshape(-1) for view in product.weight_views()]
        weights[f"{layer}.conv.sc.weight"] = torch.cat(kept) * math.sqrt(len(sources) / n_types)
    for name in ("scales", "shifts"):
        key = f"{ENERGY_SCALE_SHIFT}.{name}"
        weights[key] = weights[key][sources] * transmutation.energy_scale
    return {name: value.cpu() for name, value in weights.items()}


def _verify(
    old: tuple[torch.nn.Module, ModelConfig],
    new: tuple[torch.nn.Module, ModelConfig],
    transmutation: Transmutation,
) -> None:
    """Compare both models on the new one's probe structures and their images in the old one."""
    probes = StructureSet.from_atoms(probe_structures(new[1].type_names))
    images = transmute_structures(probes, transmutation.inverse())
    scales = (transmutation.energy_scale, transmutation.force_scale, transmutation.stress_scale)
    dtype: Any = old[0].model_dtype
    allowed = (*TOLERANCES[dtype], _STRESS_TOLERANCES[dtype])
    for index in range(len(probes)):
        expected = _predict(*old, images, index)
        found = _predict(*new, probes, index)
        pairs = zip(found, expected, scales, strict=True)
        off = [float(np.abs(one - scale * other).max()) for one, other, scale in pairs]
        bounds = [bound * max(1.0, scale) for bound, scale in zip(allowed, scales, strict=True)]
        # Written so that a NaN fails.
        if not all(one <= bound for one, bound in zip(off, bounds, strict=True)):
            raise ModelError(
                f"the transmuted model is not the old one scaled: off by {off[0]:.1e} eV/atom, "
                f"{off[1]:.1e} eV/Å, {off[2]:.1e} eV/Å^3",
                "Its architecture is computed in another way by these package versions: install "
                "those that its card names.",
            )


def _predict(
    model: torch.nn.Module, config: ModelConfig, structures: StructureSet, index: int
) -> list[np.ndarray]:
    """Return energy per atom (eV), forces (eV/Å) and stress (eV/Å^3; zero without a cell)."""
    atoms = structures.to_atoms(index)
    graph = build_graph(atoms, config.type_names, config.r_max)
    output = model(collate([graph.to(next(model.parameters()).device)]))
    stress = output[AtomicDataDict.STRESS_KEY].detach().cpu().numpy()
    return [
        output[AtomicDataDict.TOTAL_ENERGY_KEY].detach().cpu().numpy() / len(atoms),
        output[AtomicDataDict.FORCE_KEY].detach().cpu().numpy(),
        stress if atoms.cell.rank == 3 else np.zeros(1),
    ]
