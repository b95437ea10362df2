"""Structures as graphs: neighbour lists computed once, batches assembled in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from hub.errors import IncompatibleModelError
from hub.structures.arrays import chosen_indices
from hub.structures.checks.geometry import geometry_problem, require_geometry, unusable_geometry
from hub.structures.neighbours import find_neighbours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from ase import Atoms

    from hub.structures.arrays import FloatArray, IntArray
    from hub.structures.neighbours import NeighbourList, NeighbourLists


@dataclass(frozen=True)
class Graph:
    """One structure with its neighbours, and its labels if it has any.

    Neighbours are stored compactly: 20 bytes each.

    Attributes
    ----------
    positions : (n, 3) float64, Å
    types : (n,) int64, indices into the model's type names
    cell : (3, 3) float64, Å, lattice vectors in rows
    edges : (2, m) int32, centre and neighbour of each pair
    shifts : (m, 3) int32, lattice translations of the neighbour, in cells
    energy : () float64, eV
    forces : (n, 3) float64, eV/Å
    stress : (3, 3) float64, eV/Å^3, positive under tension
    name : name of the structure: its file and index, or its formula
    half : (m / 2,) int32, one edge of each pair; None if that is not known
    """

    positions: torch.Tensor
    types: torch.Tensor
    cell: torch.Tensor
    edges: torch.Tensor
    shifts: torch.Tensor
    energy: torch.Tensor
    forces: torch.Tensor
    stress: torch.Tensor
    name: str = ""
    half: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.types)

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        tensors: dict[str, Any] = {
            key: value.to(device)
            for key, value in vars(self).items()
            if isinstance(value, torch.Tensor)
        }
        return replace(self, **tensors)


def build_graph(atoms: Atoms, type_names: Sequence[str], r_max: float) -> Graph:
    """Build the graph of one ASE structure with cutoff `r_max` (Å), without labels.

    Raises
    ------
    IncompatibleModelError
        If the structure contains an element that is not among `type_names`.
    DataError
        If its coordinates are not finite or too far apart, or its cell cannot be used.
    """
    require_geometry(atoms)
    cell = atoms.cell.array
    return _graph(
        atom_types(atoms, type_names),
        atoms.positions,
        cell,
        find_neighbours(atoms.positions, cell, atoms.pbc, r_max),
        atoms.get_chemical_formula(),
        energy=np.nan,
        forces=np.full((len(atoms), 3), np.nan),
        stress=np.full((3, 3), np.nan),
    )


def build_graphs(
    lists: NeighbourLists,
    type_names: Sequence[str],
    indices: npt.ArrayLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Graph]:
    """Build the graphs of structures, including labels, from their neighbour lists.

    Parameters
    ----------
    lists
        Neighbour lists of a structure set.
    type_names
        Elements that the model covers, in its order.
    indices
        Indices of the structures, in order; all by default.
    progress
        Called with the number of structures done, and their total.

    Raises
    ------
    IncompatibleModelError
        If a structure contains an element that is not among `type_names`.
    DataError
        If no neighbour list can be built for a structure.
    """
    structures = lists.structures
    chosen = chosen_indices(
        np.arange(len(structures)) if indices is None else indices, len(structures)
    )
    graphs = []
    for index in chosen.tolist():
        own = structures.atoms_of(index)
        positions, cell = structures.positions[own], structures.cells[index]
        if problem := geometry_problem(positions, cell, structures.pbc[index]):
            raise unusable_geometry(structures.where(index), problem)
        graphs.append(
            _graph(
                _types(structures.numbers[own], type_names, partial(structures.where, index)),
                positions,
                cell,
                lists.of(index),
                structures.where(index),
                energy=structures.energies[index],
                forces=structures.force_labels[own],
                stress=structures.stresses[index],
            )
        )
        if progress is not None:
            progress(len(graphs), len(chosen))
    return graphs


def _graph(
    types: IntArray,
    positions: FloatArray,
    cell: FloatArray,
    neighbours: NeighbourList,
    name: str,
    **labels: npt.ArrayLike,
) -> Graph:
    return Graph(
        positions=torch.tensor(positions, dtype=torch.float64),
        types=torch.from_numpy(types),
        cell=torch.tensor(cell, dtype=torch.float64),
        edges=torch.from_numpy(neighbours.edges),
        shifts=torch.from_numpy(neighbours.shifts),
        name=name,
        **{label: torch.tensor(value, dtype=torch.float64) for label, value in labels.items()},
    )


def atom_types(atoms: Atoms, type_names: Sequence[str]) -> IntArray:
    """Return (n,) the type of each atom of a structure: the index of its element in `type_names`.

    Raises
    ------
    IncompatibleModelError
        If the structure contains an element that is not among `type_names`.
    """
    return _types(atoms.numbers, type_names, atoms.get_chemical_formula)


def _types(numbers: IntArray, type_names: Sequence[str], name: Callable[[], str]) -> IntArray:
    """Return (n,) the type of each atom; `name` gives the name of the structure."""
    types: IntArray = _type_table(tuple(type_names))[numbers]
    if (types < 0).any():
        from ase.data import chemical_symbols

        unknown = sorted({chemical_symbols[number] for number in numbers[types < 0]})
        raise IncompatibleModelError(
            f"the model covers {', '.join(type_names)}, but {name()} contains {', '.join(unknown)}",
            hint="Choose a model that covers these elements: hub list",
        )
    return types


@lru_cache
def _type_table(type_names: tuple[str, ...]) -> IntArray:
    """Return the type of each element, by atomic number; -1 if the model does not cover it."""
    from ase.data import atomic_numbers, chemical_symbols

    table = np.full(len(chemical_symbols), -1)
    table[[atomic_numbers[symbol] for symbol in type_names]] = np.arange(len(type_names))
    return table


def average_neighbors(graphs: Sequence[Graph]) -> float:
    """Return the mean number of neighbours per atom."""
    atoms = sum(len(graph) for graph in graphs)
    return sum(graph.edges.shape[1] for graph in graphs) / atoms
