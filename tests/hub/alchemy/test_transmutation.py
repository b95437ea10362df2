"""What becomes what, and structures with their labels."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given
from hypothesis import strategies as st

from hub.alchemy.lengths import crystal_distance, first_neighbour_distance, scale_between, scale_to
from hub.alchemy.search import Request
from hub.alchemy.transmutation import (
    Transmutation,
    pair_elements,
    parse_pairs,
    transmute_structures,
)
from hub.errors import AlchemyError
from hub.structures import StructureSet
from registry.documents import fit_whole
from tests.hub.training.conftest import argon, labelled

TO_KRYPTON = Transmutation((("Ar", "Kr"),), 1.3, 0.7)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_scales_are_positive_numbers(scale):
    with pytest.raises(AlchemyError, match="must be a positive number"):
        Transmutation((("C", "Si"),), scale)
    with pytest.raises(AlchemyError, match="the energy scale must be"):
        Transmutation((("C", "Si"),), 1.5, scale)


@pytest.mark.parametrize("symbol", ["Xx", "X", "si", "", "14"])
def test_elements_are_elements(symbol):
    with pytest.raises(AlchemyError, match="is not a chemical element"):
        Transmutation((("C", symbol),), 1.5)


@pytest.mark.parametrize(
    ("text", "old", "pairs"),
    [
        ("C=Si", ("C",), (("C", "Si"),)),
        ("Si=C", ("C",), (("C", "Si"),)),
        ("Si=C,C=C", ("C",), (("C", "Si"), ("C", "C"))),
        ("C=Si,C=C", ("C",), (("C", "Si"), ("C", "C"))),
        ("C=Si, H=Cl", ("C", "H"), (("C", "Si"), ("H", "Cl"))),
        ("Si=C,C=Si", ("C", "Si"), (("Si", "C"), ("C", "Si"))),
        ("C=Si,C=Si", ("C",), (("C", "Si"),)),
    ],
)
def test_pairs_are_read_either_way_round(text, old, pairs):
    assert parse_pairs(text, old) == pairs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C", "'C' is not a pair of elements"),
        ("C=", "'C=' is not a pair"),
        ("=Si", "is not a pair"),
        ("C=Si,,", "'' is not a pair"),
        ("C=Xx", "'Xx' is not a chemical element"),
        ("N=Si", "cannot replace N: the elements are C"),
        ("C=Si=Ge", "not a chemical element"),
    ],
)
def test_what_is_no_pair_is_said(text, message):
    with pytest.raises(AlchemyError, match=message):
        parse_pairs(text, ("C",))


@given(st.text("CSi=,HX ", max_size=12))
def test_any_text_is_pairs_or_refused(text):
    try:
        pairs = parse_pairs(text, ("C", "H"))
    except AlchemyError:
        return
    assert pairs
    assert {old for old, _ in pairs} <= {"C", "H"}


def test_pairing_is_left_to_nobody_where_there_are_several_ways():
    assert pair_elements(("C",), ("Si",)) == (("C", "Si"),)
    with pytest.raises(AlchemyError, match="the mapping of C, H to Si is ambiguous"):
        pair_elements(("C", "H"), ("Si",))
    with pytest.raises(AlchemyError, match="gives Ge, but Si is needed"):
        pair_elements(("C",), ("Si",), "C=Ge")


@pytest.mark.parametrize(
    ("text", "scales"),
    [("auto", (None, None)), ("1.52", (1.52, None)), ("1.52,0.25", (1.52, 0.25))],
)
def test_requests(text, scales):
    request = Request.parse(text)
    assert (request.scale, request.energy_scale) == scales


@pytest.mark.parametrize(
    "text", ["big", "0", "-1", "1.5,0", "nan", "inf", "1,2,3", "", "1.5,", "x,1"]
)
def test_a_request_that_is_none_is_refused(text):
    with pytest.raises(AlchemyError):
        Request.parse(text)


def test_forces_are_the_derivatives_of_the_scaled_energies():
    """Finite differences of eps E(x'/s), with E a smooth pair potential."""
    potential = LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0, smooth=True)
    atoms = labelled(argon(1)[0], potential)

    def energy(scaled_positions):
        image = atoms.copy()
        image.positions = scaled_positions / TO_KRYPTON.scale
        image.calc = potential
        return TO_KRYPTON.energy_scale * image.get_potential_energy()

    scaled = transmute_structures(StructureSet.from_atoms([atoms]), TO_KRYPTON)
    assert scaled.elements == ("Kr",)
    assert scaled.energies[0] == pytest.approx(energy(scaled.positions), rel=1e-12)
    for atom, axis in ((0, 0), (1, 2), (2, 1)):
        moved = np.zeros_like(scaled.positions)
        moved[atom, axis] = 1e-4
        rise = energy(scaled.positions + moved) - energy(scaled.positions - moved)
        assert scaled.forces[atom, axis] == pytest.approx(-rise / 2e-4, rel=1e-6)


def test_stresses_stay_the_derivative_of_the_energy_by_strain():
    potential = LennardJones(sigma=3.4, epsilon=0.0104, rc=5.0)
    (atoms,) = argon(1)
    atoms.calc = potential
    labels = {"energy": atoms.get_potential_energy(), "stress": atoms.get_stress()}
    atoms.calc = SinglePointCalculator(atoms, **labels)
    scaled = transmute_structures(StructureSet.from_atoms([atoms]), TO_KRYPTON)
    image = scaled.to_atoms(0)

    def energy(strain):
        strained = Atoms("Ar4", image.positions, cell=image.cell, pbc=True)
        strained.set_cell(image.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        strained.calc = LennardJones(
            sigma=3.4 * TO_KRYPTON.scale,
            epsilon=0.0104 * TO_KRYPTON.energy_scale,
            rc=5.0 * TO_KRYPTON.scale,
        )
        return strained.get_potential_energy()

    for row, column in ((0, 0), (1, 2)):
        strain = np.zeros((3, 3))
        strain[row, column] = strain[column, row] = 1e-5 if row == column else 0.5e-5
        rise = energy(strain) - energy(-strain)
        stress = rise / 2e-5 / image.get_volume()
        assert scaled.stresses[0, row, column] == pytest.approx(stress, rel=1e-5)


@given(
    scale=st.floats(0.1, 10),
    energy_scale=st.floats(0.01, 100),
)
def test_there_and_back_again(scale, energy_scale):
    before = StructureSet.from_atoms(argon(2))
    there = Transmutation((("Ar", "Kr"),), scale, energy_scale)
    back = transmute_structures(transmute_structures(before, there), there.inverse())
    for name in ("positions", "cells", "energies", "forces"):
        np.testing.assert_allclose(getattr(back, name), getattr(before, name), rtol=1e-12)
    assert back.elements == before.elements
    assert fit_whole(there.to_json(), Transmutation) == there


def test_an_element_that_becomes_nothing_or_two_is_refused():
    structures = StructureSet.from_atoms([bulk("Cu"), bulk("Au")])
    with pytest.raises(AlchemyError, match="no new element given for Au"):
        transmute_structures(structures, Transmutation((("Cu", "Ag"),), 1.0))
    with pytest.raises(AlchemyError, match="Cu is mapped to more than one element"):
        transmute_structures(structures, Transmutation((("Cu", "Ag"), ("Cu", "Au")), 1.0))


def test_lengths():
    assert crystal_distance("C") == pytest.approx(1.546, abs=1e-3)
    assert crystal_distance("Cu") == pytest.approx(3.61 / np.sqrt(2), abs=1e-3)
    assert scale_between([("C", "Si")]) == pytest.approx(1.521, abs=1e-3)
    silicon = StructureSet.from_atoms([bulk("Si")])
    assert first_neighbour_distance(silicon) == pytest.approx(2.351, abs=1e-3)
    assert scale_to(silicon, [("C", "Si")]) == pytest.approx(1.521, abs=1e-3)


def test_atoms_without_neighbours_give_no_length():
    with pytest.raises(AlchemyError, match="has a neighbour within"):
        first_neighbour_distance(StructureSet.from_atoms([bulk("Si", a=30.0)]))
