"""Molecules in periodic structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.neighborlist import natural_cutoffs, neighbor_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

    from hub.structures.arrays import IntArray

_BOND = 1.2  # times the sum of the covalent radii


def whole_molecules(atoms: Atoms) -> Iterator[tuple[IntArray, IntArray]]:
    """Find the molecules of a structure: bonded atoms that are not bonded to their own images.

    Crystals, layers and chains without an end are no molecules.

    Yields
    ------
    atoms, images
        (n,) numbers of the atoms of a molecule, and the (n, 3) cell vectors to move each by so that
        they are next to each other; the first one stays.
    """
    bonds: list[list[tuple[int, IntArray]]] = [[] for _ in atoms]
    first, second, shifts = neighbor_list("ijS", atoms, natural_cutoffs(atoms, mult=_BOND))
    for one, other, shift in zip(first, second, shifts, strict=True):
        bonds[one].append((int(other), shift))
    seen: dict[int, IntArray] = {}
    for start in range(len(atoms)):
        if start in seen:
            continue
        seen[start] = np.zeros(3, int)
        found, is_molecule = [start], True
        for atom in found:  # grows as the bonds are followed
            for other, shift in bonds[atom]:
                image = seen[atom] + shift
                if other not in seen:
                    seen[other] = image
                    found.append(other)
                elif (seen[other] != image).any():
                    is_molecule = False
        if is_molecule:
            yield np.array(found), np.array([seen[atom] for atom in found])
