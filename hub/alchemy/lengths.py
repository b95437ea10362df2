"""First-neighbour distances in the crystals of the elements, and in given structures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.alchemy.transmutation import check_element
from hub.errors import AlchemyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.structures.structure_set import StructureSet

# First-neighbour distance / lattice constant a; ASE lists diatomic molecules by bond length.
_OF_LATTICE = {
    "diamond": math.sqrt(3) / 4,
    "fcc": math.sqrt(1 / 2),
    "bcc": math.sqrt(3) / 2,
    "sc": 1.0,
    "hcp": 1.0,
}
_SEARCHED = 1.6  # search radius for first neighbours, in sums of covalent radii


def crystal_distance(symbol: str) -> float:
    """Return the first-neighbour distance (Å) in an element's crystal, from ASE's tables.

    For elements with other crystal structures it is twice the covalent radius.
    """
    from ase.data import atomic_numbers, covalent_radii, reference_states

    number = atomic_numbers[check_element(symbol)]
    crystal: dict[str, Any] = reference_states[number] or {}
    if crystal.get("symmetry") in _OF_LATTICE:
        return float(crystal["a"]) * _OF_LATTICE[crystal["symmetry"]]
    return 2 * float(covalent_radii[number])


def scale_between(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the ratio new / old of the first-neighbour distances in the elements' crystals."""
    pairs = list(pairs)
    old, new = (sum(crystal_distance(pair[side]) for pair in pairs) for side in (0, 1))
    return new / old


def scale_to(structures: StructureSet, pairs: Iterable[tuple[str, str]]) -> float:
    """Return the ratio of the structures' first-neighbour distance to the old elements' crystals'.

    Raises
    ------
    AlchemyError
        If no atom has a neighbour within bonding distance.
    """
    old = [crystal_distance(symbol) for symbol, _ in pairs]
    return first_neighbour_distance(structures) * len(old) / sum(old)


def first_neighbour_distance(structures: StructureSet) -> float:
    """Return the median over all atoms of the distance (Å) to the nearest neighbour.

    Raises
    ------
    AlchemyError
        If no atom has a neighbour within bonding distance.
    """
    from ase.data import covalent_radii
    from vesin import NeighborList

    cutoff = _SEARCHED * 2 * float(covalent_radii[structures.atomic_numbers].max(initial=0))
    neighbours = NeighborList(cutoff=cutoff, full_list=True)
    nearest = np.full(len(structures.numbers), np.inf)
    for index in range(len(structures)):
        own = structures.atoms_of(index)
        atoms = structures.to_atoms(index)
        centres, distances = neighbours.compute(
            atoms.positions, atoms.cell.array, atoms.pbc, quantities="id"
        )
        np.minimum.at(nearest[own], centres, distances)
    bonded = nearest[np.isfinite(nearest)]
    if not len(bonded):
        raise AlchemyError(
            f"no atom of {structures.sources[0]} has a neighbour within {cutoff:.1f} Å",
            "Check that positions are in Å, or give the length scale: --alchemical SCALE.",
        )
    return float(np.median(bonded))
