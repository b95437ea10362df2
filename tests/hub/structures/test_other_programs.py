"""Files of DeePMD-kit, NumPy, pymatgen, CP2K and ASE's databases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.units import Bohr, Hartree, kcal, mol

from hub.errors import DataError
from hub.structures import read_structures

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms as AtomsType

from tests.hub.structures.waters import CELL, arrays, assert_same, waters


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
    virials = np.array([np.diag([1.0, 2.0, 3.0]) * (1 + number) for number in range(2)])
    np.save(tmp_path / "data" / "b" / "set.000/virial.npy", virials.reshape(2, 9))
    stresses = read_structures(tmp_path / "data" / "b").structures.stresses
    volumes = [atoms.get_volume() for atoms in frames[:2]]
    np.testing.assert_allclose(stresses, -virials / np.array(volumes)[:, None, None])
    both = read_structures(tmp_path / "data").structures
    assert_same(both, [*frames[2:], *frames[:2]])
    (tmp_path / "data" / "a" / "type_map.raw").unlink()
    with pytest.raises(DataError, match=r"a has no type_map.raw"):
        read_structures(tmp_path / "data" / "a")


def test_deepmd_without_a_cell_must_say_so(tmp_path: Path) -> None:
    write_deepmd(tmp_path / "data", waters(), periodic=False)
    with pytest.raises(DataError, match=r"neither set.000/box.npy nor a file nopbc"):
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
    assert any("eV/Å assumed" in note for note in result.notes)
    np.savez(tmp_path / "gdml.npz", z=[8, 1, 1], R=named["positions"], E=named["energy"] / Hartree,
             F=named["forces"] / Hartree, e_unit="Ha", r_unit="Ang")  # fmt: skip
    assert_same(read_structures(tmp_path / "gdml.npz").structures, frames, cells=False)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(
        DataError, match=r"without arrays of elements and positions; found: a \(3,\)"
    ):
        read_structures(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", energy=np.array([None, {}], dtype=object))
    with pytest.raises(DataError, match=r"objects.npz is a NumPy archive that contains Python"):
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
    with pytest.raises(DataError, match=r"without a cell: neither water-1.cell nor an input"):
        read_structures(path)
    vectors = [f"      {name} {' '.join(map(str, v))}" for name, v in zip("ABC", CELL, strict=True)]
    (tmp_path / "run.inp").write_text("\n".join(["    &CELL", *vectors, "    &END CELL"]))
    result = read_structures(path)
    assert_same(result.structures, frames)
    assert any("is taken from run.inp" in note for note in result.notes)
    rows = [f"{step} 0.5 {' '.join(map(str, CELL.ravel()))} 1.0" for step in range(3)]
    (tmp_path / "water-1.cell").write_text("# Step Time Ax ...\n" + "\n".join(rows) + "\n")
    assert_same(read_structures(path).structures, frames)
    with pytest.raises(DataError, match="contains the forces of a CP2K trajectory"):
        read_structures(tmp_path / "water-frc-1.xyz")
    (tmp_path / "water-frc-1.xyz").unlink()
    assert np.isnan(read_structures(path, require_labels=False).structures.forces).all()


def test_aselmdb(tmp_path: Path) -> None:
    pytest.importorskip("ase_db_backends")
    from ase.db import connect

    frames = waters()
    with connect(str(tmp_path / "data.aselmdb"), type="aselmdb") as database:
        for atoms in frames:
            database.write(atoms)
    assert_same(read_structures(tmp_path / "data.aselmdb").structures, frames)
