"""Neighbour lists with a skin: the same neighbours as without, and rarely rebuilt."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.errors import DataError
from hub.potentials.kernels.pairs import find_half
from hub.structures.neighbours import find_neighbours
from hub.structures.verlet_list import VerletList

CUTOFF = 3.1718  # no distance falls on it by construction
SKIN = 0.4


def assert_same_neighbours(neighbours: VerletList, atoms: Atoms, cutoff: float = CUTOFF) -> None:
    """Compare with a search of its own, including the order and what is one of each pair."""
    found, half = neighbours.of(atoms, cutoff)
    expected = find_neighbours(atoms.positions, atoms.cell.array, atoms.pbc, cutoff)
    np.testing.assert_array_equal(found.edges, expected.edges)
    np.testing.assert_array_equal(found.shifts, expected.shifts)
    assert (found.edges.dtype, found.shifts.dtype) == (np.int32, np.int32)
    if half is not None:
        one_of_each = find_half(*map(torch.from_numpy, expected))
        assert one_of_each is not None
        np.testing.assert_array_equal(half, one_of_each.numpy())
    centres, ends = atoms.positions[found.edges]
    vectors = ends - centres + found.shifts @ atoms.cell.array
    assert np.linalg.norm(vectors, axis=1).max(initial=0.0) <= cutoff


def diamond() -> Atoms:
    atoms: Atoms = bulk("C", cubic=True)
    atoms.rattle(0.05, seed=0)
    return atoms


def started(atoms: Atoms) -> VerletList:
    """Return a list of these atoms that has a skin."""
    neighbours = VerletList(SKIN)
    neighbours.of(atoms, CUTOFF)
    atoms.positions += 1e-3
    neighbours.of(atoms, CUTOFF)
    assert neighbours.builds == 2
    return neighbours


@given(
    places=st.lists(st.tuples(*[st.integers(-12, 12)] * 3), min_size=1, max_size=5),
    lengths=st.tuples(*[st.integers(25, 60)] * 3),
    skew=st.integers(-4, 4),
    pbc=st.tuples(*[st.booleans()] * 3),
    steps=st.lists(st.sampled_from([0.0, 0.01, 0.05, 0.2, "wrap", "strain", "turn"]), max_size=12),
    seed=st.integers(0, 1000),
)
def test_walks_in_any_cell(places, lengths, skew, pbc, steps, seed) -> None:
    """Small and skewed cells, several images of one neighbour, slabs, wires and molecules."""
    assume(len({tuple(np.mod(place, 8)) for place in places}) == len(places))
    cell = np.diag(lengths) / 10
    cell[1, 0], cell[2, 1] = skew / 10 * cell[0, 0], -skew / 10 * cell[1, 1]
    atoms = Atoms("C" * len(places), np.array(places) / 8 @ cell, cell=cell, pbc=pbc)
    rng, neighbours = np.random.default_rng(seed), VerletList(SKIN)
    for step in steps:
        match step:
            case "wrap":
                atoms.wrap()
            case "strain":
                atoms.set_cell(atoms.cell.array * (1 + 0.01 * rng.normal()), scale_atoms=True)
            case "turn":
                atoms.pbc = np.roll(atoms.pbc, 1)
            case _:
                atoms.positions += step * rng.normal(size=atoms.positions.shape)
        assert_same_neighbours(neighbours, atoms)


@pytest.mark.parametrize(
    "atoms", [diamond().repeat(3), fcc111("Cu", (3, 3, 3), vacuum=6.0), molecule("C6H6")]
)
def test_long_walks_rarely_rebuild(atoms: Atoms) -> None:
    rng, neighbours = np.random.default_rng(1), VerletList(SKIN)
    home = atoms.positions.copy()
    for _ in range(30):
        atoms.positions = home + rng.uniform(-0.05, 0.05, home.shape)
        assert_same_neighbours(neighbours, atoms, 3.6)
    assert neighbours.builds == 2  # first without a skin
    for _ in range(30):
        atoms.positions += 0.05 * rng.normal(size=home.shape)
        assert_same_neighbours(neighbours, atoms, 3.6)
    assert 5 < neighbours.builds < 30


def test_it_is_rebuilt_when_an_atom_has_moved_by_half_the_skin() -> None:
    atoms = diamond()
    neighbours = started(atoms)
    for total, builds in ((0.19, 2), (0.201, 3)):
        moved = atoms.copy()
        moved.positions[3] += (0.0, total, 0.0)
        assert_same_neighbours(neighbours, moved)
        assert neighbours.builds == builds
    assert_same_neighbours(neighbours, moved)
    assert neighbours.builds == 3


def test_atoms_that_meet_from_afar_are_found() -> None:
    """Each has moved by almost half the skin."""
    atoms = Atoms("C2", [[0, 0, 0], [0, 0, CUTOFF + SKIN - 0.02]])
    neighbours = started(atoms)
    assert not len(neighbours.of(atoms, CUTOFF)[0].shifts)
    atoms.positions[:, 2] += (0.199, -0.199)
    assert len(neighbours.of(atoms, CUTOFF)[0].shifts) == 2
    assert neighbours.builds == 2


def stretch(atoms: Atoms) -> None:
    atoms.set_cell(atoms.cell * 1.001)


def open_up(atoms: Atoms) -> None:
    atoms.pbc = (True, False, True)


def lose_an_atom(atoms: Atoms) -> None:
    del atoms[2]


def cross_over(atoms: Atoms) -> None:
    atoms.positions[1] -= atoms.cell[0]


@pytest.mark.parametrize("change", [stretch, open_up, lose_an_atom, cross_over])
def test_it_is_rebuilt_for_another_structure(change) -> None:
    atoms = diamond()
    neighbours = started(atoms)
    change(atoms)
    assert_same_neighbours(neighbours, atoms)
    assert neighbours.builds == 3


def test_another_cutoff_is_another_list() -> None:
    atoms = diamond()
    neighbours = started(atoms)
    assert_same_neighbours(neighbours, atoms, CUTOFF + 2)
    assert_same_neighbours(neighbours, atoms)
    assert neighbours.builds == 4


def test_other_elements_have_the_same_neighbours() -> None:
    atoms = diamond()
    neighbours = started(atoms)
    atoms.numbers[:3] = 14
    assert_same_neighbours(neighbours, atoms)
    assert neighbours.builds == 2


def test_it_does_not_keep_the_positions_themselves() -> None:
    """Neither those of the atoms nor their cell, which are changed in place."""
    atoms = diamond()
    neighbours = started(atoms)
    atoms.positions[0] += 1.0
    assert_same_neighbours(neighbours, atoms)
    atoms.cell[0] *= 1.1
    assert_same_neighbours(neighbours, atoms)


def test_structures_in_turn_get_no_skin(monkeypatch) -> None:
    """Each would be searched with a skin in vain."""
    searched = []

    def find(positions, cell, pbc, cutoff):
        searched.append(cutoff)
        return find_neighbours(positions, cell, pbc, cutoff)

    monkeypatch.setattr("hub.structures.verlet_list.find_neighbours", find)
    neighbours, first = VerletList(SKIN), diamond()
    second = first.copy()
    second.rattle(0.5, seed=4)
    for _ in range(3):
        assert_same_neighbours(neighbours, first)
        assert_same_neighbours(neighbours, second)
    assert searched == [CUTOFF] * 6


@pytest.mark.parametrize("position", [np.nan, np.inf])
def test_positions_that_are_not_finite_are_refused(position) -> None:
    atoms = diamond()
    neighbours = started(atoms)
    good = atoms.copy()
    atoms.positions[0, 0] = position
    with pytest.raises(DataError, match="not finite"):
        neighbours.of(atoms, CUTOFF)
    assert_same_neighbours(neighbours, good)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda kept: pickle.loads(pickle.dumps(kept))])
def test_a_copy_goes_on_by_itself(copied) -> None:
    atoms = diamond()
    neighbours = started(atoms)
    other = copied(neighbours)
    atoms.positions[0] += 1.0
    assert_same_neighbours(other, atoms)
    assert (neighbours.builds, other.builds) == (2, 3)
    atoms.positions[0] -= 1.0
    assert_same_neighbours(neighbours, atoms)
    assert neighbours.builds == 2
