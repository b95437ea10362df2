"""Ordinary frames of extended XYZ are read as ASE reads them; others are left to ASE."""

from __future__ import annotations

from io import StringIO
from typing import Any

import numpy as np
import pytest
from ase.io.extxyz import read_xyz
from hypothesis import given
from hypothesis import strategies as st

from hub.structures.formats.plain_xyz import read_ordinary

COLUMNS = "Properties=species:S:1:pos:R:3"
ROWS = ["C 0.0 0 -1e-3\n", "si 1.25 1.5E0 2\n"]
FORCES = ["C 0 0 0 1 2 3\n", "Si\t1 1 1 -4 5.5 nan\n"]
LATTICE = 'Lattice="5 0 0 0 6 0 0.5 0 7"'


def same(one: Any, other: Any) -> bool:
    """Whether two entries have the same type and value."""
    if isinstance(one, np.ndarray):
        equal = np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        return equal and one.dtype == other.dtype
    return type(one) is type(other) and one == other


def same_entries(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return list(one) == list(other) and all(same(one[name], other[name]) for name in one)


def agrees(comment: str, rows: list[str]) -> bool:
    """Whether a frame is read here; if so, it must be what ASE reads."""
    found = read_ordinary(comment, rows)
    if found is None:
        return False
    atoms = next(read_xyz(StringIO(f"{len(rows)}\n{comment}\n{''.join(rows)}"), index=0))
    assert same_entries(found.arrays, atoms.arrays)
    assert same_entries(found.info, atoms.info)
    assert np.array_equal(found.cell.array, atoms.cell.array)
    assert np.array_equal(found.pbc, atoms.pbc)
    assert type(found.calc) is type(atoms.calc)
    assert same_entries(
        getattr(found.calc, "results", {}), dict(getattr(atoms.calc, "results", {}))
    )
    return True


@pytest.mark.parametrize(
    "comment",
    [
        "",
        COLUMNS,
        f'{LATTICE} {COLUMNS} energy=-1.5 pbc="T T F"',
        f"{LATTICE} {COLUMNS} energy=-3 free_energy=2e-3 config_type=melt_1 n=7",
        f'{COLUMNS} stress="1 2 3 2 4 5 3 5 6" virial="1 2 3 4 5 6 7 8 9.5" energy=0',
        f'{COLUMNS} name="two words" list="1 2 3" reals="1.0,2.5, 3" big=123456789012345678',
        f'  {COLUMNS}   REF_energy=1.0 energy_sigma0=2 key-1=a:b/c forces=3 pbc="F F F"  ',
    ],
)
def test_ordinary_headers_are_read(comment) -> None:
    assert agrees(comment, ROWS)


@pytest.mark.parametrize(
    "columns",
    [
        "species:S:1:pos:R:3:forces:R:3",
        "species:S:1:pos:R:3:REF_forces:R:3",
        "species:S:1:pos:R:3:a:R:1:b:R:2",
    ],
)
def test_ordinary_columns_are_read(columns) -> None:
    assert agrees(f"Properties={columns} energy=1", FORCES)


def test_whole_numbers_are_read() -> None:
    rows = ["C 3 0 0 0 1 2\n", "H -4 1 1 1 7 8\n"]
    assert agrees("Properties=species:S:1:kind:I:1:pos:R:3:pair:I:2", rows)


@pytest.mark.parametrize(
    "comment",
    [
        "a comment",
        f"{COLUMNS} flag",
        f"{COLUMNS} relaxed=T",
        f'{COLUMNS} flags="F T"',
        f"{COLUMNS} energy=1 energy=2",
        f"{COLUMNS} energy=nan",
        f"{COLUMNS} lattice=5",
        f'{COLUMNS} stress="1 2 3"',
        f'{COLUMNS} note="a=\\"b\\""',
        f"{COLUMNS} pbc=T",
        f'{COLUMNS} data="_JSON [1]"',
        f"{COLUMNS} magmom=1.0",
        f"{COLUMNS} cell=[[1,0,0],[0,1,0],[0,0,1]]",
        "Properties=species:S:1:pos:R:3:move_mask:L:1",
        "Properties=species:S:1:pos:R:3:charge:R:1",
        "Properties=Z:I:1:pos:R:3",
        "Properties=species:S:1:pos:R:2",
        "Properties=species:S:1:pos:R:3:pos:R:3",
        "Properties=species:S:1:pos",
    ],
)
def test_other_headers_are_left_to_ase(comment) -> None:
    assert read_ordinary(comment, ROWS) is None


@pytest.mark.parametrize(
    "rows",
    [
        [],
        ["C 0 0\n", "C 1 1 1\n"],
        ["C 0 0 0 C\n", "1 1 1\n"],
        ["C 0 0 0 7\n", "C 1 1 1 7\n"],
        ["C 0 0 0 C 1 1 1\n", "\n"],
        ["Xx 0 0 0\n", "C 1 1 1\n"],
        ["D 0 0 0\n", "C 1 1 1\n"],
        ["C 0 0 zero\n", "C 1 1 1\n"],
    ],
)
def test_other_rows_are_left_to_ase(rows) -> None:
    assert read_ordinary(COLUMNS, rows) is None


@given(
    st.dictionaries(
        st.sampled_from(["energy", "a", "stress", "virial", "config_type", "T", "uid", "dipole"]),
        st.one_of(
            st.text("T0 1.5eE+-,naif_xF", max_size=9).map(lambda text: f'"{text}"'),
            st.text("T01.5eE+-,naif_xF", min_size=1, max_size=9),
            st.lists(st.floats(), min_size=9, max_size=9).map(
                lambda values: f'"{" ".join(map(str, values))}"'
            ),
        ),
    )
)
def test_whatever_is_read_is_what_ase_reads(entries) -> None:
    agrees(" ".join([COLUMNS, *(f"{name}={value}" for name, value in entries.items())]), ROWS)
