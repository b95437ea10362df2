"""A pair force fitted to the forces of a few structures: crude, but its scale is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

_KNOT_DISTANCE = 0.1
_KNOTS = np.arange(0.5, 2.0 + _KNOT_DISTANCE / 2, _KNOT_DISTANCE)  # in sums of covalent radii
_BOND = 1.25
_FEWEST_FORCES = 150
_EXPLAINED = 0.3


@dataclass(frozen=True)
class PairForce:
    """The fitted pair force.

    Attributes
    ----------
    stiffness
        -g'(x) at bond lengths, in eV Å if the forces are in eV/Å.
    energies
        (N,) its energy per atom for each structure of the sample, in the unit of force times Å.
    """

    stiffness: float
    energies: FloatArray


def fit_pair_force(structures: StructureSet, sample: IntArray) -> PairForce | None:
    """Fit a pair force to the forces of a sample; None if it does not explain them.

    The force is g(x) / R², with R the sum of the covalent radii of the two atoms, x = distance / R,
    and g piecewise linear.
    """
    n_knots = len(_KNOTS)
    normal, projected = np.zeros((n_knots, n_knots)), np.zeros(n_knots)
    energy_basis = np.zeros((len(sample), n_knots))
    bonds = []
    for row, index in enumerate(sample):
        design, energy_basis[row], distances = _pair_basis(structures, int(index))
        forces = structures.forces[structures.atoms_of(int(index))].ravel()
        normal += design.T @ design
        projected += design.T @ forces
        bonds.append(distances[distances < _BOND])
    bond_lengths = np.concatenate([np.empty(0), *bonds])
    forces = np.concatenate(
        [
            np.empty((0, 3)),
            *[structures.forces[structures.atoms_of(int(index))] for index in sample],
        ]
    )
    power = float((forces**2).sum())
    if forces.size < _FEWEST_FORCES or power == 0 or not len(bond_lengths):
        return None
    if np.ptp(bond_lengths) < 1e-3:
        return None  # a perfect crystal has no slope
    ridge = 1e-4 * np.trace(normal) / n_knots * np.eye(n_knots)
    coefficients = np.linalg.solve(normal + ridge, projected)
    unexplained = power - 2 * coefficients @ projected + coefficients @ normal @ coefficients
    strengths = np.interp(bond_lengths, _KNOTS, coefficients)
    stiffness = -float(np.polyfit(bond_lengths, strengths, 1)[0])
    if 1 - unexplained / power < _EXPLAINED or stiffness <= 0:
        return None
    return PairForce(stiffness, energy_basis @ coefficients)


def _pair_basis(structures: StructureSet, index: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what each knot's hat function contributes in one structure.

    Returns
    -------
    (3n, K) to the forces, (K,) to the energy per atom, and (P,) the distances of the pairs in sums
    of covalent radii.
    """
    from ase.data import covalent_radii
    from vesin import NeighborList

    own = structures.atoms_of(index)
    radii = covalent_radii[structures.numbers[own]]
    first, second, distances, vectors = NeighborList(
        cutoff=2 * float(radii.max()) * _KNOTS[-1], full_list=True
    ).compute(structures.positions[own], structures.cells[index], structures.pbc[index], "ijdD")
    contact = radii[first] + radii[second]
    kept = (distances < contact * _KNOTS[-1]) & (distances > 0)
    first, contact, distances, vectors = (
        values[kept] for values in (first, contact, distances, vectors)
    )
    reduced = distances / contact
    hats = np.maximum(0.0, 1.0 - np.abs(reduced[:, None] - _KNOTS) / _KNOT_DISTANCE)
    pushes = (-vectors / (distances * contact**2)[:, None])[:, :, None] * hats[:, None, :]
    n_atoms, n_knots = len(radii), len(_KNOTS)
    design = np.zeros((n_atoms, 3, n_knots))
    np.add.at(design, first, pushes)
    # The integral of each hat from the distance outwards is the pair's energy; every pair is here
    # twice.
    energies = 0.5 * (_hat_integrals(reduced) / contact[:, None]).sum(axis=0) / n_atoms
    return design.reshape(n_atoms * 3, n_knots), energies, reduced


def _hat_integrals(reduced: FloatArray) -> FloatArray:
    """Return (P, K) the integral of each hat function from each distance to infinity."""
    offset = np.clip((reduced[:, None] - _KNOTS) / _KNOT_DISTANCE, -1.0, 1.0)
    integrals: FloatArray = _KNOT_DISTANCE * 0.5 * (1.0 - 2.0 * offset + offset * np.abs(offset))
    return integrals
