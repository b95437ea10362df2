"""Hashes of structures: of geometry and labels, and of geometry alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.structures.arrays import FloatArray
    from hub.structures.structure_set import StructureSet


def fingerprints(
    structures: StructureSet, decimals: int = 5, dtype: str = "float64"
) -> list[bytes]:
    """Return 16 bytes for each structure: equal for equal atoms in the same order and positions.

    Parameters
    ----------
    structures
        The structures.
    decimals
        Positions and cells are compared after rounding to this many decimals of Å.
    dtype
        Precision to which positions are reduced first.
    """
    scale = 10.0**decimals
    positions = structures.positions.astype(dtype).astype(np.float64)
    result = []
    for index in range(len(structures)):
        own = structures.atoms_of(index)
        content = hashlib.blake2b(structures.numbers[own].tobytes(), digest_size=16)
        content.update(structures.pbc[index].tobytes())
        for values in (structures.cells[index], positions[own]):
            # Adding zero turns -0.0 into 0.0.
            content.update((np.rint(values * scale) + 0.0).tobytes())
        result.append(content.digest())
    return result


def structure_digests(structures: StructureSet) -> Iterator[tuple[bytes, bytes]]:
    """Hash each structure and its labels, with and without its stress.

    The hash is over little-endian bytes with a single zero and a single NaN.
    """
    for index in range(len(structures)):
        own = structures.atoms_of(index)
        words = f"{structures.config_types[index]}\0{structures.split_labels[index]}\0".encode()
        content = hashlib.sha256(words + structures.pbc[index].tobytes())
        if structures.constrained[own].any():
            content.update(structures.constrained[own].tobytes())
        content.update(structures.numbers[own].astype("<i8").tobytes())
        for values in (
            structures.cells[index],
            structures.positions[own],
            structures.energies[index : index + 1],
            structures.forces[own],
        ):
            content.update(_canonical(values))
        without = content.digest()
        # Sets without stresses keep the digest of releases that did not know stresses.
        if np.isfinite(structures.stresses[index]).any():
            content.update(_canonical(structures.stresses[index]))
        yield content.digest(), without


def _canonical(values: FloatArray) -> bytes:
    canonical = values.astype("<f8") + 0.0  # the sum turns -0.0 into 0.0
    canonical[np.isnan(canonical)] = np.nan
    return canonical.tobytes()


def joint_digest(digests: Iterable[bytes]) -> str:
    """Return the `StructureSet.digest` of all structures with these digests."""
    whole = hashlib.sha256(b"structure set 1")
    for structure in sorted(digests):
        whole.update(structure)
    return whole.hexdigest()
