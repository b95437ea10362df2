"""Headers of extended XYZ as people write them: read rightly, or refused by name."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.units import Bohr, Hartree, kcal, mol
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import DataError
from hub.structures import read_structures
from hub.structures.formats.extxyz import iterate_extxyz

if TYPE_CHECKING:
    from pathlib import Path

    from hub.structures import ReadResult

CELL = "4 0 0 0.5 5 0 0 0 6"
ROWS = "C 0 0 0 0.1 0.2 0.3\nC 0 0 1.4 -0.1 -0.2 -0.3\n"
COLUMNS = "Properties=species:S:1:pos:R:3:forces:R:3"


def read(folder: Path, header: str, rows: str = ROWS, **options: str) -> ReadResult:
    path = folder / "data.xyz"
    path.write_text(f"2\n{header}\n{rows}")
    return read_structures(path, **options)


def only(header: str, rows: str = ROWS):
    (atoms,) = iterate_extxyz(StringIO(f"2\n{header}\n{rows}"))
    return atoms


@pytest.mark.parametrize("key", ["Lattice", "lattice", "LATTICE", "cell", "Cell", "unit_cell"])
@pytest.mark.parametrize(
    "value", [f'"{CELL}"', f"{{{CELL}}}", "[[4,0,0],[0.5,5,0],[0,0,6]]", f"'{CELL}'"]
)
def test_the_cell_is_read_however_it_is_spelt(key: str, value: str) -> None:
    atoms = only(f"{key}={value} {COLUMNS} energy=-3")
    np.testing.assert_array_equal(atoms.cell.array, [[4, 0, 0], [0.5, 5, 0], [0, 0, 6]])
    assert atoms.pbc.all()
    assert atoms.calc.results["energy"] == -3


@pytest.mark.parametrize("key", ["pbc", "PBC", "Pbc", "periodic"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("FFF", "FFF"),
        ("TTF", "TTF"),
        ('"T T F"', "TTF"),
        ('"1 0 0"', "TFF"),
        ('"True, true, FALSE"', "TTF"),
        ("[T,F,T]", "TFT"),
        ("F", "FFF"),
        ("true", "TTT"),
        ("011", "FTT"),
    ],
)
def test_the_periodicity_is_read_however_it_is_spelt(key: str, value: str, expected: str) -> None:
    atoms = only(f'Lattice="{CELL}" {key}={value} {COLUMNS}')
    assert atoms.pbc.tolist() == [letter == "T" for letter in expected]


@pytest.mark.parametrize("key", ["Properties", "properties", "PROPERTIES"])
@pytest.mark.parametrize(
    ("species", "pos"), [("Species", "Pos"), ("symbols", "positions"), ("element", "coords")]
)
def test_columns_are_found_however_they_are_spelt(key: str, species: str, pos: str) -> None:
    atoms = only(f"{key}={species}:S:1:{pos}:R:3:forces:R:3")
    assert atoms.get_chemical_symbols() == ["C", "C"]
    assert atoms.positions[1].tolist() == [0, 0, 1.4]


def test_numbers_may_stand_for_elements() -> None:
    rows = ROWS.replace("C", "6")
    assert only("Properties=species:I:1:pos:R:3:forces:R:3", rows).numbers.tolist() == [6, 6]
    assert only("Properties=Z:I:1:pos:R:3:forces:R:3", rows).numbers.tolist() == [6, 6]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("energy=-1 energy=-2", "the key energy twice"),
        (f'Lattice="{CELL}" lattice="{CELL}"', "Lattice more than once: Lattice, lattice"),
        ("pbc=F PBC=T", "pbc more than once"),
        ('lattice="1 2 3"', "lattice='1 2 3'"),
        ('cell="4 5 6"', "cell='4 5 6'"),
        ("pbc=maybe", "pbc='maybe'"),
        ("pbc=TTTT", "pbc='TTTT'"),
        ("Properties=pos:R:3:forces:R:3", "no column of elements"),
        ("Properties=species:S:1:velo:R:3:forces:R:3", "no column of positions"),
        ("Properties=species:S:1:pos:R:3:pos:R:3", "the columns pos twice"),
        ("Properties=species:S:1:pos", "Properties='species:S:1:pos'"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(tmp_path, header: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, header)
    assert said in caught.value.message
    assert "data.xyz" in caught.value.message
    assert caught.value.hint


def test_the_structure_that_is_wrong_is_named(tmp_path) -> None:
    path = tmp_path / "data.xyz"
    good = f"2\n{COLUMNS} energy=-1\n{ROWS}"
    path.write_text(good * 3 + f"2\n{COLUMNS} pbc=maybe\n{ROWS}")
    with pytest.raises(DataError, match=r"data.xyz\[3\] has the entry pbc='maybe'"):
        read_structures(path)


@pytest.mark.parametrize(("symbol", "said"), [("D", "deuterium"), ("T", "tritium"), ("Xx", "Xx")])
def test_what_is_no_element_is_named(tmp_path, symbol: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path, COLUMNS, ROWS.replace("C", symbol))


@given(
    st.text(st.characters(codec="ascii", exclude_characters="\n\r\v\f\x1c\x1d\x1e\0"), max_size=80)
)
def test_any_comment_is_read_or_refused(comment: str) -> None:
    """Whatever stands in the comment, no other structure comes out of it."""
    try:
        atoms = only(comment, ROWS)
    except (DataError, ValueError, OSError, TypeError, IndexError, AttributeError):
        return
    assert len(atoms) == 2


ENERGY_UNITS = {"hartree": Hartree, "Ha": Hartree, "eV": 1.0, "kcal/mol": kcal / mol, "meV": 1e-3}
FORCE_UNITS = {
    "hartree/bohr": Hartree / Bohr,
    "eV/Angstrom": 1.0,
    "kcal/mol/ang": kcal / mol,
    "Ha Bohr^-1": None,
}


@pytest.mark.parametrize("unit", ENERGY_UNITS)
@pytest.mark.parametrize("key", ["energy-unit", "energy_unit", "energy_units", "Energy-Unit"])
def test_a_declared_unit_of_energies_is_honoured(tmp_path, key: str, unit: str) -> None:
    result = read(tmp_path, f'{COLUMNS} energy=-2 {key}="{unit}"')
    assert result.structures.energies[0] == pytest.approx(-2 * ENERGY_UNITS[unit], rel=1e-6)
    assert result.structures.forces[0].tolist() == [0.1, 0.2, 0.3]
    said = [note for note in result.notes if "converted" in note]
    assert bool(said) == (ENERGY_UNITS[unit] != 1)


@pytest.mark.parametrize("unit", FORCE_UNITS)
def test_a_declared_unit_of_forces_is_honoured_or_refused(tmp_path, unit: str) -> None:
    header = f'{COLUMNS} energy=-2 force-unit="{unit}"'
    if FORCE_UNITS[unit] is None:
        with pytest.raises(DataError, match="force-unit declares"):
            read(tmp_path, header)
        return
    forces = read(tmp_path, header).structures.forces
    np.testing.assert_allclose(forces[0], np.array([0.1, 0.2, 0.3]) * FORCE_UNITS[unit], rtol=1e-6)


def test_one_unit_may_stand_for_all(tmp_path) -> None:
    read_ = read(tmp_path, f'{COLUMNS} energy=-2 units="atomic"').structures
    assert read_.energies[0] == pytest.approx(-2 * Hartree)
    assert read_.forces[0, 0] == pytest.approx(0.1 * Hartree / Bohr)


def test_a_unit_is_that_of_its_own_tag(tmp_path) -> None:
    header = f"{COLUMNS} energy=-50 ref_energy=-2 ref_energy_unit=hartree"
    result = read(tmp_path, header, energy_key="energy")
    assert result.structures.energies.tolist() == [-50]
    result = read(tmp_path, header, energy_key="ref_energy", forces_key="forces")
    assert result.structures.energies[0] == pytest.approx(-2 * Hartree)


@pytest.mark.parametrize(
    "entry", ["energy-unit=furlong", "energy-unit=eV/atom", "length_unit=bohr", "unit=hartree"]
)
def test_a_unit_that_cannot_be_honoured_is_refused(tmp_path, entry: str) -> None:
    with pytest.raises(DataError, match=entry.split("=", maxsplit=1)[0]):
        read(tmp_path, f"{COLUMNS} energy=-2 {entry}")
