from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hub.structures import StructureSet

numbers = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def structures(draw: st.DrawFn) -> Atoms:
    count = draw(st.integers(1, 4))
    atoms = Atoms(
        numbers=draw(arrays(np.int64, count, elements=st.integers(1, 94))),
        positions=draw(arrays(np.float64, (count, 3), elements=numbers)),
        cell=draw(arrays(np.float64, (3, 3), elements=numbers)),
        pbc=draw(arrays(np.bool_, 3)),
    )
    labels = {}
    if draw(st.booleans()):
        labels["energy"] = draw(numbers)
    if draw(st.booleans()):
        labels["forces"] = draw(arrays(np.float64, (count, 3), elements=numbers))
    if labels:
        atoms.calc = SinglePointCalculator(atoms, **labels)
    if draw(st.booleans()):
        atoms.info["config_type"] = draw(st.text("abc_ä", min_size=1))
    if draw(st.booleans()):
        atoms.info["split"] = draw(st.sampled_from(["train", "validation", "test"]))
    return atoms


lists = st.lists(structures(), min_size=1, max_size=5)


def assert_same(one: Atoms, other: Atoms) -> None:
    for name in ("numbers", "positions", "pbc"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.cell.array, other.cell.array)
    assert one.info == other.info
    results, expected = (getattr(atoms.calc, "results", {}) for atoms in (one, other))
    assert results.keys() == expected.keys()
    for key, value in results.items():
        np.testing.assert_array_equal(value, expected[key])


@given(lists)
def test_atoms_survive_the_round_trip(originals: list[Atoms]) -> None:
    flat = StructureSet.from_atoms(originals)
    assert len(flat) == len(originals)
    for index, atoms in enumerate(originals):
        assert_same(flat.to_atoms(index), atoms)
        assert flat.formula(index) == atoms.get_chemical_formula(mode="hill")
    symbols = sorted({symbol for atoms in originals for symbol in atoms.symbols})
    assert list(flat.elements) == symbols
    counts = [[list(atoms.symbols).count(symbol) for symbol in symbols] for atoms in originals]
    assert flat.composition.tolist() == counts


@given(lists, st.data())
def test_select_takes_structures_in_the_order_given(
    originals: list[Atoms], data: st.DataObject
) -> None:
    indices = data.draw(st.lists(st.integers(0, len(originals) - 1)))
    chosen = StructureSet.from_atoms(originals).select(indices)
    assert chosen.frame_index.tolist() == indices
    for position, index in enumerate(indices):
        assert_same(chosen.to_atoms(position), originals[index])
    mask = np.array([index in indices for index in range(len(originals))])
    masked = StructureSet.from_atoms(originals).select(mask)
    assert masked.frame_index.tolist() == sorted(set(indices))


@given(lists, lists)
def test_concatenate_joins_structures_and_sources(one: list[Atoms], other: list[Atoms]) -> None:
    joined = StructureSet.concatenate(
        [
            StructureSet.from_atoms(one, "a.xyz"),
            StructureSet.from_atoms(other, "b.xyz"),
            StructureSet.from_atoms(one, "a.xyz"),
        ]
    )
    for index, atoms in enumerate([*one, *other, *one]):
        assert_same(joined.to_atoms(index), atoms)
    assert joined.sources == ("a.xyz", "b.xyz")
    assert joined.where(len(one)) == "b.xyz[0]"
    assert joined.where(len(joined) - 1) == f"a.xyz[{len(one) - 1}]"


@given(lists)
def test_digest_is_of_the_content_and_not_of_order_or_names(originals: list[Atoms]) -> None:
    digest = StructureSet.from_atoms(originals, "one").digest()
    shuffled = random.Random(1).sample(originals, len(originals))
    assert StructureSet.from_atoms(shuffled, "other").digest() == digest
    assert StructureSet.from_atoms([*originals, originals[0]]).digest() != digest


@pytest.mark.parametrize("name", ["positions", "cells", "energies", "forces"])
def test_digest_sees_the_smallest_change(crystals: StructureSet, name: str) -> None:
    values = getattr(crystals, name).copy()
    values.flat[0] = np.nextafter(values.flat[0], np.inf)
    assert dataclasses.replace(crystals, **{name: values}).digest() != crystals.digest()


def test_digest_knows_one_zero_and_one_nan() -> None:
    zero = Atoms("H", positions=[[0.0, 0.0, 0.0]])
    minus_zero = Atoms("H", positions=[[-0.0, 0.0, -0.0]])
    assert (
        StructureSet.from_atoms([zero]).digest() == StructureSet.from_atoms([minus_zero]).digest()
    )


def test_arrays_that_do_not_fit_together_are_refused(crystals: StructureSet) -> None:
    with pytest.raises(ValueError, match="forces"):
        dataclasses.replace(crystals, forces=crystals.forces[:-1])


def test_a_set_is_shown_in_a_line() -> None:
    structures = StructureSet.from_atoms([Atoms("Cu"), Atoms("OH2")])
    assert repr(structures) == "StructureSet(2 structures, 4 atoms of Cu, H, O)"
