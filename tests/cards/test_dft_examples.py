"""The scripts that made the example DFT datasets."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from ase.neighborlist import neighbor_list

from tests.cards.conftest import CARDS

MAKE = CARDS / "make"


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dft_structures", MAKE / "dft_structures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def python_with_gpaw() -> str:
    """Debian's GPAW lives under the Python of the system."""
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import gpaw"]
        if (
            Path(python).exists()
            and not subprocess.run(command, check=False, capture_output=True).returncode
        ):
            return python
    pytest.skip("GPAW is not here; apt install gpaw")


@pytest.mark.parametrize(
    ("crystal", "bond", "neighbours"),
    [("lonsdaleite", 1.545, 4), ("graphite", 1.424, 3), ("sheet", 1.424, 3)],
)
def test_each_atom_of_a_crystal_has_its_bonds(
    recipe: ModuleType, crystal: str, bond: float, neighbours: int
) -> None:
    atoms = getattr(recipe, crystal)()
    first, distances = neighbor_list("id", atoms, 1.8)
    assert distances == pytest.approx(bond, abs=0.02)
    assert Counter(first.tolist()) == dict.fromkeys(range(8), neighbours)


def test_white_tin_has_four_near_neighbours_and_two_more(recipe: ModuleType) -> None:
    first, distances = neighbor_list("id", recipe.beta_tin(), 2.8)
    near = np.sort(distances[first == 0])
    assert near == pytest.approx([2.494] * 4 + [2.65] * 2, abs=0.01)


def test_strain_leaves_vacuum_as_it_is(recipe: ModuleType) -> None:
    atoms = recipe.distorted(recipe.sheet, (0.1, 0.1), (0.05, 0.05))(0.5, np.random.default_rng(1))
    assert atoms.cell.array[2] == pytest.approx([0, 0, 10])
    assert atoms.cell.array[:, 2] == pytest.approx([0, 0, 10])
    assert abs(atoms.cell.array[0, 0] - recipe.sheet().cell[0, 0]) > 0.01


def test_packings_have_their_density_and_no_atoms_that_meet(recipe: ModuleType) -> None:
    atoms = recipe.random_packing("C", 12, 3.5, np.random.default_rng(1))
    assert atoms.get_masses().sum() * 1.66054 / atoms.get_volume() == pytest.approx(3.5, rel=1e-3)
    assert neighbor_list("d", atoms, 2.0).min() > 0.9


def test_a_bond_without_third_atoms_has_forces(recipe: ModuleType) -> None:
    parameters = recipe.TersoffParameters.from_list(recipe.TERSOFF["C"])
    pair = Atoms("C2", [[0, 0, 0], [0, 0, 1.5]], cell=[9, 9, 9], pbc=True)
    pair.calc = recipe.SteadyTersoff({("C",) * 3: parameters})
    force = pair.get_forces()[1, 2]
    energies = []
    for distance in (1.499, 1.501):
        pair.positions[1, 2] = distance
        energies.append(pair.get_potential_energy())
    assert force == pytest.approx((energies[0] - energies[1]) / 0.002, rel=1e-4)


def test_any_first_part_is_balanced(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {
        kind: (count, recipe.isolated("C") if kind == "disordered" else make)
        for kind, (count, make) in recipe.KINDS["carbon"].items()
    }
    monkeypatch.setitem(recipe.KINDS, "carbon", kinds)
    made = recipe.structures("carbon")
    again = recipe.structures("carbon")
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(made, again, strict=True))
    names = [atoms.info["config_type"] for atoms in made]
    assert Counter(names) == {kind: count for kind, (count, _) in kinds.items()}
    half = Counter(names[: len(names) // 2])
    assert all(abs(half[kind] - count / 2) <= 1 for kind, (count, _) in kinds.items())


@pytest.mark.slow
def test_labelling_goes_on_after_a_kill(python_with_gpaw: str, tmp_path: Path) -> None:
    frames = []
    for length in (3.50, 3.57):
        atoms = bulk("C", a=length)
        atoms.info["config_type"] = "diamond"
        frames.append(atoms)
    write(tmp_path / "two.extxyz", frames)
    command = [python_with_gpaw, MAKE / "dft_label.py", "label", tmp_path / "two.extxyz"]
    first, second = (tmp_path / "labelled" / f"000{n}.extxyz" for n in range(2))
    running = subprocess.Popen([*command, first.parent], start_new_session=True)
    while not first.exists() and running.poll() is None:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not second.exists()
    kept = first.stat().st_mtime_ns

    subprocess.run([*command, first.parent], check=True)
    assert first.stat().st_mtime_ns == kept
    whole = tmp_path / "whole.extxyz"
    subprocess.run([*command[:2], "gather", first.parent, whole], check=True)
    energies = [atoms.get_potential_energy() / 2 for atoms in read(whole, ":")]
    assert energies[0] > energies[1]
    assert energies[1] == pytest.approx(-9.1, abs=0.1)

    frames[0].positions[0, 0] += 0.1
    write(tmp_path / "two.extxyz", frames)
    other = subprocess.run([*command, first.parent], capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert "another structure" in other.stderr
