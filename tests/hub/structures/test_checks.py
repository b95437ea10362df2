from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from hub.structures import StructureSet
from hub.structures.checks import Finding, check_structures
from tests.hub.structures.conftest import copper, labelled


def finding(structures: StructureSet, code: str, **options: object) -> Finding:
    """Return the one finding with this code."""
    (found,) = [item for item in check_structures(structures, **options) if item.code == code]
    return found


def codes(structures: StructureSet) -> list[str]:
    return [item.code for item in check_structures(structures)]


def without_forces(*structures: Atoms) -> StructureSet:
    return StructureSet.from_atoms(
        [labelled(atoms, 0.0, np.zeros((len(atoms), 3))) for atoms in structures]
    )


def test_good_structures_have_no_findings(crystals: StructureSet) -> None:
    assert check_structures(crystals, ["Cu"]) == []


def test_no_structures_have_no_findings(crystals: StructureSet) -> None:
    assert check_structures(crystals.select([])) == []


def test_progress_reaches_all(crystals: StructureSet) -> None:
    seen: list[tuple[int, int | None]] = []
    check_structures(crystals.select([0] * 150), progress=lambda *args: seen.append(args))
    assert seen == [(100, 150), (150, 150)]


def test_errors_come_before_warnings(crystals: StructureSet) -> None:
    forces = crystals.forces.copy()
    forces[0, 0] = np.nan
    broken = StructureSet.concatenate([dataclasses.replace(crystals, forces=forces)] * 2)
    severities = [item.severity for item in check_structures(broken)]
    assert severities == sorted(severities)
    assert set(severities) == {"error", "warning"}


def test_elements_that_the_model_does_not_know(crystals: StructureSet) -> None:
    mixed = StructureSet.concatenate([crystals, without_forces(molecule("CH4"))])
    found = finding(mixed, "unknown-elements", model_elements=["C", "Cu"])
    assert (found.severity, found.structures) == ("error", [30])
    assert "not H" in found.message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_labels_that_are_no_numbers(crystals: StructureSet, value: float) -> None:
    energies, forces = crystals.energies.copy(), crystals.forces.copy()
    energies[[3, 7]] = value
    forces[5 * 32 + 31, 2] = value
    broken = dataclasses.replace(crystals, energies=energies, forces=forces)
    assert finding(broken, "missing-energy").structures == [3, 7]
    assert finding(broken, "missing-forces").structures == [5]
    assert finding(broken, "missing-forces").severity == "error"


def test_net_force(crystals: StructureSet) -> None:
    forces = crystals.forces.copy()
    forces[4 * 32 : 5 * 32] += [0.05, 0.0, 0.0]
    found = finding(dataclasses.replace(crystals, forces=forces), "net-force")
    assert (found.severity, found.structures) == ("warning", [4])
    assert "0.05 eV/Å" in found.message


def test_duplicates_with_equal_and_with_different_labels(crystals: StructureSet) -> None:
    again = crystals.select([2, 9])
    found = finding(StructureSet.concatenate([crystals, again]), "duplicates")
    assert (found.severity, found.structures) == ("warning", [30, 31])
    shifted = dataclasses.replace(again, energies=again.energies + np.array([0.0, 1.0]))
    both = StructureSet.concatenate([crystals, shifted])
    assert finding(both, "duplicates").structures == [30]
    found = finding(both, "contradicting-duplicates")
    assert (found.severity, found.structures) == ("error", [9, 31])
    assert "<memory>[9]" in found.message


def test_trajectory_neighbours(crystals: StructureSet) -> None:
    frames = [crystals.to_atoms(0)]
    for _ in range(3):
        moved = frames[-1].copy()
        moved.positions += 0.02 * np.random.default_rng(0).normal(size=(32, 3))
        moved.positions[0] += moved.cell[0]  # a wrap is no movement
        frames.append(labelled(moved, float(len(frames)), np.zeros((32, 3))))
    found = finding(StructureSet.from_atoms(frames), "trajectory-neighbours")
    assert (found.severity, found.structures) == ("warning", [1, 2, 3])


def test_lonely_atoms_but_not_isolated_ones() -> None:
    far = Atoms("C3", positions=[[0, 0, 0], [0, 0, 1.4], [0, 0, 9.0]])
    found = finding(without_forces(far, Atoms("C"), molecule("C6H6")), "lonely-atoms", cutoff=4.0)
    assert (found.severity, found.structures) == ("warning", [0])
    assert found.message.startswith("1 atoms in 1 structures")
    assert "lonely-atoms" not in [
        item.code for item in check_structures(without_forces(far), cutoff=8.0)
    ]


@pytest.mark.parametrize(
    ("distance", "code", "severity"),
    [
        (0.3, "impossible-distances", "error"),
        (0.8, "short-distances", "warning"),
        (0.0, "impossible-distances", "error"),
    ],
)
def test_distances(distance: float, code: str, severity: str) -> None:
    dimer = Atoms("C2", positions=[[0, 0, 0], [0, 0, distance]])
    found = finding(without_forces(molecule("C6H6"), dimer), code)
    assert (found.severity, found.structures) == (severity, [1])


def test_a_short_hydrogen_bond_is_a_distance_like_any_other() -> None:
    assert codes(without_forces(molecule("H2"), molecule("H2O"))) == []


def test_cells_that_cannot_be(crystals: StructureSet) -> None:
    no_cell, flat, tiny, nan = molecule("H2O"), bulk("Cu"), bulk("Cu"), bulk("Cu")
    no_cell.pbc = True
    flat.set_cell([[1, 0, 0], [0, 1, 0], [1, 1, 0]])
    tiny.set_cell(0.1 * tiny.cell, scale_atoms=True)
    nan.positions[0, 1] = np.nan
    broken = StructureSet.concatenate([without_forces(no_cell, flat, tiny, nan), crystals])
    cells = [item for item in check_structures(broken) if item.code == "cell"]
    assert [item.structures for item in cells] == [[0, 1], [2]]
    assert finding(broken, "positions").structures == [3]


@pytest.mark.parametrize("distance", [2e5, 1e9])
def test_atoms_scattered_over_open_space(crystals: StructureSet, distance: float) -> None:
    scattered = Atoms("Cu2", positions=[[0, 0, 0], [0, distance, 0]])
    both = StructureSet.concatenate([without_forces(scattered), crystals])
    assert finding(both, "positions").structures == [0]
    last = StructureSet.concatenate([crystals, without_forces(scattered)])
    assert finding(last, "positions").structures == [len(crystals)]


def test_surfaces_and_molecules_need_no_full_cell() -> None:
    surface = fcc111("Cu", (2, 2, 3))
    assert surface.pbc.tolist() == [True, True, False]
    assert not surface.cell[2].any()
    assert codes(without_forces(surface, molecule("CH4"))) == []


def test_energy_outliers(crystals: StructureSet) -> None:
    energies = crystals.energies.copy()
    energies[11] += 32 * 2.0
    found = finding(dataclasses.replace(crystals, energies=energies), "energy-outliers")
    assert (found.severity, found.structures) == ("warning", [11])


@pytest.mark.parametrize("moved", [5, 15, 25])
def test_mixed_references(crystals: StructureSet, moved: int) -> None:
    energies = crystals.energies - 32 * 3.5 * (np.arange(30) < moved)
    found = finding(dataclasses.replace(crystals, energies=energies), "mixed-references")
    assert found.severity == "error"
    expected = range(moved) if moved <= 15 else range(moved, 30)
    assert len(found.structures) == len(expected)
    if moved != 15:
        assert found.structures == list(expected)
    assert "3." in found.message


def test_dimers_and_bulk_are_no_mixture(crystals: StructureSet) -> None:
    rng = np.random.default_rng(0)
    dimers = [
        labelled(Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 2.2 + 0.05 * i]]), 4.0, np.zeros((2, 3)))
        for i in rng.normal(size=10)
    ]
    both = StructureSet.concatenate([crystals, StructureSet.from_atoms(dimers)])
    assert "mixed-references" not in codes(both)


def test_an_isolated_atom_is_no_outlier(crystals: StructureSet) -> None:
    atom = labelled(Atoms("Cu"), 100.0, np.zeros((1, 3)))
    assert codes(StructureSet.concatenate([crystals, StructureSet.from_atoms([atom])])) == []


@pytest.mark.slow
def test_many_copper_crystals_are_quick() -> None:
    structures = StructureSet.from_atoms(copper(20)).select(np.arange(2000) % 20)
    assert set(codes(structures)) == {"duplicates"}
