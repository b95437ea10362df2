"""The surroundings of atoms, in structures where they are known."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene, molecule
from ase.neighborlist import neighbor_list

from hub.structures import StructureSet
from hub.structures.analysis import bonds_title, local_structure, mass_densities


def local(*atoms: Atoms):
    return local_structure(StructureSet.from_atoms(atoms))


def graphite() -> Atoms:
    layer = graphene("C2", a=2.46, vacuum=0)
    cell = layer.cell.array.copy()
    cell[2] = [0, 0, 6.71]
    positions = np.concatenate([layer.positions, layer.positions + np.array([0, 1.42, 3.355])])
    return Atoms("C4", positions=positions, cell=cell, pbc=True)


def alone_at(counts: np.ndarray) -> int:
    """Return the one bin in which everything is."""
    (filled,) = np.flatnonzero(counts)
    return int(filled)


@pytest.mark.parametrize("cubic", [True, False])
def test_diamond(cubic) -> None:
    """Also in the cell of two atoms, whose neighbours are images of themselves."""
    found = local(bulk("C", "diamond", 3.567, cubic=cubic))
    assert found.bond_lengths[0, 0] == pytest.approx(3.567 * np.sqrt(3) / 4)
    assert found.coordination_fractions[0, 4] == 1
    assert alone_at(found.angle_counts[0]) == 109
    g = found.total_radial_distribution
    assert found.distances[np.flatnonzero(g)[:3]] == pytest.approx([1.545, 2.522, 2.958], abs=0.01)


@pytest.mark.parametrize("atoms", [graphene("C2", a=2.46, vacuum=8), graphite()])
def test_graphite_and_graphene(atoms) -> None:
    found = local(atoms.repeat((2, 2, 1)))
    assert found.bond_lengths[0, 0] == pytest.approx(2.46 / np.sqrt(3), rel=1e-6)
    assert found.coordination_fractions[0, 3] == 1
    assert found.angle_distribution[0, 119:121].sum() == 1


def test_densities() -> None:
    set_ = StructureSet.from_atoms(
        [bulk("C", "diamond", 3.567), bulk("Si", "diamond", 5.431), molecule("H2O")]
    )
    assert mass_densities(set_)[:2] == pytest.approx([3.515, 2.329], abs=2e-3)
    assert np.isnan(mass_densities(set_)[2])


def test_an_ideal_gas_has_a_flat_radial_distribution() -> None:
    rng = np.random.default_rng(0)
    gas = [Atoms("C400", positions=rng.random((400, 3)) * 14, cell=[14] * 3, pbc=True)]
    gas += [
        Atoms("C300", positions=rng.random((300, 3)) * 12, cell=[12] * 3, pbc=True)
        for _ in range(4)
    ]
    g = local(*gas).total_radial_distribution
    assert g[150:].mean() == pytest.approx(1, abs=0.02)
    assert g[100:].std() < 0.1


def test_the_radial_distribution_integrates_to_the_number_of_neighbours() -> None:
    atoms = bulk("NaCl", "rocksalt", 5.64, cubic=True).repeat(2)
    atoms.rattle(0.1, seed=1)
    found = local(atoms)
    assert found.elements == ("Cl", "Na")
    shells = 4 / 3 * np.pi * np.diff((np.arange(301) * 0.02) ** 3)
    density = 32 / atoms.get_volume()
    centres, others, distances = neighbor_list("ijd", atoms, 6.0)
    kinds = (atoms.numbers == 11).astype(int)
    for one, other in ((0, 0), (0, 1), (1, 0), (1, 1)):
        within = (distances < 4.0) & (kinds[centres] == one) & (kinds[others] == other)
        around = (found.radial_distribution[one, other] * shells * density)[:200].sum()
        assert around == pytest.approx(within.sum() / 32)


def test_molecules_have_bonds_but_no_radial_distribution() -> None:
    found = local(molecule("CH3CH2OH"), molecule("H2O"))
    assert found.elements == ("C", "H", "O")
    carbon, hydrogen, oxygen = found.coordination_fractions
    assert carbon[4] == hydrogen[1] == oxygen[2] == 1
    assert found.bond_lengths[1, 2] == pytest.approx(0.97, abs=0.01)
    assert np.isnan(found.bond_lengths[1, 1])
    assert np.isnan(found.radial_distribution).all()
    assert 103 <= np.average(found.angles, weights=found.angle_distribution[2]) <= 109
    assert found.coordination.shape == (2, 3, 13)
    assert found.coordination.sum(axis=(1, 2)).tolist() == [9, 3]


def test_a_close_packed_crystal_has_twelve_or_more() -> None:
    assert local(bulk("Cu", cubic=True)).coordination_fractions[0, 12] == 1
    assert [bonds_title(11), bonds_title(12)] == ["11", "≥12"]


def test_what_has_no_neighbour_list_is_left_out() -> None:
    good = bulk("C", "diamond", 3.567, cubic=True)
    blown = good.copy()
    blown.positions[3] = np.nan
    flat = Atoms("C", pbc=True)
    told: list[int] = []
    found = local_structure(
        StructureSet.from_atoms([blown, good, flat, Atoms("C")]),
        progress=lambda done, _: told.append(done),
    )
    assert found.usable.tolist() == [False, True, False, True]
    assert found.coordination.sum(axis=(1, 2)).tolist() == [0, 8, 0, 1]
    assert found.coordination[3, 0, 0] == 1
    assert told == [1, 2]
