"""Convert a checkpoint that is part of the package ``sevenn``.

Such a file is a pickle. It is read only from the installed package, whose code is trusted anyway,
and only plain values are taken from it: no code in it is executed.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase.data import chemical_symbols
from e3nn.o3 import Irreps
from sevenn._const import DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG
from sevenn.scripts.backward_compatibility import patch_old_config, patch_state_dict_if_old

from hub.errors import ModelError
from hub.potentials.building import build_potential
from hub.potentials.card_facts import importer_by
from hub.potentials.sevennet import SevenNetConfig
from hub.potentials.sevennet.modal import SevenNetModalConfig
from hub.potentials.sevennet.network import default_precision, sevenn_entries

if TYPE_CHECKING:
    from pathlib import Path

    from hub.potentials.card_facts import ModelFacts
    from hub.potentials.potential import Potential

# Contents of a checkpoint besides tensors; all of them only create values.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]
_PLAIN: list[Any] = [
    (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
    codecs.encode,
    torch.device,
]
# Placeholders: the values are among the weights, and shifts are those of one level of theory.
_WEIGHTS = ("shift", "scale", "conv_denominator", "use_modal_wise_shift")
_SHIFT = "rescale_atomic_energy.shift"


def convert(path: Path, facts: ModelFacts) -> Potential:
    """Build the float32 potential that reproduces what sevenn computes from a checkpoint.

    Parameters
    ----------
    path
        The checkpoint.
    facts
        With the level of theory, if the checkpoint is for several.

    Raises
    ------
    ModelError
        If the file is not a SevenNet checkpoint that this release supports.
    """
    entries, state = _read(path)
    try:
        config = _config_of(entries, state, facts)
        _refuse_other_kinds(entries, config)
        potential = build_potential(config, dtype=torch.float32)
        network: Any = potential.network
        # Older files have the weights of products in a different order, some with opposite sign.
        with default_precision(torch.float32):
            state = patch_state_dict_if_old(state, entries, network)
        if config.modals:
            state = {**state, _SHIFT: state[_SHIFT][config.modal_index]}
        weights = {name: state[name] for name in potential.tensors()}
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise ModelError(
            f"{path} is not a SevenNet checkpoint that this release supports: {problem!r}"
        ) from problem
    potential.set_weights(weights, str(path))
    return potential


import_wheel = importer_by(convert)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the configuration of a checkpoint, with sevenn's defaults, and its state dict."""
    try:
        with torch.serialization.safe_globals(_PLAIN):
            content = torch.load(path, weights_only=True, map_location="cpu")
        entries, state = patch_old_config(content["config"]), content["model_state_dict"]
    except Exception as problem:  # torch, zip and pickle raise whatever they run into
        # Torch's own message suggests loading the file with its code, which must not be done.
        raise ModelError(
            f"{path} is not a SevenNet checkpoint that this release supports: it contains more "
            f"than plain values, or is corrupted ({type(problem).__name__})"
        ) from problem
    return {**DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG, "use_modality": False, **entries}, state


def _refuse_other_kinds(entries: dict[str, Any], config: SevenNetConfig) -> None:
    """Raise `ValueError` if our configuration does not cover everything in a checkpoint."""
    for name, value in sevenn_entries(config).items():
        if name not in _WEIGHTS and entries[name] != value:
            raise ValueError(f"{name} is {entries[name]}, expected {value}")


def _config_of(
    entries: dict[str, Any], state: dict[str, torch.Tensor], facts: ModelFacts
) -> SevenNetConfig:
    types = entries["_type_map"]
    plain = SevenNetConfig(
        type_names=tuple(chemical_symbols[number] for number in sorted(types, key=types.get)),
        r_max=entries["cutoff"],
        avg_num_neighbors=float(state["0_convolution.denominator"]),
        energy_reference=facts.energy_reference,
        num_layers=entries["num_convolution_layer"],
        channels=tuple(width for width, _ in Irreps(entries["irreps_manual"][1])),
        num_bessels=entries["radial_basis"]["bessel_basis_num"],
        polynomial_cutoff_p=entries["cutoff_function"].get("poly_cut_p_value", 6),
        xplor_start=entries["cutoff_function"].get("cutoff_on"),
        radial_mlp_depth=len(entries["weight_nn_hidden_neurons"]),
        radial_mlp_width=entries["weight_nn_hidden_neurons"][0],
    )
    if not entries["use_modality"]:
        return plain
    places = entries["_modal_map"]
    modals = tuple(sorted(places, key=places.get))
    if facts.modal not in modals:
        raise ValueError(f"its levels of theory are {', '.join(modals)}, not {facts.modal!r}")
    changed = {"architecture": "sevennet-modal", "modals": modals, "modal": facts.modal}
    return SevenNetModalConfig(**{**vars(plain), **changed})
