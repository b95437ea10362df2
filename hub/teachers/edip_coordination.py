"""The coordination of atoms in carbon's EDIP, with its corrections for pi bonds.

The sums over three and four atoms of N. A. Marks, Phys. Rev. B 63, 035401 (2000) are quadratic
forms, so none of them needs a loop over triplets or quadruplets. With weights p and unit vectors u
of its neighbours, let an atom have the bond tensor T, the sum over its neighbours of p u u^T. Then
by the Cauchy-Binet formula, for any vector v, the sum over all pairs of neighbours k < l of
p_k p_l [v . (u_k x u_l)]^2 is v^T adj(T) v; and that over k of p_k [1 - (v . u_k)^2] is
tr T - v^T T v, if v has length 1. Neighbours in the direction of v do not contribute to either.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

FARTHEST = 3.2  # Å; neighbours farther away do not contribute to the coordination

_F_LOW = 1.547
_F_HIGH = 2.270
_P_LOW = 1.48
_P_HIGH = 2.0
_ALPHA = 1.544
_Z_DIHEDRAL = 0.30
_Z_REPULSION = 0.06

# Range of exp(alpha / (1 - x^-3)): below _BEGIN it differs from 1 by less than 2e-9 and is set to
# 1; above _END it is 0 in double precision, while its derivative at 1 would be 0 times infinity.
_BEGIN = 1e-3
_END = 1 - 6e-4


class Neighbours(NamedTuple):
    """A full neighbour list of n atoms: every pair in both directions, E in total.

    Attributes
    ----------
    n_atoms
        n.
    centres, others
        (E,) the two atoms of each pair; centres ascend.
    vectors
        (E, 3) from the centre to the image of the other, in Å.
    """

    n_atoms: int
    centres: torch.Tensor
    others: torch.Tensor
    vectors: torch.Tensor


def coordination(neighbours: Neighbours) -> torch.Tensor:
    """Return (n,) the coordination of each atom: spherical, and corrections for pi bonds."""
    n_atoms, centres, others, vectors = neighbours
    distances = torch.linalg.vector_norm(vectors, dim=1)
    spherical = _per_atom(_switch(distances, _F_LOW, _F_HIGH), centres, n_atoms)
    twofold, threefold = _peak(spherical - 2), _peak(spherical - 3)
    unsaturated = _peak((spherical - 3).clamp(min=0))

    directions = vectors / distances[:, None]
    projectors = directions[:, :, None] * directions[:, None, :]
    bonding = _switch(distances, _P_LOW, _P_HIGH)
    bonds = bonding[:, None, None] * projectors
    bond_tensors = _per_atom(bonds, centres, n_atoms)

    repelling = (FARTHEST - distances).clamp(min=0) ** 2 * (1 - bonding)
    repelling = repelling * unsaturated.index_select(0, others)
    repulsions = _per_atom(repelling[:, None, None] * projectors, centres, n_atoms)
    out_of_plane = _contract(_adjugate(bond_tensors), repulsions)
    off_axis = _trace(bond_tensors) * _trace(repulsions) - _contract(bond_tensors, repulsions)
    repulsion = threefold * out_of_plane + twofold * off_axis

    near = torch.nonzero(distances < _P_HIGH).squeeze(1)
    centres, others, bonds = centres[near], others[near], bonds.index_select(0, near)
    # The bond itself is not among those twisted about it.
    twist = _contract(
        _adjugate(bond_tensors.index_select(0, centres) - bonds),
        bond_tensors.index_select(0, others) - bonds,
    )
    twist = twist * bonding.index_select(0, near) * threefold.index_select(0, others)
    dihedral = threefold * _per_atom(twist, centres, n_atoms)
    return spherical + _Z_DIHEDRAL * dihedral + _Z_REPULSION * repulsion


def _switch(distances: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Return a function that falls smoothly from 1 at `low` to 0 at `high`, in Å."""
    fraction = (distances - low) / (high - low)
    cubed = torch.where(fraction < _BEGIN, 0.0, fraction.clamp(max=_END)) ** 3
    return torch.exp(_ALPHA * cubed / (cubed - 1))


def _peak(away: torch.Tensor) -> torch.Tensor:
    """Return a function that falls smoothly from 1 at 0 to 0 at -1 and 1."""
    return (away.clamp(-1, 1) ** 2 - 1) ** 2


def _per_atom(values: torch.Tensor, centres: torch.Tensor, n_atoms: int) -> torch.Tensor:
    """Return (n, ...) sums of the values of pairs (E, ...) over the neighbours of each atom."""
    return values.new_zeros(n_atoms, *values.shape[1:]).index_add(0, centres, values)


def _adjugate(tensors: torch.Tensor) -> torch.Tensor:
    """Return the adjugates of (..., 3, 3) symmetric tensors, which may be singular."""
    adjugates: torch.Tensor = torch.linalg.cross(
        tensors[..., [1, 2, 0], :], tensors[..., [2, 0, 1], :]
    )
    return adjugates


def _contract(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the traces of products of (..., 3, 3) symmetric tensors."""
    return (first * second).sum((-2, -1))


def _trace(tensors: torch.Tensor) -> torch.Tensor:
    return tensors.diagonal(dim1=-2, dim2=-1).sum(-1)
