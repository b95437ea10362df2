"""One comparison of structures, for duplicates, test sets and splits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.structures import StructureSet
from hub.structures.checks import check_structures
from hub.structures.identity import TOLERANCE, is_among, same_as_before
from hub.structures.splits import split_structures
from tests.hub.structures.conftest import copper, labelled


def crystal(seed: int = 0) -> Atoms:
    atoms = bulk("NaCl", "rocksalt", 5.64, cubic=True)
    atoms.set_cell(atoms.cell.array @ [[1, 0.1, 0], [0, 1, 0.2], [0, 0, 1]], scale_atoms=True)
    atoms.rattle(0.1, seed=seed)
    return atoms


def slab() -> Atoms:
    atoms = fcc111("Cu", (2, 2, 3), vacuum=5)
    atoms.rattle(0.1, seed=1)
    return atoms


def ethanol() -> Atoms:
    return molecule("CH3CH2OH")


KINDS = {"crystal": crystal, "slab": slab, "molecule": ethanol}


def are_same(one: Atoms, other: Atoms) -> bool:
    found = is_among(StructureSet.from_atoms([one]), StructureSet.from_atoms([other]))
    return bool(found[0])


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    shift=st.tuples(*[st.floats(-20, 20)] * 3),
    digits=st.integers(4, 12),
)
def test_the_same_through_any_file(kind, seed, shift, digits) -> None:
    """Images, a rigid shift, the order of atoms and rounding change nothing."""
    rng = np.random.default_rng(seed)
    original = KINDS[kind]()
    other = original[rng.permutation(len(original))]
    turns = rng.integers(-3, 4, (len(other), 3)) * other.pbc
    other.positions += turns @ other.cell.array + np.array(shift)
    if rng.random() < 0.5:
        other.wrap()
    other.positions = other.positions.round(digits)
    assert are_same(original, other)
    assert are_same(other, original)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(3.5, 300))
def test_one_atom_that_moved_is_another_structure(kind, seed, size) -> None:
    rng = np.random.default_rng(seed)
    original = KINDS[kind]()
    other = original.copy()
    direction = rng.normal(size=3)
    moved = size * TOLERANCE * direction / np.linalg.norm(direction)
    other.positions[rng.integers(len(other))] += moved
    assert not are_same(original, other)


def test_elements_cells_and_periodicity_count() -> None:
    original = crystal()
    for change in ("element", "cell", "pbc", "less"):
        other = original.copy()
        if change == "element":
            other.numbers[0] = 19
        elif change == "cell":
            other.set_cell(other.cell * 1.002, scale_atoms=True)
        elif change == "pbc":
            other.pbc = [True, True, False]
        else:
            del other[0]
        assert not are_same(original, other)


def test_two_elements_that_change_places_are_another_structure() -> None:
    original = crystal()
    other = original.copy()
    sodium, chlorine = (np.flatnonzero(other.numbers == number)[0] for number in (11, 17))
    other.numbers[[sodium, chlorine]] = 17, 11
    assert not are_same(original, other)


def test_a_box_around_a_molecule_is_no_part_of_it() -> None:
    boxed = ethanol()
    boxed.set_cell([20, 20, 20])
    assert are_same(boxed, ethanol())


def test_the_first_of_each_is_named() -> None:
    frames = [crystal(seed) for seed in range(4)]
    order = [0, 1, 0, 2, 1, 3, 0]
    structures = StructureSet.from_atoms([frames[index] for index in order])
    assert same_as_before(structures).tolist() == [0, 1, 0, 3, 1, 5, 0]


def test_broken_structures_are_themselves() -> None:
    broken = [crystal(), crystal(), Atoms("C2", pbc=True), Atoms("C2", pbc=True)]
    broken[0].positions[0] = np.nan
    broken[1].cell[0, 0] = np.inf
    assert same_as_before(StructureSet.from_atoms(broken)).tolist()[:2] == [0, 1]


def wrapped(atoms: Atoms) -> Atoms:
    other = atoms.copy()
    other.positions += 0.37
    other.wrap()
    other.calc = labelled(other, atoms.get_potential_energy(), atoms.get_forces()).calc
    return other


def test_a_wrapped_test_set_is_recognised_and_not_trained_on() -> None:
    frames = copper(60, rattle=0.3)
    test = StructureSet.from_atoms([wrapped(atoms) for atoms in frames[:20]])
    split = split_structures(StructureSet.from_atoms(frames), test=test)
    assert not set(range(20)) & {*split.train.tolist(), *split.validation.tolist()}
    assert any("20 structures are also in the test set" in note for note in split.notes)


def test_what_occurs_twice_is_on_one_side_of_a_split() -> None:
    frames = copper(40)
    structures = StructureSet.from_atoms([*frames, *[wrapped(atoms) for atoms in frames]])
    split = split_structures(structures, 20)
    used = np.concatenate([split.train, split.validation, split.test]) % 40
    assert len(set(used.tolist())) == len(used) == 40
    assert any("40 structures are duplicates of earlier ones" in note for note in split.notes)


def test_what_is_labelled_for_the_test_is_not_trained_on_under_another_label() -> None:
    frames = copper(20)
    structures = StructureSet.from_atoms([*frames, *[wrapped(atoms) for atoms in frames[:3]]])
    labels = np.array(["train"] * 20 + ["test"] * 3)
    split = split_structures(dataclasses.replace(structures, split_labels=labels))
    assert not {0, 1, 2} & {*split.train.tolist(), *split.validation.tolist()}
    assert split.test.tolist() == [20, 21, 22]
    assert any("3 structures are duplicates of some labelled" in note for note in split.notes)


def test_wrapped_duplicates_are_found_and_contradict_each_other_only_by_their_labels() -> None:
    frames = copper(12)
    again = [wrapped(atoms) for atoms in frames[:2]]
    again[1].calc.results["energy"] += 1.0
    found = {
        item.code: item.structures
        for item in check_structures(StructureSet.from_atoms([*frames, *again]))
    }
    assert found["duplicates"] == [12]
    assert found["contradicting-duplicates"] == [1, 13]


def test_small_displacements_are_no_contradiction() -> None:
    """Finite differences of phonons move single atoms by very little."""
    (equilibrium,) = copper(1)
    frames = []
    for number in range(6):
        atoms = equilibrium.copy()
        atoms.positions[number] += 4e-4
        forces = equilibrium.get_forces().copy()
        forces[number] -= 4e-4 * 20
        frames.append(labelled(atoms, equilibrium.get_potential_energy(), forces))
    codes = [item.code for item in check_structures(StructureSet.from_atoms(frames))]
    assert "contradicting-duplicates" not in codes


def test_many_frames_are_compared_quickly() -> None:
    atoms = bulk("Cu", cubic=True).repeat(3)
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(400):
        moved = atoms.copy()
        moved.positions += 0.05 * rng.normal(size=moved.positions.shape)
        frames.append(moved)
    structures = StructureSet.from_atoms(frames)
    assert same_as_before(structures).tolist() == list(range(400))
