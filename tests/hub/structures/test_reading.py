from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import DataError
from hub.structures import StructureSet, read_structures
from tests.hub.structures.conftest import copper, labelled

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "carbon-dft-amorphous-train.extxyz": (384, "REF_energy", "REF_forces"),
    "carbon-dft-amorphous-test.extxyz": (100, "REF_energy", "REF_forces"),
    "carbon-dft-defects-train.extxyz": (100, "REF_energy", "REF_forces"),
    "carbon-dft-defects-test.extxyz": (60, "REF_energy", "REF_forces"),
    "mlearn_Si_training.extxyz": (214, "dft_energy", "dft_forces"),
    "mlearn_Si_test.extxyz": (25, "dft_energy", "dft_forces"),
}

VASPRUN = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <kpoints>
  <varray name="kpointlist"><v>0 0 0</v></varray><varray name="weights"><v>1</v></varray>
 </kpoints>
 <atominfo><atoms>2</atoms><types>1</types>
  <array name="atoms"><field type="string">element</field><field type="int">atomtype</field>
   <set><rc><c>Si</c><c>1</c></rc><rc><c>Si</c><c>1</c></rc></set></array>
 </atominfo>
 <structure name="initialpos"><crystal>
  <varray name="basis"><v>0 2.7 2.7</v><v>2.7 0 2.7</v><v>2.7 2.7 0</v></varray></crystal>
  <varray name="positions"><v>0 0 0</v><v>0.25 0.25 0.25</v></varray></structure>
 <calculation>
  <scstep><energy><i name="e_fr_energy">-10.9</i><i name="e_wo_entrp">-10.7</i>
   <i name="e_0_energy">-10.8</i></energy></scstep>
  <structure><crystal>
   <varray name="basis"><v>0 2.7 2.7</v><v>2.7 0 2.7</v><v>2.7 2.7 0</v></varray></crystal>
   <varray name="positions"><v>0 0 0</v><v>0.25 0.25 0.25</v></varray></structure>
  <varray name="forces"><v>0.1 0 0</v><v>-0.1 0 0</v></varray>
  <energy><i name="e_fr_energy">-10.9</i><i name="e_wo_entrp">-10.7</i>
   <i name="e_0_energy">-10.8</i></energy>
 </calculation>
</modeling>
"""


@pytest.mark.parametrize("name", FILES)
def test_real_files_are_read_with_the_right_keys(shared: Path, name: str) -> None:
    count, energy_key, forces_key = FILES[name]
    result = read_structures(shared / "data" / name)
    assert (len(result.structures), result.energy_key, result.forces_key) == (
        count,
        energy_key,
        forces_key,
    )
    assert np.isfinite(result.structures.energies).all()
    assert np.isfinite(result.structures.forces).all()
    assert result.structures.pbc.all()
    assert result.structures.config_types[0] != ""
    assert result.notes == ()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_what_ase_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(3):
        count = int(rng.integers(1, 6))
        atoms = Atoms(rng.integers(1, 90, count), rng.normal(size=(count, 3)).round(8))
        atoms.cell = rng.normal(size=(3, 3))
        atoms.pbc = rng.random(3) < 0.5
        forces = rng.normal(size=(count, 3)).round(8)
        frames.append(labelled(atoms, float(rng.normal()), forces))
    path = tmp_path_factory.mktemp("frames") / "data.xyz"
    write(path, frames, format="extxyz")
    read = read_structures(path).structures
    assert read.digest() == StructureSet.from_atoms(frames).digest()


@pytest.mark.parametrize("name", ["data.traj", "data.json", "data.db", "data.xyz.gz", "@a[1].xyz"])
def test_other_formats(tmp_path: Path, name: str) -> None:
    frames = copper(3)
    write(tmp_path / name, frames)
    read = read_structures(tmp_path / name).structures
    np.testing.assert_allclose(
        read.energies, [atoms.get_potential_energy() for atoms in frames], rtol=1e-7
    )
    np.testing.assert_allclose(read.forces[:32], frames[0].get_forces(), atol=1e-7)
    np.testing.assert_allclose(read.positions[-32:], frames[-1].positions, atol=1e-7)
    assert read.where(2) == f"{tmp_path / name}[2]"


def test_vasprun_gives_the_energy_at_zero_smearing(tmp_path: Path) -> None:
    path = tmp_path / "vasprun.xml"
    path.write_text(VASPRUN)
    result = read_structures(path)
    assert result.structures.energies.tolist() == [-10.8]
    assert result.structures.forces[0].tolist() == [0.1, 0.0, 0.0]
    assert any("free_energy" in note for note in result.notes)


def test_entries_of_an_ase_database(tmp_path: Path) -> None:
    forces = np.ones((3, 3)) * [[1], [0], [-1]]
    with connect(tmp_path / "data.db") as database:
        database.write(molecule("H2O"), REF_energy=-14.0, data={"REF_forces": forces})
    result = read_structures(tmp_path / "data.db")
    assert (result.energy_key, result.forces_key) == ("REF_energy", "REF_forces")
    np.testing.assert_array_equal(result.structures.forces, forces)


def test_several_files_and_quoted_patterns(tmp_path: Path) -> None:
    for run, count in (("b", 1), ("a", 2)):
        (tmp_path / run).mkdir()
        write(tmp_path / run / "data.xyz", copper(count))
    result = read_structures([str(tmp_path / "*" / "data.xyz"), tmp_path / "b" / "data.xyz"])
    structures = result.structures
    assert structures.sources == (str(tmp_path / "a/data.xyz"), str(tmp_path / "b/data.xyz"))
    assert [structures.where(index).removeprefix(str(tmp_path)) for index in range(3)] == [
        "/a/data.xyz[0]",
        "/a/data.xyz[1]",
        "/b/data.xyz[0]",
    ]


def test_progress_counts_up_to_all(tmp_path: Path) -> None:
    write(tmp_path / "data.xyz", copper(1) * 250)
    seen: list[tuple[int, int | None]] = []
    read_structures(tmp_path / "data.xyz", progress=lambda *args: seen.append(args))
    assert seen == [(100, None), (200, None), (250, 250)]


def test_types_and_split_labels(tmp_path: Path) -> None:
    frames = copper(4)
    for atoms, split in zip(frames, ["training", "val", "Test", "fold-3"], strict=True):
        atoms.info = {"configtype": "bulk", "split": split}
    write(tmp_path / "data.xyz", frames)
    result = read_structures(tmp_path / "data.xyz")
    assert result.structures.split_labels.tolist() == ["train", "validation", "test", ""]
    assert set(result.structures.config_types) == {"bulk"}
    assert any("fold-3" in note for note in result.notes)


def test_missing_labels_are_nan_and_named(tmp_path: Path) -> None:
    frames = copper(3)
    frames[1].calc = None
    write(tmp_path / "data.xyz", frames)
    result = read_structures(tmp_path / "data.xyz")
    assert np.isnan(result.structures.energies).tolist() == [False, True, False]
    assert np.isnan(result.structures.forces[32:64]).all()
    assert np.isfinite(result.structures.forces[64:]).all()
    assert [note for note in result.notes if "1 of 3" in note and "data.xyz[1]" in note]
    assert len(result.notes) == 2


def test_labels_that_start_late_belong_to_their_structures(tmp_path: Path) -> None:
    frames = copper(3)
    frames[0].calc = None
    write(tmp_path / "data.xyz", frames)
    structures = read_structures(tmp_path / "data.xyz").structures
    np.testing.assert_allclose(structures.forces[32:64], frames[1].get_forces(), atol=1e-7)
    assert np.isnan(structures.forces[:32]).all()


def test_a_single_atom_feels_no_force(tmp_path: Path) -> None:
    atom = Atoms("Cu", info={"config_type": "IsolatedAtom"})
    atom.calc = SinglePointCalculator(atom, energy=-0.5)
    write(tmp_path / "data.xyz", [atom, *copper(1)])
    result = read_structures(tmp_path / "data.xyz")
    assert result.structures.forces[0].tolist() == [0.0, 0.0, 0.0]
    assert any("zero by symmetry" in note for note in result.notes)


def test_constraints_do_not_hide_forces(tmp_path: Path) -> None:
    from ase.constraints import FixAtoms

    (atoms,) = copper(1)
    forces = atoms.get_forces()
    atoms.set_constraint(FixAtoms([0]))
    write(tmp_path / "data.traj", atoms)
    np.testing.assert_allclose(read_structures(tmp_path / "data.traj").structures.forces, forces)


# Files that are broken.


def lines_of(path: Path, count: int) -> list[str]:
    write(path, copper(count))
    return path.read_text().splitlines(keepends=True)


@given(st.integers(1, 34 * 3 - 1))
@settings(max_examples=25, deadline=None)
def test_a_cut_off_file_is_refused(tmp_path_factory: pytest.TempPathFactory, kept: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "data.xyz"
    path.write_text("".join(lines_of(path, 3)[:kept]))
    if kept % 34 == 0:  # between two structures nothing tells
        assert len(read_structures(path).structures) == kept // 34
        return
    with pytest.raises(DataError, match=rf"data.xyz\[{kept // 34}\] cannot be read: the file ends"):
        read_structures(path)


def test_blank_lines_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.xyz"
    lines = lines_of(path, 3)
    path.write_text("".join([*lines[:34], "\n", "  \n", *lines[34:], "\n"]))
    assert len(read_structures(path).structures) == 3


def test_a_damaged_structure_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.xyz"
    lines = lines_of(path, 3)
    lines[40] = lines[40].replace("0", "x")
    path.write_text("".join(lines))
    with pytest.raises(DataError, match=r"data.xyz\[1\] cannot be read") as caught:
        read_structures(path)
    assert "1 structures before it are fine" in caught.value.hint
    path.write_text("".join([*lines[:34], "garbage here\n", *lines[68:]]))
    with pytest.raises(DataError, match=r"data.xyz\[1\].*line 35: expected a number of atoms"):
        read_structures(path)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_rubbish_is_refused_or_read_but_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    for name in ("data.xyz", "OUTCAR", "data.traj", "data.dat"):
        path = tmp_path_factory.mktemp("rubbish") / name
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_structures(path)
        assert name in caught.value.message


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.xyz.gz"
    write(path, copper(5))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"data.xyz.gz\[\d\] cannot be read"):
        read_structures(path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"file .* not found"):
        read_structures(tmp_path / "nope.xyz")
    with pytest.raises(DataError, match="no file matches"):
        read_structures(str(tmp_path / "*.xyz"))
    with pytest.raises(DataError, match="is a directory"):
        read_structures(tmp_path)
    with pytest.raises(DataError, match="no data file"):
        read_structures([])
    (tmp_path / "empty.xyz").touch()
    with pytest.raises(DataError, match="is empty"):
        read_structures(tmp_path / "empty.xyz")
    (tmp_path / "blank.xyz").write_text("\n \n")
    with pytest.raises(DataError, match="contains no structures"):
        read_structures(tmp_path / "blank.xyz")
    (tmp_path / "none.xyz").write_text("0\n\n")
    with pytest.raises(DataError, match=r"none.xyz\[0\] has no atoms"):
        read_structures(tmp_path / "none.xyz")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    write(tmp_path / "data.xyz", copper(1))
    (tmp_path / "data.xyz").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        read_structures(tmp_path / "data.xyz")


@pytest.mark.slow
def test_memory_is_that_of_the_arrays(tmp_path: Path) -> None:
    count, n_atoms = 20_000, 20
    path = tmp_path / "data.xyz"
    row = "C 1.00000000 2.00000000 3.00000000 0.10000000 0.20000000 0.30000000\n"
    frame = (
        f"{n_atoms}\nProperties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-1.0 "
        f'Lattice="9 0 0 0 9 0 0 0 9"\n{row * n_atoms}'
    )
    with path.open("w") as stream:
        for _ in range(count):
            stream.write(frame)
    program = (
        "import resource, sys\n"
        "import ase.io, ase.io.extxyz\n"
        "from hub.structures import read_structures\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "structures = read_structures(sys.argv[1]).structures\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(len(structures), len(structures.numbers), after - before)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True
    ).stdout
    structures, atoms, kilobytes = map(int, output.split())
    assert (structures, atoms) == (count, count * n_atoms)
    arrays = atoms * (8 + 24 + 24) + structures * (72 + 3 + 8 + 8 + 4 + 8 + 8)
    assert kilobytes * 1024 < 1.5 * arrays + 10e6
