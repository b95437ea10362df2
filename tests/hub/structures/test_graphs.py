from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.errors import IncompatibleModelError
from hub.structures import StructureSet
from hub.structures.graphs import build_graph, build_graphs
from hub.structures.neighbours import NeighbourLists
from tests.hub.structures.conftest import copper


def vectors(graph) -> np.ndarray:
    """Return the way from the centre to the neighbour of each edge, in order."""
    ends = graph.positions[graph.edges]
    return (ends[1] - ends[0] + graph.shifts.double() @ graph.cell).numpy()


def edge_table(centres, neighbours, ways) -> np.ndarray:
    """Return edges as rows in an order that does not depend on how they were found."""
    table = np.column_stack([centres, neighbours, np.round(ways, 6) + 0.0])
    return table[np.lexsort(table.T)]


def assert_as_ase(atoms: Atoms, r_max: float) -> None:
    graph = build_graph(atoms, sorted(set(atoms.get_chemical_symbols())), r_max)
    expected = edge_table(*neighbor_list("ijD", atoms, r_max))
    found = edge_table(*graph.edges.numpy(), vectors(graph))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("pbc", [True, False, (True, True, False), (False, False, True)])
def test_neighbours_are_those_of_ase(pbc) -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    atoms.pbc = pbc
    assert_as_ase(atoms, 4.0)


@settings(deadline=None, max_examples=40)
@given(
    places=st.lists(st.tuples(*[st.integers(-12, 12)] * 3), min_size=1, max_size=4),
    lengths=st.tuples(*[st.integers(25, 60)] * 3),
    skew=st.integers(-4, 4),
    pbc=st.tuples(*[st.booleans()] * 3),
)
def test_neighbours_in_any_cell(places, lengths, skew, pbc) -> None:
    """Small and skewed cells, atoms outside of them, and several images of one neighbour."""
    assume(len({tuple(np.mod(place, 8)) for place in places}) == len(places))
    cell = np.diag(lengths) / 10
    cell[1, 0], cell[2, 1] = skew / 10 * cell[0, 0], -skew / 10 * cell[1, 1]
    # No distance falls on such a cutoff by construction.
    assert_as_ase(Atoms("C" * len(places), np.array(places) / 8 @ cell, cell=cell, pbc=pbc), 3.1718)


def test_an_isolated_atom_and_a_molecule_without_a_cell() -> None:
    alone = build_graph(Atoms("C"), ["C"], 4.0)
    assert (alone.edges.shape, alone.shifts.shape) == ((2, 0), (0, 3))
    assert_as_ase(molecule("C6H6"), 3.0)


def test_labels_and_types_keep_their_places() -> None:
    frames = copper(2)
    structures = StructureSet.from_atoms([*frames, Atoms("AuCu", [[0, 0, 0], [0, 0, 2.5]])])
    first, second, third = build_graphs(NeighbourLists(structures, 4.0), ["Au", "Ag", "Cu"])
    assert third.types.tolist() == [0, 2]
    assert set(first.types.tolist()) == {2}
    for graph, atoms in ((first, frames[0]), (second, frames[1])):
        assert float(graph.energy) == atoms.get_potential_energy()
        np.testing.assert_array_equal(graph.forces, atoms.get_forces())
    assert torch.isnan(third.energy)
    assert torch.isnan(third.forces).all()
    assert third.forces.shape == (2, 3)


def test_progress_counts_structures() -> None:
    calls: list[tuple[int, int]] = []
    build_graphs(
        NeighbourLists(StructureSet.from_atoms(copper(3)), 3.0),
        ["Cu"],
        progress=lambda *now: calls.append(now),
    )
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_an_unknown_element_is_named() -> None:
    with pytest.raises(IncompatibleModelError, match="covers C, Si, but CAu contains Au") as caught:
        build_graph(Atoms("CAu", [[0, 0, 0], [0, 0, 2]]), ["C", "Si"], 4.0)
    assert "hub list" in caught.value.hint
