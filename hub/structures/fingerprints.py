"""A short name for a structure's geometry, labels aside."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet

_ROUNDING = 1e5  # positions and cells are the same when rounded to 1e-5 Å


def fingerprints(structures: StructureSet) -> list[bytes]:
    """Return a fingerprint of each structure: equal for equal atoms, in equal order and place."""
    result = []
    for index in range(len(structures)):
        own = structures.atoms_of(index)
        content = hashlib.blake2b(structures.numbers[own].tobytes(), digest_size=16)
        content.update(structures.pbc[index].tobytes())
        for values in (structures.cells[index], structures.positions[own]):
            # Adding zero makes one zero of two.
            content.update((np.rint(values * _ROUNDING) + 0.0).tobytes())
        result.append(content.digest())
    return result
