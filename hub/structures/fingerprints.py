"""A short name for a structure's geometry, labels aside."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hub.structures.structure_set import StructureSet


def fingerprints(
    structures: StructureSet, decimals: int = 5, dtype: str = "float64"
) -> list[bytes]:
    """Return 16 bytes for each structure: equal for equal atoms, in equal order and place.

    Parameters
    ----------
    structures
        The structures.
    decimals
        Positions and cells are the same if they are when rounded to this many decimals of Å.
    dtype
        The precision that positions are reduced to before.
    """
    scale = 10.0**decimals
    positions = structures.positions.astype(dtype).astype(np.float64)
    result = []
    for index in range(len(structures)):
        own = structures.atoms_of(index)
        content = hashlib.blake2b(structures.numbers[own].tobytes(), digest_size=16)
        content.update(structures.pbc[index].tobytes())
        for values in (structures.cells[index], positions[own]):
            # Adding zero makes one zero of two.
            content.update((np.rint(values * scale) + 0.0).tobytes())
        result.append(content.digest())
    return result
