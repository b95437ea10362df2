"""Structures as graphs: neighbour lists computed once, batches assembled in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from vesin import NeighborList

from hub.errors import IncompatibleModelError
from hub.structures.checks.geometry import require_geometry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ase import Atoms

    from hub.structures.structure_set import StructureSet


@dataclass(frozen=True)
class Graph:
    """One structure with its neighbours, and its labels where it has any.

    What there is much of is kept small: 20 bytes for each neighbour.

    Attributes
    ----------
    positions : (n, 3) float64, Å
    types : (n,) int64, indices into the model's type names
    cell : (3, 3) float64, Å, lattice vectors in rows
    edges : (2, m) int32, centre and neighbour of each pair
    shifts : (m, 3) int32, lattice translations of the neighbour, in cells
    energy : () float64, eV
    forces : (n, 3) float64, eV/Å
    """

    positions: torch.Tensor
    types: torch.Tensor
    cell: torch.Tensor
    edges: torch.Tensor
    shifts: torch.Tensor
    energy: torch.Tensor
    forces: torch.Tensor

    def __len__(self) -> int:
        return len(self.types)

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        return type(self)(**{name: value.to(device) for name, value in vars(self).items()})


def build_graph(
    atoms: Atoms,
    type_names: Sequence[str],
    r_max: float,
    energy: float = np.nan,
    forces: np.ndarray | None = None,
) -> Graph:
    """Find the neighbours of one structure within `r_max` (Å).

    Raises
    ------
    IncompatibleModelError
        If the structure holds an element that is not among `type_names`.
    DataError
        If its coordinates are no numbers or absurd, or it repeats along a vector without length.
    """
    require_geometry(atoms)
    symbols = atoms.get_chemical_symbols()
    unknown = sorted(set(symbols) - set(type_names))
    if unknown:
        raise IncompatibleModelError(
            f"the model knows {', '.join(type_names)}, but {atoms.get_chemical_formula()} "
            f"contains {', '.join(unknown)}",
            hint="Choose a model that covers these elements: hub list",
        )
    centres, neighbours, shifts = NeighborList(cutoff=r_max, full_list=True).compute(
        points=atoms.positions, box=atoms.cell.array, periodic=atoms.pbc, quantities="ijS"
    )
    if forces is None:
        forces = np.full((len(atoms), 3), np.nan)
    index = {name: position for position, name in enumerate(type_names)}
    return Graph(
        positions=torch.tensor(atoms.positions, dtype=torch.float64),
        types=torch.tensor([index[symbol] for symbol in symbols], dtype=torch.int64),
        cell=torch.tensor(atoms.cell.array, dtype=torch.float64),
        edges=torch.from_numpy(np.stack([centres, neighbours]).astype(np.int32)),
        shifts=torch.tensor(np.asarray(shifts), dtype=torch.int32).reshape(-1, 3),
        energy=torch.tensor(energy, dtype=torch.float64),
        forces=torch.tensor(forces, dtype=torch.float64),
    )


def build_graphs(
    structures: StructureSet,
    type_names: Sequence[str],
    r_max: float,
    progress: Callable[[int, int], None] | None = None,
) -> list[Graph]:
    """Build the graphs of a whole structure set, labels included, in its order."""
    graphs = []
    for index in range(len(structures)):
        atoms = structures.to_atoms(index)
        start, stop = structures.pointers[index : index + 2]
        graphs.append(
            build_graph(
                atoms,
                type_names,
                r_max,
                energy=float(structures.energies[index]),
                forces=structures.force_labels[start:stop],
            )
        )
        if progress is not None:
            progress(index + 1, len(structures))
    return graphs


def average_neighbors(graphs: Sequence[Graph]) -> float:
    """Return the mean number of neighbours per atom."""
    atoms = sum(len(graph) for graph in graphs)
    return sum(graph.edges.shape[1] for graph in graphs) / atoms
