"""Content tells a format before the name does; what is not read is named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.io import write

from hub.errors import DataError
from hub.structures import read_structures
from tests.hub.structures.conftest import copper

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms as AtomsType

from tests.hub.structures.waters import assert_same, waters

# Content before the name, and archives.


@pytest.mark.parametrize("name", ["data.in", "POSCAR", "data.out", "OUTCAR", "data", "data.cif"])
def test_extxyz_under_any_name(tmp_path: Path, name: str) -> None:
    frames = copper(2)
    write(tmp_path / name, frames, format="extxyz")
    assert_same(read_structures(tmp_path / name).structures, frames)


@pytest.mark.parametrize("name", ["vasprun.xml", "run.out", "result.xyz.bak"])
def test_a_database_and_a_trajectory_under_any_name(tmp_path: Path, name: str) -> None:
    frames = copper(2)
    for kind in ("traj", "db"):
        write(tmp_path / f"data.{kind}", frames)
        shutil.move(tmp_path / f"data.{kind}", tmp_path / name)
        assert_same(read_structures(tmp_path / name).structures, frames)


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
@pytest.mark.parametrize("inner", ["data.xyz", "data.traj"])
def test_archives_of_one_file(tmp_path: Path, ending: str, inner: str) -> None:
    frames = copper(2)
    write(tmp_path / inner, frames)
    content = (tmp_path / inner).read_bytes()
    packed = tmp_path / f"{inner}.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(f"folder/{inner}", content)
    else:
        packing = {"gz": gzip, "bz2": bz2, "xz": lzma}[ending]
        packed.write_bytes(packing.compress(content))
    assert_same(read_structures(packed).structures, frames)
    renamed = tmp_path / "something"
    shutil.move(packed, renamed)
    assert_same(read_structures(renamed).structures, frames)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"\x80\x04\x95" + bytes(50), "pickle"),
        (b"PAR1" + bytes(50), "Parquet"),
        (b'{"a": [1, 2]}', "JSON"),
        (b"nothing that anybody knows\n", "has an unknown format"),
        (b"LAMMPS data\n\n 4 atoms\n 2 atom types\n", "LAMMPS data file"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "data.abc"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_structures(path)
    assert said in caught.value.message
    assert "data.abc" in caught.value.message
    assert caught.value.hint


def test_a_name_that_is_part_of_a_word_of_the_message_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f").write_text("nothing that anybody knows\n")
    with pytest.raises(DataError, match=r"^f has an unknown format"):
        read_structures("f")


def test_a_zip_of_several_files_names_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("one.xyz", "1\n\nH 0 0 0\n")
        archive.writestr("two.xyz", "1\n\nH 0 0 0\n")
    with pytest.raises(DataError, match=r"data.zip is a zip archive of 2 files: one.xyz, two.xyz"):
        read_structures(tmp_path / "data.zip")


# LAMMPS and MTP, whose elements are numbers.


def write_dump(path: Path, columns: str, rows: list[str]) -> None:
    path.write_text(
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
        f"ITEM: ATOMS {columns}\n" + "\n".join(rows) + "\n"
    )


def test_a_dump_without_elements_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.lammpstrj"
    write_dump(path, "id type x y z fx fy fz", ["1 1 0 0 0 .1 0 0", "2 2 1 0 0 -.1 0 0"])
    with pytest.raises(DataError, match="without the elements of its atoms") as caught:
        read_structures(path)
    assert "out.lammpstrj.elements" in caught.value.hint
    (tmp_path / "out.lammpstrj.elements").write_text("C O\n")
    result = read_structures(path, require_labels=False)
    assert result.structures.elements == ("C", "O")
    assert result.energy_key == ""  # ASE's placeholder is no energy
    (tmp_path / "out.lammpstrj.elements").write_text("C\n")
    with pytest.raises(DataError, match="atoms of type 2, but only 1 elements"):
        read_structures(path)


def test_a_dump_with_elements_has_no_energy(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    write_dump(path, "id element x y z fx fy fz", ["1 C 0 0 0 .1 0 0", "2 O 1 0 0 -.1 0 0"])
    with pytest.raises(DataError, match="no energy found"):
        read_structures(path)
    assert read_structures(path, require_labels=False).structures.elements == ("C", "O")


def mtp(frames: list[AtomsType]) -> str:
    text = ""
    for atoms in frames:
        rows = "\n".join(
            f" {i + 1} {int(n == 1)} {' '.join(map(str, [*p, *f]))}"
            for i, (n, p, f) in enumerate(
                zip(atoms.numbers, atoms.positions, atoms.get_forces(), strict=True)
            )
        )
        cell = "\n".join(" ".join(map(str, vector)) for vector in atoms.cell.array)
        text += (
            f"BEGIN_CFG\n Size\n {len(atoms)}\n Supercell\n{cell}\n AtomData:  id type cartes_x "
            f"cartes_y cartes_z fx fy fz\n{rows}\n Energy\n {atoms.get_potential_energy()}\n "
            "PlusStress: xx yy zz yz xz xy\n 1 2 3 4 5 6\n Feature EFS_by VASP\nEND_CFG\n\n"
        )
    return text


def test_mtp_configurations(tmp_path: Path) -> None:
    frames = waters()
    path = tmp_path / "train.cfg"
    path.write_text(mtp(frames))
    with pytest.raises(DataError, match="MTP configurations"):
        read_structures(path)
    (tmp_path / "train.cfg.elements").write_text("O, H")
    found = read_structures(path)
    assert_same(found.structures, frames)
    # PlusStress is a virial in eV, of these components: -V times the stress.
    virial = np.array([[1, 6, 5], [6, 2, 4], [5, 4, 3]])
    expected = [-virial / atoms.get_volume() for atoms in frames]
    np.testing.assert_allclose(found.structures.stresses, expected)
    path.write_text(mtp(frames)[:-30])
    with pytest.raises(DataError, match=r"train.cfg\[2\]"):
        read_structures(path)
