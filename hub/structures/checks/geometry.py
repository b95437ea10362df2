"""Cells, distances and neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import DataError
from hub.structures.checks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ase import Atoms

    from hub.structures.arrays import BoolArray, FloatArray
    from hub.structures.neighbours import NeighbourList, NeighbourLists
    from hub.structures.structure_set import StructureSet

# In sums of two covalent radii.
_IMPOSSIBLE_DISTANCE = 0.4
_SHORT_DISTANCE = 0.6
BOND_DISTANCE = 1.3

_SHORTEST_LATTICE_VECTOR = 0.5  # Å
_SMALLEST_VOLUME_PER_ATOM = 1.0  # Å^3; compressed hydrogen at 500 GPa has 1.2
_PROGRESS_EVERY = 100
_MOST_EDGES = 200_000  # of structures that are looked at together

# Å. The neighbour search divides space into cells, and fails if there are too many.
LARGEST_SPAN = 1e5


@dataclass(frozen=True)
class Neighbourhoods:
    """Results of one pass over all neighbour lists, for each structure.

    Attributes
    ----------
    shortest
        (S,) shortest distance in sums of covalent radii; infinite if there are no neighbours.
    coordination
        (S,) mean number of neighbours within 1.3 sums of covalent radii.
    lonely
        (S,) number of atoms without neighbours within the cutoff.
    """

    shortest: FloatArray
    coordination: FloatArray
    lonely: FloatArray


def check_cells(structures: StructureSet) -> tuple[list[Finding], BoolArray]:
    """Find positions and cells that do not allow a neighbour list, and return which are usable."""
    finite = np.atleast_1d(np.isfinite(structures.cells).all(axis=(1, 2)))
    broken = ~np.isfinite(structures.positions).all(axis=1)
    finite[structures.structure_of_atom[broken]] = False
    scattered = finite & ~structures.pbc.all(axis=1) & (_spans(structures) > LARGEST_SPAN)
    volumes = _periodic_volumes(structures)
    lengths = np.where(structures.pbc, np.linalg.norm(structures.cells, axis=2), np.inf)
    flat = finite & structures.pbc.any(axis=1) & ~(volumes > 1e-6)
    tiny = lengths.min(axis=1) < _SHORTEST_LATTICE_VECTOR
    tiny |= structures.pbc.all(axis=1) & (volumes / structures.n_atoms < _SMALLEST_VOLUME_PER_ATOM)
    tiny &= finite & ~flat
    findings = [
        Finding("error", code, f"{int(mask.sum())} structures {what}", indices.tolist(), advice)
        for code, mask, what, advice in (
            (
                "positions",
                ~finite,
                "have positions or cells that are NaN or infinite",
                "Remove these structures.",
            ),
            (
                "positions",
                scattered,
                f"have atoms more than {LARGEST_SPAN:.0e} Å apart",
                "Did the simulation blow up? Remove these structures.",
            ),
            (
                "cell",
                flat,
                "are periodic but have no cell, or a cell without volume",
                'Give them a cell (Lattice="..." in extxyz), or set pbc="F F F".',
            ),
            (
                "cell",
                tiny,
                "have a cell too small for their atoms",
                "Are the lattice vectors in Å?",
            ),
        )
        if len(indices := np.flatnonzero(mask))
    ]
    return findings, finite & ~scattered & ~flat & ~tiny


def require_geometry(atoms: Atoms) -> None:
    """Refuse a structure for which no neighbour list can be built.

    Raises
    ------
    DataError
        If its coordinates are not finite or too far apart, or its cell has vectors of zero length
        or is too small for its atoms.
    """
    if problem := geometry_problem(atoms.positions, atoms.cell.array, atoms.pbc):
        raise unusable_geometry(atoms.get_chemical_formula(), problem)


def unusable_geometry(name: str, problem: str) -> DataError:
    """Return the error for a structure of that name, with the text of `geometry_problem`."""
    return DataError(
        f"{name} {problem}",
        "Check where it comes from: a simulation that blew up, or a file without its cell?",
    )


def geometry_problem(positions: FloatArray, cell: FloatArray, pbc: BoolArray) -> str:
    """Say why (n, 3) positions in a (3, 3) cell do not allow a neighbour list; empty if they do.

    Positions and cell are in Å; `pbc` (3,) says along which vectors the structure is periodic.
    """
    periods = cell[pbc]
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        return "has coordinates or cell vectors that are not finite"
    if not pbc.all() and len(positions) and np.ptp(positions, axis=0).max() > LARGEST_SPAN:
        return f"has atoms more than {LARGEST_SPAN:.0e} Å apart"
    if pbc.any() and np.linalg.matrix_rank(periods) < len(periods):
        return "is periodic along cell vectors that are zero or parallel"
    volume = abs(np.linalg.det(cell))
    if (np.linalg.norm(periods, axis=1) < _SHORTEST_LATTICE_VECTOR).any() or (
        pbc.all() and volume < _SMALLEST_VOLUME_PER_ATOM * len(positions)
    ):
        return "has a cell too small for its atoms"
    return ""


def _spans(structures: StructureSet) -> FloatArray:
    """Return (S,) the largest extent along an axis, in Å."""
    if not len(structures.positions):
        return np.zeros(len(structures))
    # One more row, so that an empty structure at the end has a valid start.
    positions = np.append(structures.positions, structures.positions[-1:], axis=0)
    starts = structures.pointers[:-1]
    extents = np.maximum.reduceat(positions, starts) - np.minimum.reduceat(positions, starts)
    spans: FloatArray = extents.max(axis=1)
    return spans


def _periodic_volumes(structures: StructureSet) -> FloatArray:
    """Return (S,) the volume, area or length spanned by the periodic lattice vectors."""
    volumes = np.ones(len(structures))
    for pattern in product([False, True], repeat=3):
        mask = (structures.pbc == pattern).all(axis=1)
        vectors = structures.cells[mask][:, list(pattern)]
        if mask.any() and any(pattern):
            gram = vectors @ vectors.transpose(0, 2, 1)
            volumes[mask] = np.sqrt(np.maximum(np.linalg.det(gram), 0.0))
    return volumes


def survey_neighbours(
    lists: NeighbourLists,
    usable: BoolArray,
    progress: Callable[[int, int | None], None] | None = None,
) -> Neighbourhoods:
    """Go through the neighbour lists of the usable structures and keep what the checks need."""
    survey = _Survey(lists.structures)
    indices = np.flatnonzero(usable).tolist()
    gathered: list[tuple[int, NeighbourList]] = []
    n_edges = 0
    for done, (index, found) in enumerate(zip(indices, lists.each(indices), strict=True), start=1):
        gathered.append((index, found))
        n_edges += len(found.shifts)
        if len(gathered) == _PROGRESS_EVERY or n_edges >= _MOST_EDGES:
            survey.add(gathered)
            gathered, n_edges = [], 0
            if progress:
                progress(done, len(lists))
    if gathered:
        survey.add(gathered)
    if progress:
        progress(len(lists), len(lists))
    return survey.finish(usable)


class _Survey:
    """What is known so far about the neighbours in each structure."""

    def __init__(self, structures: StructureSet) -> None:
        from ase.data import covalent_radii

        self.structures = structures
        self.radii = covalent_radii[structures.numbers]
        self.shortest = np.full(len(structures), np.inf)
        self.coordination = np.zeros(len(structures))
        self.has_neighbour = np.zeros(len(structures.numbers), np.bool_)

    def add(self, found: Sequence[tuple[int, NeighbourList]]) -> None:
        """Add the neighbour lists of some structures."""
        structures = self.structures
        indices = np.array([index for index, _ in found])
        counts = np.array([len(each.shifts) for _, each in found])
        places = np.repeat(np.arange(len(found)), counts)
        edges = np.concatenate([each.edges for _, each in found], axis=1)
        first, second = edges + structures.pointers.take(indices).take(places)
        # `take` is several times faster than an index.
        ways = structures.positions.take(second, 0) - structures.positions.take(first, 0)
        ways += np.concatenate([each.shifts @ structures.cells[index] for index, each in found])
        distances = np.sqrt(np.einsum("ij,ij->i", ways, ways))
        ratios = distances / (self.radii.take(first) + self.radii.take(second))
        starts, some = np.cumsum(counts) - counts, counts > 0
        if some.any():
            self.shortest[indices[some]] = np.minimum.reduceat(ratios, starts[some])
        bonds = np.bincount(places[ratios < BOND_DISTANCE], minlength=len(found))
        self.coordination[indices] = bonds / structures.n_atoms[indices]
        self.has_neighbour[first] = True

    def finish(self, usable: BoolArray) -> Neighbourhoods:
        """Return what was found; nothing of structures that are not usable."""
        structures = self.structures
        with_neighbours = structures.structure_of_atom[self.has_neighbour]
        lonely = structures.n_atoms - np.bincount(with_neighbours, minlength=len(structures))
        return Neighbourhoods(self.shortest, self.coordination, np.where(usable, lonely, 0.0))


def check_distances(surveyed: Neighbourhoods) -> list[Finding]:
    """Find atoms that are too close to each other."""
    findings = []
    impossible = surveyed.shortest < _IMPOSSIBLE_DISTANCE
    short = ~impossible & (surveyed.shortest < _SHORT_DISTANCE)
    if impossible.any():
        findings.append(
            Finding(
                "error",
                "impossible-distances",
                f"{int(impossible.sum())} structures have atoms on top of each other (closer than "
                f"{_IMPOSSIBLE_DISTANCE} of the sum of their covalent radii)",
                np.flatnonzero(impossible).tolist(),
                "Are positions and cell complete and in Å? Otherwise remove these structures.",
            )
        )
    if short.any():
        findings.append(
            Finding(
                "warning",
                "short-distances",
                f"{int(short.sum())} structures have atoms very close to each other (closer than "
                f"{_SHORT_DISTANCE} of the sum of their covalent radii)",
                np.flatnonzero(short).tolist(),
                "Keep them if the model should learn short-range repulsion from them.",
            )
        )
    return findings


def check_lonely_atoms(
    structures: StructureSet, surveyed: Neighbourhoods, cutoff: float
) -> list[Finding]:
    """Find atoms without neighbours within the cutoff, except in structures of a single atom."""
    concerned = np.flatnonzero((surveyed.lonely > 0) & (structures.n_atoms > 1))
    if not len(concerned):
        return []
    return [
        Finding(
            "warning",
            "lonely-atoms",
            f"{int(surveyed.lonely[concerned].sum())} atoms in {len(concerned)} structures have no "
            f"neighbour within the cutoff of {cutoff:g} Å",
            concerned.tolist(),
            "The model cannot learn forces on such atoms. Are positions and cell in Å?",
        )
    ]
