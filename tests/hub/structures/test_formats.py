"""Files of other programs: read by their content, or refused with what they are and what to do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from ase.units import Bohr, Hartree, kcal, mol

from hub.errors import DataError
from hub.structures import StructureSet, read_structures
from tests.hub.structures.conftest import copper
from tests.hub.structures.test_reading import VASPRUN

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms as AtomsType

CELL = np.array([[6.0, 0, 0], [0.5, 5, 0], [0, 0, 7]])


def waters(count: int = 3) -> list[AtomsType]:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(count):
        atoms = molecule("H2O", cell=CELL, pbc=True)
        atoms.positions = (atoms.positions + 0.05 * rng.normal(size=(3, 3)) + 2).round(6)
        energy, forces = -14 + rng.normal(), rng.normal(size=(3, 3)).round(6)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        frames.append(atoms)
    return frames


def assert_same(read: StructureSet, frames: list[AtomsType], cells: bool = True) -> None:
    expected = StructureSet.from_atoms(frames)
    np.testing.assert_array_equal(read.numbers, expected.numbers)
    np.testing.assert_allclose(read.positions, expected.positions, atol=1e-6)
    np.testing.assert_allclose(read.energies, expected.energies, rtol=1e-7)
    np.testing.assert_allclose(read.forces, expected.forces, atol=1e-5)
    if cells:
        np.testing.assert_allclose(read.cells, expected.cells, atol=1e-6)
        np.testing.assert_array_equal(read.pbc, expected.pbc)


def arrays(frames: list[AtomsType]) -> dict[str, np.ndarray]:
    return {
        "positions": np.array([a.positions for a in frames]),
        "energy": np.array([a.get_potential_energy() for a in frames]),
        "forces": np.array([a.get_forces() for a in frames]),
    }


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
        (b"nothing that anybody knows\n", "has a format"),
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
    with pytest.raises(DataError, match="does not say which elements") as caught:
        read_structures(path)
    assert "out.lammpstrj.elements" in caught.value.hint
    (tmp_path / "out.lammpstrj.elements").write_text("C O\n")
    result = read_structures(path, require_labels=False)
    assert result.structures.elements == ("C", "O")
    assert result.energy_key == ""  # ASE's placeholder is no energy
    (tmp_path / "out.lammpstrj.elements").write_text("C\n")
    with pytest.raises(DataError, match="atoms of type 2, and 1 elements"):
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
    with pytest.raises(DataError, match="configurations of MTP"):
        read_structures(path)
    (tmp_path / "train.cfg.elements").write_text("O, H")
    assert_same(read_structures(path).structures, frames)
    path.write_text(mtp(frames)[:-30])
    with pytest.raises(DataError, match=r"train.cfg\[2\]"):
        read_structures(path)


# DeePMD-kit, NumPy, JSON, CP2K.


def write_deepmd(folder: Path, frames: list[AtomsType], *, periodic: bool = True) -> None:
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("0\n1\n1\n")
    (folder / "type_map.raw").write_text("O H\n")
    named = arrays(frames)
    np.save(folder / "set.000/coord.npy", named["positions"].reshape(len(frames), -1))
    np.save(folder / "set.000/force.npy", named["forces"].reshape(len(frames), -1))
    np.save(folder / "set.000/energy.npy", named["energy"])
    if periodic:
        np.save(folder / "set.000/box.npy", np.array([a.cell.array.ravel() for a in frames]))


def test_deepmd_directories(tmp_path: Path) -> None:
    frames = waters()
    write_deepmd(tmp_path / "data" / "b", frames[:2])
    write_deepmd(tmp_path / "data" / "a", frames[2:])
    assert_same(read_structures(tmp_path / "data" / "b").structures, frames[:2])
    both = read_structures(tmp_path / "data").structures
    assert_same(both, [*frames[2:], *frames[:2]])
    (tmp_path / "data" / "a" / "type_map.raw").unlink()
    with pytest.raises(DataError, match=r"a has no type_map.raw"):
        read_structures(tmp_path / "data" / "a")


def test_deepmd_without_a_cell_must_say_so(tmp_path: Path) -> None:
    write_deepmd(tmp_path / "data", waters(), periodic=False)
    with pytest.raises(DataError, match=r"no set.000/box.npy, and no file nopbc"):
        read_structures(tmp_path / "data")
    (tmp_path / "data" / "nopbc").touch()
    assert not read_structures(tmp_path / "data").structures.pbc.any()


def test_rmd17_is_in_kcal(tmp_path: Path) -> None:
    frames, named = waters(), arrays(waters())
    np.savez(
        tmp_path / "rmd17.npz",
        nuclear_charges=frames[0].numbers,
        coords=named["positions"],
        energies=named["energy"] / (kcal / mol),
        forces=named["forces"] / (kcal / mol),
        old_indices=np.arange(3),
    )
    result = read_structures(tmp_path / "rmd17.npz")
    assert_same(result.structures, frames, cells=False)
    assert any("rMD17 is in kcal/mol" in note for note in result.notes)


def test_archives_of_named_arrays(tmp_path: Path) -> None:
    frames, named = waters(), arrays(waters())
    np.savez(
        tmp_path / "named.npz", Z=[[8, 1, 1]] * 3, R=named["positions"], E=named["energy"],
        F=named["forces"], cell=CELL, pbc=[True] * 3,
    )  # fmt: skip
    result = read_structures(tmp_path / "named.npz")
    assert_same(result.structures, frames)
    assert any("taken as eV" in note for note in result.notes)
    np.savez(tmp_path / "gdml.npz", z=[8, 1, 1], R=named["positions"], E=named["energy"] / Hartree,
             F=named["forces"] / Hartree, e_unit="Ha", r_unit="Ang")  # fmt: skip
    assert_same(read_structures(tmp_path / "gdml.npz").structures, frames, cells=False)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(
        DataError, match=r"without arrays of elements and positions; it has a \(3,\)"
    ):
        read_structures(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", energy=np.array([None, {}], dtype=object))
    with pytest.raises(DataError, match=r"objects.npz is a NumPy archive that holds Python"):
        read_structures(tmp_path / "objects.npz")


def as_pymatgen(atoms: AtomsType) -> dict:
    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "lattice": {"matrix": atoms.cell.tolist(), "pbc": [True] * 3},
        "sites": [
            {"species": [{"element": symbol, "occu": 1}], "abc": [0, 0, 0], "xyz": place.tolist()}
            for symbol, place in zip(atoms.symbols, atoms.positions, strict=True)
        ],
    }


def test_json_of_pymatgen(tmp_path: Path) -> None:
    frames = waters()
    labels = [(a.get_potential_energy(), a.get_forces().tolist()) for a in frames]
    path = tmp_path / "data.json"
    for content in (
        [
            {"structure": as_pymatgen(a), "outputs": {"energy": e, "forces": f}}
            for a, (e, f) in zip(frames, labels, strict=True)
        ],
        {
            f"mp-{i}": {"0": {"structure": as_pymatgen(a), "energy": e, "force": f}}
            for i, (a, (e, f)) in enumerate(zip(frames, labels, strict=True))
        },
        {
            "structures": [as_pymatgen(a) for a in frames],
            "energies": [e for e, _ in labels],
            "forces": [f for _, f in labels],
        },
    ):
        path.write_text(json.dumps(content))
        assert_same(read_structures(path).structures, frames)
    path.write_text(json.dumps(as_pymatgen(frames[0])))
    assert len(read_structures(path, require_labels=False).structures) == 1


def write_cp2k(folder: Path, frames: list[AtomsType]) -> Path:
    for kind in ("pos", "frc"):
        text = ""
        for step, atoms in enumerate(frames):
            rows = atoms.positions if kind == "pos" else atoms.get_forces() / (Hartree / Bohr)
            energy = atoms.get_potential_energy() / Hartree
            text += f"     {len(atoms)}\n i = {step:8d}, time = 0.5, E = {energy:.10f}\n"
            for symbol, row in zip(atoms.symbols, rows, strict=True):
                text += f"  {symbol} " + " ".join(f"{x:.10f}" for x in row) + "\n"
        (folder / f"water-{kind}-1.xyz").write_text(text)
    return folder / "water-pos-1.xyz"


def test_cp2k_trajectories(tmp_path: Path) -> None:
    frames = waters()
    path = write_cp2k(tmp_path, frames)
    with pytest.raises(DataError, match=r"its cell is neither in water-1.cell nor in an input"):
        read_structures(path)
    vectors = [f"      {name} {' '.join(map(str, v))}" for name, v in zip("ABC", CELL, strict=True)]
    (tmp_path / "run.inp").write_text("\n".join(["    &CELL", *vectors, "    &END CELL"]))
    result = read_structures(path)
    assert_same(result.structures, frames)
    assert any("is that of run.inp" in note for note in result.notes)
    rows = [f"{step} 0.5 {' '.join(map(str, CELL.ravel()))} 1.0" for step in range(3)]
    (tmp_path / "water-1.cell").write_text("# Step Time Ax ...\n" + "\n".join(rows) + "\n")
    assert_same(read_structures(path).structures, frames)
    with pytest.raises(DataError, match="holds the forces of a CP2K trajectory"):
        read_structures(tmp_path / "water-frc-1.xyz")
    (tmp_path / "water-frc-1.xyz").unlink()
    assert np.isnan(read_structures(path, require_labels=False).structures.forces).all()


# Outputs that say whether their electronic steps converged.


def test_vasprun_that_reached_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "vasprun.xml"
    limit = VASPRUN.replace("<kpoints>", '<incar><i type="int" name="NELM"> 1</i></incar><kpoints>')
    path.write_text(limit)
    assert read_structures(path).structures.unconverged.tolist() == [True]
    path.write_text(limit.replace(" 1</i></incar>", " 60</i></incar>"))
    assert read_structures(path).structures.unconverged.tolist() == [False]


OUTCAR_FRAME = """{learned}
------------------------------- Iteration {step}(   1)  -----------------------------------
------------------------------- Iteration {step}(   {last})  ------------------------------
------------------------ aborting loop because EDIFF is reached ---------------------------
  VOLUME and BASIS-vectors are now :
 -----------------------------------------------------------------------------
  volume of cell :      125.00
      direct lattice vectors                 reciprocal lattice vectors
     5.000000000  0.000000000  0.000000000     0.200000000  0.000000000  0.000000000
     0.000000000  5.000000000  0.000000000     0.000000000  0.200000000  0.000000000
     0.000000000  0.000000000  5.000000000     0.000000000  0.000000000  0.200000000

 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
      0.00000      0.00000      0.00000         {force}      0.000000      0.000000
      0.00000      0.00000      0.80000        -{force}      0.000000      0.000000
 -----------------------------------------------------------------------------------
    total drift:                                0.000000      0.000000      0.000000

  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  ---------------------------------------------------
  free  energy   TOTEN  =       {energy} eV

  energy  without entropy=      {energy}  energy(sigma->0) =      {energy}
"""
OUTCAR_LEARNED = """
 POSITION                                       TOTAL-FORCE (eV/Angst) (ML)
 -----------------------------------------------------------------------------------
      0.00000      0.00000      0.00000         9.000000      0.000000      0.000000
      0.00000      0.00000      0.90000        -9.000000      0.000000      0.000000
 -----------------------------------------------------------------------------------
    total drift:                                0.000000      0.000000      0.000000

  ML FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  ---------------------------------------------------
  free  energy ML TOTEN  =        -99.00000000 eV

  ML energy  without entropy=      -99.00000000  ML energy(sigma->0) =      -99.00000000
"""
OUTCAR_HEAD = """ vasp.6.3.0 20Jan22 (build Jan 01 2022 00:00:00) complex
 executed on             LinuxIFC date 2022.01.01  00:00:00
 POTCAR:    PAW_PBE H 15Jun2001
 POTCAR:    PAW_PBE H 15Jun2001
   VRHFIN =H: ultrasoft test
   TITEL  = PAW_PBE H 15Jun2001
   ions per type =               2
   k-points   NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=  4
   ISPIN  =      1    spin polarized calculation?
 k-points in reciprocal lattice and weights: Gamma
   0.00000000  0.00000000  0.00000000       1.000
   NELM   =     60;   NELMIN=  2; NELMDL= -5     # of ELM steps
"""


def outcar(lasts: list[int], learned: str = "") -> str:
    return OUTCAR_HEAD + "".join(
        OUTCAR_FRAME.format(
            learned=learned,
            step=f"{step:6d}",
            last=last,
            force="0.100000",
            energy=f"{-6.0 - step:.8f}",
        )
        for step, last in enumerate(lasts, 1)
    )


@pytest.mark.parametrize("name", ["OUTCAR", "relaxation.log"])
def test_outcar_that_reached_its_limit(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(outcar([12, 60, 9]))
    structures = read_structures(tmp_path / name).structures
    assert structures.energies.tolist() == [-7, -8, -9]
    assert structures.unconverged.tolist() == [False, True, False]


def test_steps_of_a_learned_force_field_are_no_labels(tmp_path: Path) -> None:
    (tmp_path / "OUTCAR").write_text(outcar([12, 60], OUTCAR_LEARNED) + OUTCAR_LEARNED)
    result = read_structures(tmp_path / "OUTCAR")
    assert result.structures.energies.tolist() == [-7, -8]
    assert np.abs(result.structures.forces).max() == 0.1
    assert result.structures.unconverged.tolist() == [False, True]
    assert any("3 steps of a machine-learned force field" in note for note in result.notes)


@pytest.mark.parametrize(
    ("file_format", "good", "bad"),
    [
        (
            "espresso-out",
            "     convergence has been achieved in   9 iterations",
            "     convergence NOT achieved after 100 iterations: stopping",
        ),
        (
            "aims-output",
            "  Self-consistency cycle converged.",
            "  Self-consistency cycle not converged.",
        ),
        (
            "cp2k-output",
            "  *** SCF run converged in    11 steps ***",
            " *** WARNING in qs_scf.F:542 :: SCF run NOT converged ***",
        ),
    ],
)
def test_what_codes_say_of_convergence(file_format: str, good: str, bad: str) -> None:
    from hub.structures.annotations import is_unconverged
    from hub.structures.formats.convergence import mark_unconverged

    frames = [Atoms("H") for _ in range(3)]
    mark_unconverged(frames, [bad, "text", good, bad, good], file_format)
    assert [is_unconverged(atoms.info) for atoms in frames] == [False, True, False]


def test_aselmdb(tmp_path: Path) -> None:
    pytest.importorskip("ase_db_backends")
    from ase.db import connect

    frames = waters()
    with connect(str(tmp_path / "data.aselmdb"), type="aselmdb") as database:
        for atoms in frames:
            database.write(atoms)
    assert_same(read_structures(tmp_path / "data.aselmdb").structures, frames)
