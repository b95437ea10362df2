"""The environment-dependent interaction potential (EDIP) for carbon, in vectorised PyTorch.

N. A. Marks, Phys. Rev. B 63, 035401 (2000), doi:10.1103/PhysRevB.63.035401. It differs from the
EDIP for SiC that ships with LAMMPS, which labelled the data of the published model
``c-edip-pretrained``; labels of the two do not agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from vesin import NeighborList

from hub.errors import TeacherError
from hub.structures.checks.geometry import require_geometry
from hub.structures.neighbours import two_of_each_centre
from hub.teachers.edip_coordination import FARTHEST, Neighbours, coordination

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ase import Atoms

    from hub.structures.arrays import FloatArray

# Parameters of the pair and three-body terms, in eV and Å.
_EPSILON = 20.0853862863495
_B = 0.827599951322299  # Å^4
_BETA = 0.0490161172713279
_SIGMA = 1.25714643580808
_A = 1.89225338775144
_A_PRIME = 0.169794491000172
_Z0 = 3.615
_LAMBDA0 = 19.86394896867
_LAMBDA_PRIME = 0.30
_GAMMA = 1.35419222406125
_Q = 3.5
_T1 = 2.5
_T2 = 6.0

# Å. Closer to a cutoff than this, exp(sigma / (r - cutoff)) is 0 in double precision, while the
# derivative would be 0 times infinity.
_VANISHING = 1.5e-3


class CarbonEdip(Calculator):
    """Energies (eV), forces (eV/Å) and stresses (eV/Å^3) of carbon structures.

    An isolated atom has energy 0. There is a stress only if there is a volume: for a cell of three
    vectors, with at least one periodic direction.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute all properties at once.

        Raises
        ------
        TeacherError
            If there are elements other than carbon, or atoms on top of each other.
        DataError
            If the coordinates are not finite or too far apart.
        """
        super().calculate(atoms, properties, system_changes)
        copied = cast("Atoms", self.atoms)
        energy, forces, virial = _evaluate(copied)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if copied.pbc.any() and copied.cell.rank == 3:
            self.results["stress"] = full_3x3_to_voigt_6_stress(virial / copied.get_volume())


def build(
    parameters: Path | None,  # noqa: ARG001 - other teachers have some
    options: Mapping[str, Any],  # noqa: ARG001
) -> CarbonEdip:
    """Make the calculator; its parameters are those of the paper."""
    return CarbonEdip()


def _evaluate(atoms: Atoms) -> tuple[float, FloatArray, FloatArray]:
    """Return the energy in eV, (n, 3) forces in eV/Å and the (3, 3) virial in eV."""
    _require_carbon(atoms)
    require_geometry(atoms)
    neighbours = _neighbours(atoms, FARTHEST)
    coordinations = coordination(neighbours)
    reach = _cutoffs(coordinations.detach()).numpy().max(initial=0.0)
    if reach > FARTHEST:  # very dense: pairs interact beyond the range of the coordination
        neighbours = _neighbours(atoms, reach)
        coordinations = coordination(neighbours)
    energy = _energy(neighbours, coordinations)
    (gradient,) = torch.autograd.grad(energy, neighbours.vectors)
    if not torch.isfinite(gradient).all():
        raise TeacherError(
            f"{atoms.get_chemical_formula()} has atoms on top of each other",
            "Remove this structure: hub check finds such structures.",
        )
    forces = torch.zeros(len(atoms), 3, dtype=torch.float64)
    forces.index_add_(0, neighbours.centres, gradient)
    forces.index_add_(0, neighbours.others, -gradient)
    virial = neighbours.vectors.detach().T @ gradient
    return energy.item(), forces.numpy(), virial.numpy()


def _require_carbon(atoms: Atoms) -> None:
    others = sorted(set(atoms.get_chemical_symbols()) - {"C"})
    if others:
        raise TeacherError(
            f"edip covers C, but {atoms.get_chemical_formula()} contains {', '.join(others)}",
            "Choose a teacher that covers these elements: hub teachers",
        )


def _neighbours(atoms: Atoms, cutoff: float) -> Neighbours:
    centres, others, vectors = NeighborList(cutoff=cutoff, full_list=True, sorted=True).compute(
        atoms.positions, atoms.cell.array, atoms.pbc, "ijD"
    )
    return Neighbours(
        len(atoms),
        torch.from_numpy(centres.astype(np.int64)),
        torch.from_numpy(others.astype(np.int64)),
        torch.from_numpy(vectors).requires_grad_(),
    )


def _cutoffs(coordinations: torch.Tensor) -> torch.Tensor:
    """Return (n,) the interaction range of each atom in Å, which grows with its coordination."""
    return _A + _A_PRIME * coordinations


def _energy(neighbours: Neighbours, coordinations: torch.Tensor) -> torch.Tensor:
    """Return the () energy in eV: the sum over atoms of pair and three-body terms."""
    centres = neighbours.centres
    distances = torch.linalg.vector_norm(neighbours.vectors, dim=1)
    inside = distances - _cutoffs(coordinations).index_select(0, centres)
    kept = torch.nonzero(inside < -_VANISHING).squeeze(1)
    centres, distances, inside = centres[kept], distances[kept], inside[kept]
    directions = neighbours.vectors.index_select(0, kept) / distances[:, None]

    bond_orders = torch.exp(-_BETA * coordinations**2).index_select(0, centres)
    pairs = _EPSILON * (_B / distances**4 - bond_orders) * torch.exp(_SIGMA / inside)

    first, second = map(torch.from_numpy, two_of_each_centre(centres.numpy()))
    apexes = centres[first]
    radial = torch.exp(_GAMMA / inside)
    radial = radial.index_select(0, first) * radial.index_select(0, second)
    cosines = (directions.index_select(0, first) * directions.index_select(0, second)).sum(1)
    tau = 1 - coordinations / 12 * (1 + torch.tanh(_T2 * (coordinations - _T1)))
    angular = -torch.expm1(-_Q * (cosines + tau.index_select(0, apexes)) ** 2)
    strengths = _LAMBDA0 * torch.exp(-_LAMBDA_PRIME * (coordinations - _Z0) ** 2)
    triplets = strengths.index_select(0, apexes) * radial * angular
    energy: torch.Tensor = pairs.sum() + triplets.sum()
    return energy
