"""A pair force fitted to the forces of a few structures: crude, but with the right scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.neighbours import neighbour_search

if TYPE_CHECKING:
    from hub.structures.arrays import FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

_KNOT_DISTANCE = 0.1
_KNOTS = np.arange(0.5, 2.0 + _KNOT_DISTANCE / 2, _KNOT_DISTANCE)  # in sums of covalent radii
_BOND = 1.25
_FEWEST_FORCES = 150
_EXPLAINED = 0.3  # of the forces of each half of the sample, by a fit to the other half
_SMALLEST_FORCE = 0.004  # rms; below, forces are residuals of a relaxation
_ALIKE = 0.8  # correlation of the forces of one structure with the fit


@dataclass(frozen=True)
class PairForce:
    """The fitted pair force.

    Attributes
    ----------
    stiffness
        -g'(x) at bond lengths, in eV Å if the forces are in eV/Å.
    energies
        (N,) energy per atom of each structure of the sample, in the unit of force times Å.
    scales
        (N,) ratio of the forces of each structure to the fitted ones; NaN if they hardly
        correlate.
    """

    stiffness: float
    energies: FloatArray
    scales: FloatArray


def fit_pair_force(structures: StructureSet, sample: IntArray) -> PairForce | None:
    """Fit a pair force to the forces of a sample; None if it does not explain them.

    The force is g(x) / R², with R the sum of the covalent radii of the two atoms, x = distance / R,
    and g piecewise linear.
    """
    n_knots = len(_KNOTS)
    normal, projected, power = np.zeros((2, n_knots, n_knots)), np.zeros((2, n_knots)), np.zeros(2)
    energy_basis = np.zeros((len(sample), n_knots))
    bonds: list[FloatArray] = []
    designs: list[tuple[FloatArray, FloatArray]] = []
    for row, index in enumerate(sample):
        design, energy_basis[row], distances = pair_basis(structures, int(index))
        forces = structures.forces[structures.atoms_of(int(index))].ravel()
        half = row % 2
        normal[half] += design.T @ design
        projected[half] += design.T @ forces
        power[half] += forces @ forces
        bonds.append(distances[distances < _BOND])
        designs.append((design, forces))
    bond_lengths = np.concatenate([np.empty(0), *bonds])
    n_forces = sum(len(forces) for _, forces in designs)
    smallest = n_forces * _SMALLEST_FORCE**2
    if n_forces < _FEWEST_FORCES or power.sum() < smallest or not len(bond_lengths):
        return None
    if np.ptp(bond_lengths) < 1e-3:
        return None  # a perfect crystal does not determine the slope
    coefficients = _solve(normal.sum(axis=0), projected.sum(axis=0))
    strengths = np.interp(bond_lengths, _KNOTS, coefficients)
    stiffness = -float(np.polyfit(bond_lengths, strengths, 1)[0])
    if _explained(normal, projected, power) < _EXPLAINED or stiffness <= 0:
        return None
    scales = np.array([_scale(design @ coefficients, forces) for design, forces in designs])
    return PairForce(stiffness, energy_basis @ coefficients, scales)


def _solve(normal: FloatArray, projected: FloatArray) -> FloatArray:
    ridge = 1e-4 * np.trace(normal) / len(normal) * np.eye(len(normal))
    solution: FloatArray = np.linalg.solve(normal + ridge, projected)
    return solution


def _explained(normal: FloatArray, projected: FloatArray, power: FloatArray) -> float:
    """Return the share of the squared forces of each half that a fit to the other half explains.

    A fit to all forces may explain them by chance if few distances occur, as in relaxed crystals.
    """
    others = (1, 0) if power.all() else (0, 1)  # a single structure has no other half
    unexplained = float(power.sum())
    for half, other in enumerate(others):
        if power[half]:
            fit = _solve(normal[other], projected[other])
            unexplained += float(fit @ normal[half] @ fit - 2 * fit @ projected[half])
    return 1 - unexplained / float(power.sum())


def _scale(said: FloatArray, forces: FloatArray) -> float:
    """Return how many times larger forces are than `said`; NaN if they hardly correlate."""
    sizes = float(said @ said), float(forces @ forces)
    if not all(sizes) or said @ forces < _ALIKE * np.sqrt(sizes[0] * sizes[1]):
        return np.nan
    return float(np.sqrt(sizes[1] / sizes[0]))


def pair_basis(structures: StructureSet, index: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the contribution of each knot's hat function in one structure.

    Returns
    -------
    (3n, K) contributions to the forces, (K,) to the energy per atom, and (P,) the distances of the
    pairs in sums of covalent radii.
    """
    from ase.data import covalent_radii

    own = structures.atoms_of(index)
    radii = covalent_radii[structures.numbers[own]]
    first, second, distances, vectors = neighbour_search(
        2 * float(radii.max()) * _KNOTS[-1], full_list=True
    ).compute(structures.positions[own], structures.cells[index], structures.pbc[index], "ijdD")
    contact = radii[first] + radii[second]
    kept = (distances < contact * _KNOTS[-1]) & (distances > 0)
    first, contact, distances, vectors = (
        values[kept] for values in (first, contact, distances, vectors)
    )
    reduced = distances / contact
    pushes = -vectors / (distances * contact**2)[:, None]
    design = _sums_of_hats(first, reduced, pushes, len(radii))
    # The integral of each hat from the distance outwards is the pair's energy; every pair occurs
    # twice.
    energies = 0.5 * (_hat_integrals(reduced) / contact[:, None]).sum(axis=0) / len(radii)
    return design, energies, reduced


def _sums_of_hats(
    first: IntArray, reduced: FloatArray, pushes: FloatArray, n_atoms: int
) -> FloatArray:
    """Return (3n, K) sums over pairs of their push times each hat function at their distance.

    Only the two hats next to a distance differ from zero there. An extra knot on either side takes
    what is beyond the others.
    """
    n_knots = len(_KNOTS) + 2
    places = np.clip((reduced - _KNOTS[0]) / _KNOT_DISTANCE + 1, 0, n_knots - 1.5)
    left = places.astype(np.int64)
    share = (places - left)[:, None]
    rows = (3 * first.astype(np.int64)[:, None] + np.arange(3)) * n_knots + left[:, None]
    design = np.zeros(3 * n_atoms * n_knots)
    np.add.at(design, rows.ravel(), (pushes * (1 - share)).ravel())
    np.add.at(design, rows.ravel() + 1, (pushes * share).ravel())
    return design.reshape(3 * n_atoms, n_knots)[:, 1:-1]


def _hat_integrals(reduced: FloatArray) -> FloatArray:
    """Return (P, K) the integral of each hat function from each distance to infinity."""
    offset = np.clip((reduced[:, None] - _KNOTS) / _KNOT_DISTANCE, -1.0, 1.0)
    integrals: FloatArray = _KNOT_DISTANCE * 0.5 * (1.0 - 2.0 * offset + offset * np.abs(offset))
    return integrals
