"""Annotations of a structure besides labels: its type, its split, how it was computed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from hub.structures.arrays import BoolArray, StrArray

CONVERGED = "scf_converged"  # the entry in ``info`` that readers of outputs set

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_CONFIG_TYPE_KEYS = ("config_type", "configtype", "config-type")
_CONVERGED_KEYS = (CONVERGED, "converged", "electronic_converged", "is_converged")
_STATE_KEYS = {
    "charge": ("charge", "total_charge", "net_charge"),
    "spin": ("spin", "multiplicity", "spin_multiplicity", "total_spin"),
}
_ISOLATED = re.compile(r"(isolated|single|free)[\s_-]*atoms?", re.IGNORECASE)


def config_type(info: Mapping[str, Any]) -> str:
    """Return the configuration type in a structure's ``info``, or an empty string."""
    return next((str(info[key]) for key in _CONFIG_TYPE_KEYS if key in info), "")


def split_label(info: Mapping[str, Any]) -> str:
    """Return ``train``, ``validation`` or ``test`` from ``info["split"]``, or an empty string."""
    return _SPLIT_NAMES.get(str(info.get("split", "")).lower(), "")


def names_isolated_atoms(config_types: StrArray) -> BoolArray:
    """Return (S,) whether a configuration type means isolated atom, in any spelling."""
    kinds, places = np.unique(config_types, return_inverse=True)
    named = np.array([bool(_ISOLATED.fullmatch(str(kind).strip())) for kind in kinds], np.bool_)
    return named[places]


def electronic_state(info: Mapping[str, Any]) -> str:
    """Return the total charge and spin given for a structure, such as ``charge 1, spin 2``."""
    stated = []
    for name, keys in _STATE_KEYS.items():
        value = next((info[key] for key in keys if key in info), None)
        if isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_):
            stated.append(f"{name} {float(value):g}")
    return ", ".join(stated)


def is_unconverged(info: Mapping[str, Any]) -> bool:
    """Whether a structure is marked as not converged electronically."""
    values = (info[key] for key in _CONVERGED_KEYS if key in info)
    return any(
        isinstance(value, bool | int | np.bool_ | np.integer) and not value for value in values
    )


def constrained_atoms(atoms: Atoms) -> BoolArray:
    """Return (n,) which atoms are held fixed, in any direction, by the structure's constraints."""
    fixed = np.zeros(len(atoms), np.bool_)
    if not atoms.constraints:
        return fixed
    # This takes most of a second.
    from ase.constraints import FixAtoms, FixCartesian, FixScaled

    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms | FixCartesian | FixScaled):
            fixed[constraint.index] = True
    return fixed
