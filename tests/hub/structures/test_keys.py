from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from hub.errors import DataError
from hub.structures import ReadResult, read_structures
from hub.structures.label_names import names_label

if TYPE_CHECKING:
    from pathlib import Path

FORCES = np.arange(6.0).reshape(2, 3)


def read(
    folder: Path,
    energies: dict[str, float],
    forces: dict[str, np.ndarray],
    **options: str,
) -> ReadResult:
    """Write two dimers with these entries as extxyz, and read them."""
    frames = []
    for shift in (0.0, 1.0):
        atoms = Atoms("C2", positions=[[0, 0, 0], [0, 0, 1.3 + shift]])
        results = {}
        for name, value in energies.items():
            (results if name in {"energy", "free_energy"} else atoms.info)[name] = value - shift
        for name, array in forces.items():
            (results if name == "forces" else atoms.arrays)[name] = array + shift
        if results:
            atoms.calc = SinglePointCalculator(atoms, **results)
        frames.append(atoms)
    path = folder / "data.xyz"
    write(path, frames, format="extxyz")
    return read_structures(path, **options)


@pytest.mark.parametrize(
    ("energy", "forces"),
    [
        ("REF_energy", "REF_forces"),
        ("dft_energy", "dft_forces"),
        ("DFT_energy", "DFT_force"),
        ("energy", "forces"),
        ("energy", "force"),
        ("Energy", "Forces"),
        ("total_energy", "forces"),
        ("free_energy", "forces"),
        ("gap17_energy", "gap17_forces"),
        ("REF_energy", "forces"),
        ("pbe-energy", "pbe-forces"),
        ("TotEnergy", "force"),
    ],
)
def test_common_names_are_found(tmp_path: Path, energy: str, forces: str) -> None:
    result = read(tmp_path, {energy: -5.0}, {forces: FORCES})
    assert (result.energy_key, result.forces_key) == (energy, forces)
    np.testing.assert_allclose(result.structures.energies, [-5.0, -6.0])
    np.testing.assert_allclose(result.structures.forces, np.concatenate([FORCES, FORCES + 1]))


@pytest.mark.parametrize(
    "name",
    ["kinetic_energy", "formation_energy", "energy_per_atom", "config_energy_weight", "unit"],
)
def test_what_is_no_total_energy_is_not_taken(name: str) -> None:
    assert not names_label("energy", name)


def test_reference_labels_go_before_others_and_say_so(tmp_path: Path) -> None:
    result = read(
        tmp_path,
        {"energy": -1.0, "REF_energy": -5.0, "mace_energy": -4.9},
        {"forces": -FORCES, "REF_forces": FORCES, "mace_forces": 2 * FORCES},
    )
    assert (result.energy_key, result.forces_key) == ("REF_energy", "REF_forces")
    assert result.structures.energies[0] == -5.0
    assert any("not used" in note and "mace_energy" in note for note in result.notes)


def test_energy_goes_before_free_energy_of_the_same_calculation(tmp_path: Path) -> None:
    result = read(tmp_path, {"energy": -5.0, "free_energy": -5.1}, {"forces": FORCES})
    assert result.structures.energies[0] == -5.0
    assert any("free_energy" in note for note in result.notes)


def test_keys_that_differ_are_ambiguous(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, {"pbe_energy": -5.0, "scan_energy": -7.0}, {"forces": FORCES})
    assert "pbe_energy (2 structures, -6 to -5)" in caught.value.message
    assert "scan_energy (2 structures, -8 to -7)" in caught.value.message
    assert "--energy-key" in caught.value.hint


def test_keys_that_agree_are_not_ambiguous(tmp_path: Path) -> None:
    result = read(tmp_path, {"pbe_energy": -5.0, "energy": -5.0}, {"forces": FORCES})
    assert result.structures.energies[0] == -5.0


def test_a_named_key_brings_its_forces(tmp_path: Path) -> None:
    energies = {"REF_energy": -5.0, "mace_energy": -4.9}
    forces = {"REF_forces": FORCES, "mace_forces": 2 * FORCES}
    result = read(tmp_path, energies, forces, energy_key="mace_energy")
    assert result.forces_key == "mace_forces"
    result = read(tmp_path, energies, forces, forces_key="mace_forces")
    assert result.energy_key == "mace_energy"


def test_any_entry_can_be_named(tmp_path: Path) -> None:
    result = read(
        tmp_path,
        {"E0": -5.0, "energy": -1.0},
        {"f_xyz": FORCES, "forces": -FORCES},
        energy_key="E0",
        forces_key="f_xyz",
    )
    assert result.structures.energies[0] == -5.0
    np.testing.assert_allclose(result.structures.forces[:2], FORCES)


def test_labels_of_two_sources_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="REF_energy have no matching forces"):
        read(tmp_path, {"REF_energy": -5.0}, {"mace_forces": FORCES})


def test_absence_lists_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no energy found.*density.*velo"):
        read(tmp_path, {"density": 1.0}, {"velo": FORCES})
    with pytest.raises(DataError, match=r"no forces found.*REF_energy"):
        read(tmp_path, {"REF_energy": 1.0}, {})
    with pytest.raises(DataError, match=r"under the key 'nope'; found: .*REF_energy"):
        read(tmp_path, {"REF_energy": 1.0}, {"forces": FORCES}, energy_key="nope")


def test_energies_of_atoms_are_no_total_energy(shared: Path) -> None:
    quenched = shared / "upstream" / "nnp-pre-training" / "quenched.extxyz"
    with pytest.raises(DataError, match="no energy found"):
        read_structures(quenched)
    result = read_structures(quenched, require_labels=False)
    assert (result.energy_key, result.forces_key) == ("", "gap17_forces")
    assert np.isnan(result.structures.energies).all()


@pytest.mark.parametrize(
    ("energy", "forces"),
    [
        ("energy_dft", "forces_dft"),
        ("dft-energy", "dft-force"),
        ("energies_pbe", "forces_pbe"),
        ("E", "F"),
        ("E_dft", "F_dft"),
        ("REF_E", "REF_F"),
        ("dftEnergy", "dftForces"),
        ("energy_ref", "forces_ref"),
        ("energy_sigma0", "forces"),
    ],
)
def test_tags_after_the_word_and_short_words(tmp_path: Path, energy: str, forces: str) -> None:
    result = read(tmp_path, {energy: -5.0}, {forces: FORCES})
    assert (result.energy_key, result.forces_key) == (energy, forces)


def two_pairs(folder: Path, **options: str) -> ReadResult:
    return read(
        folder,
        {"energy": -1.0, "energy_dft": -5.0},
        {"forces": -FORCES, "forces_dft": FORCES},
        **options,
    )


def test_two_pairs_are_ambiguous_and_both_are_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        two_pairs(tmp_path)
    for text in (
        "energy_dft (2 structures, -6 to -5) with forces_dft (12 components, 0 to 6)",
        "energy (2 structures, -2 to -1) with forces (12 components, -5 to 1)",
    ):
        assert text in caught.value.message
    assert "--energy-key energy_dft" in caught.value.hint


@pytest.mark.parametrize("named", [{"energy_key": "energy_dft"}, {"forces_key": "forces_dft"}])
def test_a_named_key_finds_its_own_partner(tmp_path: Path, named: dict[str, str]) -> None:
    result = two_pairs(tmp_path, **named)
    assert (result.energy_key, result.forces_key) == ("energy_dft", "forces_dft")
    np.testing.assert_allclose(result.structures.forces[:2], FORCES)


def test_forces_of_another_energy_are_not_borrowed(tmp_path: Path) -> None:
    energies = {"energy": -1.0, "energy_dft": -5.0}
    with pytest.raises(DataError, match="energy_dft have no matching forces"):
        read(tmp_path, energies, {"forces": FORCES}, energy_key="energy_dft")
    with pytest.raises(DataError, match="several entries could be the labels"):
        read(tmp_path, {"energy": -1.0, "REF_energy": -5.0}, {"forces": FORCES})
    # Where both energies are the same, the forces are those of both.
    read(tmp_path, {"energy": -5.0, "REF_energy": -5.0}, {"forces": FORCES})


def test_stress_and_virial_are_those_of_the_tag(tmp_path: Path) -> None:
    rows = "C 0 0 0 0 0 0\nC 0 0 1.4 0 0 0\n"
    (tmp_path / "data.xyz").write_text(
        "2\nProperties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-2 energy=-1 "
        'stress="1 0 0 0 1 0 0 0 1" REF_stress="2 0 0 0 2 0 0 0 2" virial_ref="3 3 3"\n' + rows
    )
    result = read_structures(tmp_path / "data.xyz")
    assert result.stress_keys == ("REF_stress",)  # three numbers are no tensor
    assert np.isnan(result.structures.stresses).all()  # without a cell


def test_energies_of_one_atom_are_no_total_energy(tmp_path: Path) -> None:
    atom = Atoms("C")
    atom.calc = SinglePointCalculator(atom, energies=np.array([-3.0]), energy=-1.0)
    write(tmp_path / "data.traj", atom)
    result = read_structures(tmp_path / "data.traj", require_labels=False)
    assert result.energy_key == "energy"
