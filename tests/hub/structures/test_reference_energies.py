from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import DataError
from hub.structures import StructureSet, read_structures
from hub.structures.reference_energies import (
    fit_energy_shift,
    fit_reference_energies,
    isolated_atoms,
)
from tests.hub.structures.conftest import labelled

if TYPE_CHECKING:
    from pathlib import Path

TRUE = {"C": -150.0, "H": -14.0, "O": -430.0}


def molecules(formulas: list[str], noise: float = 0.0, seed: int = 0) -> StructureSet:
    rng = np.random.default_rng(seed)
    structures = []
    for formula in formulas:
        atoms = Atoms(formula)
        atoms.positions = 2 * rng.normal(size=(len(atoms), 3))
        energy = sum(TRUE[symbol] for symbol in atoms.symbols) + noise * rng.normal() * len(atoms)
        structures.append(labelled(atoms, energy, np.zeros((len(atoms), 3))))
    return StructureSet.from_atoms(structures)


def shifted(structures: StructureSet, where: list[int], shift: float) -> StructureSet:
    structures.energies[where] += shift
    return structures


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)).filter(
            lambda counts: sum(counts) > 1
        ),
        min_size=1,
        max_size=8,
    )
)
def test_exact_energies_are_reproduced_even_where_not_determined(
    counts: list[tuple[int, int, int]],
) -> None:
    formulas = [
        "".join(f"{symbol}{n}" for symbol, n in zip("CHO", numbers, strict=True) if n)
        for numbers in counts
    ]
    structures = molecules(formulas)
    references = fit_reference_energies(structures)
    assert references.method == "robust fit"
    assert list(references.energies) == list(structures.elements)
    np.testing.assert_allclose(references.of(structures), structures.energies, atol=1e-2)
    rank = np.linalg.matrix_rank(structures.composition)
    assert bool(references.notes) == (rank < len(structures.elements))


def test_determined_elements_are_found_despite_outliers() -> None:
    formulas = ["CH4", "H2O", "CO2", "C2H6", "CH4O", "C6H6", "H2O2", "C2H2", "CO", "C3H8"] * 5
    structures = shifted(molecules(formulas, noise=0.01), [3, 14, 27, 41], 500.0)
    references = fit_reference_energies(structures)
    for symbol, energy in TRUE.items():
        assert references.energies[symbol] == pytest.approx(energy, abs=0.1)
    assert references.notes == []


def test_a_fixed_composition_is_said_and_shared_equally() -> None:
    references = fit_reference_energies(molecules(["CO2", "C2O4", "C3O6"]))
    assert references.energies["C"] == pytest.approx(references.energies["O"], rel=1e-6)
    assert 3 * references.energies["C"] == pytest.approx(TRUE["C"] + 2 * TRUE["O"], rel=1e-6)
    assert "do not determine C, O" in references.notes[0]


def test_isolated_atoms_are_taken_where_present() -> None:
    structures = molecules(["C", "CH4", "C2H6", "CH4"], noise=0.5)
    references = fit_reference_energies(structures)
    assert references.energies["C"] == structures.energies[0]
    assert references.energies["H"] == pytest.approx(-14.0, abs=2.0)
    assert references.method == "isolated atoms (C) and robust fit"
    all_isolated = fit_reference_energies(molecules(["C", "H", "CH4"]))
    assert all_isolated.method == "isolated atoms"
    assert all_isolated.energies == {"C": -150.0, "H": -14.0}


def test_isolated_atoms_that_differ_are_said() -> None:
    references = fit_reference_energies(shifted(molecules(["C", "C", "C"]), [2], 1.0))
    assert references.energies == {"C": -150.0}
    assert "differ by 1.000 eV" in references.notes[0]


def test_a_primitive_cell_is_no_isolated_atom() -> None:
    crystal = Atoms("C", cell=[2.5, 2.5, 2.5], pbc=True)
    box = Atoms("C", cell=[10, 10, 10], pbc=True)
    slab = Atoms("C", cell=[10, 10, 2.5], pbc=[True, True, False])
    structures = StructureSet.from_atoms([crystal, box, slab, Atoms("C"), Atoms("C2")])
    assert isolated_atoms(structures).tolist() == [False, True, True, True, False]


def test_real_files(shared: Path) -> None:
    carbon = read_structures(shared / "data" / "carbon-dft-amorphous-train.extxyz").structures
    per_atom = carbon.energies / carbon.n_atoms
    assert fit_reference_energies(carbon).energies["C"] == pytest.approx(np.median(per_atom))
    silicon = read_structures(shared / "data" / "mlearn_Si_training.extxyz").structures
    assert fit_reference_energies(silicon).energies["Si"] == pytest.approx(-5.3, abs=0.1)


def test_the_shift_between_two_zeros() -> None:
    structures = molecules(["CH4", "H2O", "CO2", "C2H6", "C6H6"] * 4)
    per_element = {"C": 148.0, "H": 13.0, "O": 428.0}
    moved = structures.composition @ [per_element[symbol] for symbol in structures.elements]
    predictions = structures.energies + moved
    predictions[3] += 40.0  # a structure that the model gets wrong
    structures.energies[7] = np.nan
    shift = fit_energy_shift(structures, predictions)
    for symbol, value in per_element.items():
        assert shift.energies[symbol] == pytest.approx(-value, abs=1e-3)


def test_the_shift_of_one_element_is_the_median() -> None:
    structures = molecules(["C2", "C3", "C4"])
    predictions = structures.energies - structures.n_atoms * [1.0, 1.2, 9.0]
    assert fit_energy_shift(structures, predictions).energies["C"] == pytest.approx(1.2)


def test_without_energies_there_is_nothing_to_fit() -> None:
    structures = StructureSet.from_atoms([Atoms("C2")])
    with pytest.raises(DataError, match="no structure has an energy"):
        fit_reference_energies(structures)
    with pytest.raises(DataError, match="no structure has an energy"):
        fit_energy_shift(structures, np.zeros(1))
    with pytest.raises(DataError, match="no reference energy for H"):
        fit_reference_energies(molecules(["CO"])).of(molecules(["CH4"]))
