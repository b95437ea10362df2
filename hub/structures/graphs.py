"""Structures as graphs: neighbour lists computed once, batches assembled in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

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
    stress : (3, 3) float64, eV/Å^3, positive under tension
    name : what to call the structure: its file and position there, or its formula
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

    def __len__(self) -> int:
        return len(self.types)

    def to(self, device: torch.device) -> Self:
        """Copy to a device."""
        tensors = {key: value.to(device) for key, value in vars(self).items() if key != "name"}
        return type(self)(**tensors, name=self.name)


def build_graph(atoms: Atoms, type_names: Sequence[str], r_max: float) -> Graph:
    """Find the neighbours of one ASE structure within `r_max` (Å); labels are not looked at.

    Raises
    ------
    IncompatibleModelError
        If the structure holds an element that is not among `type_names`.
    DataError
        If its coordinates are no numbers or absurd, or it repeats along a vector without length.
    """
    require_geometry(atoms)
    cell = atoms.cell.array
    return _graph(
        _types(atoms.numbers, _type_table(type_names), type_names, atoms.get_chemical_formula),
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
    """Build the graphs of structures, labels included, of their neighbour lists.

    Parameters
    ----------
    lists
        Of a structure set.
    type_names
        The elements that the model knows, in its order.
    indices
        Of the structures, and their order; all by default.
    progress
        Called with the number of structures done, and of all.

    Raises
    ------
    IncompatibleModelError
        If a structure holds an element that is not among `type_names`.
    DataError
        If no neighbour list can be made of it.
    """
    structures = lists.structures
    chosen = chosen_indices(
        np.arange(len(structures)) if indices is None else indices, len(structures)
    )
    table = _type_table(type_names)
    graphs = []
    for index in chosen.tolist():
        own = structures.atoms_of(index)
        positions, cell = structures.positions[own], structures.cells[index]
        if problem := geometry_problem(positions, cell, structures.pbc[index]):
            raise unusable_geometry(structures.where(index), problem)
        graphs.append(
            _graph(
                _types(
                    structures.numbers[own], table, type_names, partial(structures.where, index)
                ),
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


def _type_table(type_names: Sequence[str]) -> IntArray:
    """Return the type of each element, by its atomic number; -1 where the model lacks it."""
    from ase.data import atomic_numbers, chemical_symbols

    table = np.full(len(chemical_symbols), -1)
    table[[atomic_numbers[symbol] for symbol in type_names]] = np.arange(len(type_names))
    return table


def _types(
    numbers: IntArray, table: IntArray, type_names: Sequence[str], name: Callable[[], str]
) -> IntArray:
    """Return (n,) the type of each atom; `name` tells what to call the structure."""
    types: IntArray = table[numbers]
    if (types < 0).any():
        from ase.data import chemical_symbols

        unknown = sorted({chemical_symbols[number] for number in numbers[types < 0]})
        raise IncompatibleModelError(
            f"the model knows {', '.join(type_names)}, but {name()} contains {', '.join(unknown)}",
            hint="Choose a model that covers these elements: hub list",
        )
    return types


def average_neighbors(graphs: Sequence[Graph]) -> float:
    """Return the mean number of neighbours per atom."""
    atoms = sum(len(graph) for graph in graphs)
    return sum(graph.edges.shape[1] for graph in graphs) / atoms
