"""Carbon's EDIP against reference values, the equations in plain loops, and its own derivatives."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from math import exp, tanh

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene, molecule
from ase.io import read
from ase.stress import voigt_6_to_full_3x3_stress

from hub.errors import DataError, TeacherError
from hub.teachers.edip import build


def labels(atoms: Atoms) -> tuple[float, np.ndarray]:
    atoms.calc = build(None, {})
    return atoms.get_potential_energy(), atoms.get_forces()


def cluster(n_atoms: int, seed: int, nearest: float = 1.25, size: float = 3.3) -> Atoms:
    """Throw atoms into a box, none nearer to another than `nearest`."""
    rng = np.random.default_rng(seed)
    positions: list[np.ndarray] = []
    while len(positions) < n_atoms:
        new = rng.random(3) * size
        if all(np.linalg.norm(new - old) > nearest for old in positions):
            positions.append(new)
    return Atoms(f"C{n_atoms}", positions=positions)


def rattled(repeat: tuple[int, int, int], amount: float, seed: int, a: float = 3.4) -> Atoms:
    atoms = bulk("C", "diamond", a, cubic=True).repeat(repeat)
    atoms.rattle(amount, seed=seed)
    return atoms


# The equations of N. A. Marks, Phys. Rev. B 63, 035401 (2000), atom by atom.


def fermi_like(r: float, low: float, high: float) -> float:
    if r <= low:
        return 1.0
    return exp(1.544 / (1 - ((r - low) / (high - low)) ** -3)) if r < high else 0.0


def peak(z: float, centre: float) -> float:
    return ((z - centre) ** 2 - 1) ** 2 if abs(z - centre) < 1 else 0.0


def energy_by_loops(positions: np.ndarray) -> float:
    atoms = range(len(positions))
    ways = positions[None] - positions[:, None]
    r = np.linalg.norm(ways, axis=2)
    u = ways / np.where(r > 0, r, 1)[..., None]
    p = [[fermi_like(r[i][j], 1.48, 2.0) for j in atoms] for i in atoms]
    z = [sum(fermi_like(r[i][j], 1.547, 2.270) for j in atoms if j != i) for i in atoms]
    pi = [1.0 if z[i] <= 3 else peak(z[i], 3) for i in atoms]
    total = 0.0
    for i in atoms:
        others = [j for j in atoms if j != i]
        dihedral = repulsion = 0.0
        for j in others:
            rest = [k for k in others if k != j]
            push = (r[i][j] - 3.2) ** 2 * (1 - p[i][j]) * pi[j] if r[i][j] < 3.2 else 0.0
            for k, m in combinations(rest, 2):
                normal = np.cross(u[i][k], u[i][m])
                repulsion += peak(z[i], 3) * push * p[i][k] * p[i][m] * np.dot(u[i][j], normal) ** 2
                for n in set(atoms) - {i, j}:
                    bonds = p[i][j] * p[i][k] * p[i][m] * p[j][n]
                    twist = np.dot(u[j][n], normal) ** 2
                    dihedral += peak(z[i], 3) * peak(z[j], 3) * bonds * twist
            for k in rest:
                repulsion += peak(z[i], 2) * push * p[i][k] * (1 - np.dot(u[i][j], u[i][k]) ** 2)
        total += atom_energy(z[i] + 0.30 * dihedral + 0.06 * repulsion, r[i], u[i], others)
    return total


def atom_energy(z: float, r: np.ndarray, u: np.ndarray, others: list[int]) -> float:
    cutoff = 1.89225338775144 + 0.169794491000172 * z
    near = [j for j in others if r[j] < cutoff]
    tau = 1 - z / 12 * (1 + tanh(6.0 * (z - 2.5)))
    pairs = sum(
        20.0853862863495
        * (0.827599951322299 / r[j] ** 4 - exp(-0.0490161172713279 * z**2))
        * exp(1.25714643580808 / (r[j] - cutoff))
        for j in near
    )
    triplets = sum(
        exp(1.35419222406125 * (1 / (r[j] - cutoff) + 1 / (r[k] - cutoff)))
        * (1 - exp(-3.5 * (np.dot(u[j], u[k]) + tau) ** 2))
        for j, k in combinations(near, 2)
    )
    return float(pairs + 19.86394896867 * exp(-0.30 * (z - 3.615) ** 2) * triplets)


@pytest.mark.parametrize("seed", range(6))
def test_the_energy_is_that_of_the_equations_in_plain_loops(seed) -> None:
    atoms = cluster(12, seed)
    assert labels(atoms)[0] == pytest.approx(energy_by_loops(atoms.positions), abs=1e-7)


def test_a_piece_of_fullerene_is_as_in_plain_loops() -> None:
    """Threefold atoms, whose bonds are twisted: the corrections for pi bonds are at work."""
    atoms = molecule("C60")[:16]
    atoms.rattle(0.08, seed=1)
    assert labels(atoms)[0] == pytest.approx(energy_by_loops(atoms.positions), abs=1e-7)


def test_reference_structures(shared) -> None:
    reference = np.load(shared / "edip_reference.npz")
    structures = read(shared / "conversion" / "oracle_structures.extxyz", ":")
    assert len(structures) == 32
    for atoms in structures:
        name = atoms.info["name"]
        energy, forces = labels(atoms)
        assert energy == pytest.approx(float(reference[f"{name}/energy"]), abs=1e-10), name
        np.testing.assert_allclose(forces, reference[f"{name}/forces"], atol=1e-10, err_msg=name)


def test_crystals() -> None:
    diamond = bulk("C", "diamond", 3.575)
    sheet = graphene("C2", a=2.460, vacuum=10)
    assert labels(diamond)[0] / 2 == pytest.approx(-7.3466, abs=5e-5)
    assert labels(sheet)[0] / 2 == pytest.approx(-7.3624, abs=5e-5)
    assert np.abs(labels(diamond)[1]).max() < 1e-12


@pytest.mark.parametrize("amount", [0.05, 0.15, 0.3])
def test_forces_are_minus_the_gradient(amount) -> None:
    atoms = rattled((2, 1, 1), amount, seed=3)
    forces = labels(atoms)[1]
    step = 1e-5
    for index in range(4):
        for axis in range(3):
            ends = []
            for sign in (1, -1):
                moved = atoms.copy()
                moved.positions[index, axis] += sign * step
                ends.append(labels(moved)[0])
            slope = (ends[0] - ends[1]) / (2 * step)
            assert -slope == pytest.approx(forces[index, axis], rel=1e-6, abs=1e-5)


def test_the_stress_is_the_derivative_by_strain() -> None:
    atoms = rattled((2, 1, 1), 0.1, seed=5)
    labels(atoms)
    stress = voigt_6_to_full_3x3_stress(atoms.get_stress())
    step = 1e-5
    for row, column in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2)):
        ends = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[row, column] += sign * step
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain.T, scale_atoms=True)
            ends.append(labels(strained)[0])
        slope = (ends[0] - ends[1]) / (2 * step * atoms.get_volume())
        assert slope == pytest.approx(stress[row, column], rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("a", [3.4, 2.9])
def test_a_small_cell_is_as_its_supercell(a) -> None:
    """Also compressed until pairs interact farther than they are counted as neighbours."""
    small = rattled((1, 1, 1), 0.1, seed=7, a=a)
    energy, forces = labels(small)
    large_energy, large_forces = labels(small.repeat((2, 3, 1)))
    assert large_energy == pytest.approx(6 * energy, rel=1e-12)
    np.testing.assert_allclose(large_forces, np.tile(forces, (6, 1)), rtol=1e-9, atol=1e-9)


def test_nothing_depends_on_order_orientation_or_place() -> None:
    atoms = rattled((2, 2, 1), 0.15, seed=9)
    energy, forces = labels(atoms)
    order = np.random.default_rng(0).permutation(len(atoms))
    turned = atoms[order]
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    turned.translate((0.3, -7.0, 1.1))
    turned.wrap()
    turned_energy, turned_forces = labels(turned)
    assert turned_energy == pytest.approx(energy, rel=1e-12)
    vectors = Atoms(positions=forces[order])
    vectors.rotate(37, (1, 2, 3))
    np.testing.assert_allclose(turned_forces, vectors.positions, atol=1e-9)
    assert np.abs(forces.sum(axis=0)).max() < 1e-9


@pytest.mark.parametrize(
    "atoms",
    [
        Atoms("C"),
        Atoms(),
        Atoms("C", cell=[2, 2, 2], pbc=True),
        Atoms("C2", positions=[[0, 0, 0], [0, 0, 1.4]], cell=[0, 0, 5], pbc=[False, False, True]),
        Atoms("C2", positions=[[0, 0, 0], [0, 0, 500.0]]),
        *(Atoms("C2", positions=[[0, 0, 0], [0, 0, r]]) for r in (1.48, 1.547, 2.0, 2.27, 3.2)),
    ],
)
def test_labels_are_finite_for_lone_atoms_and_at_the_cutoffs(atoms) -> None:
    energy, forces = labels(atoms)
    assert np.isfinite(energy)
    assert np.isfinite(forces).all()
    assert forces.shape == (len(atoms), 3)


def test_a_dimer_falls_smoothly_to_nothing() -> None:
    """No jump and no NaN where pairs reach their cutoffs, approached by as little as 1e-12 Å."""
    distances = np.concatenate([
        np.linspace(1.2, 3.3, 400),
        *(edge + np.outer([1, -1], 10.0 ** -np.arange(3, 13)).ravel()
          for edge in (1.48, 1.547, 1.89225338775144, 2.0, 2.27, 3.2)),
    ])  # fmt: skip
    curve = [labels(Atoms("C2", positions=[[0, 0, 0], [0, 0, r]])) for r in np.sort(distances)]
    energies = np.array([energy for energy, _ in curve])
    pulls = np.array([forces[0, 2] for _, forces in curve])
    assert np.isfinite(energies).all()
    assert energies[-1] == 0
    assert np.abs(np.diff(energies)).max() < 0.2
    work = -np.diff(energies) + (pulls[1:] + pulls[:-1]) / 2 * np.diff(np.sort(distances))
    assert np.abs(work).max() < 1e-3


def test_an_atom_alone_has_no_energy_and_no_stress() -> None:
    atoms = Atoms("C", cell=[20, 20, 20], pbc=True)
    assert labels(atoms)[0] == 0
    assert not atoms.get_stress().any()


@pytest.mark.parametrize(
    ("atoms", "error", "words"),
    [
        (molecule("CH4"), TeacherError, "covers C, but CH4 contains H"),
        (Atoms("C2"), TeacherError, "on top of each other"),
        (Atoms("C2", positions=[[0, 0, 0], [0, 0, np.nan]]), DataError, "not finite"),
        (Atoms("C2", positions=[[0, 0, 0], [0, 0, 2e7]]), DataError, "Å apart"),
        (Atoms("C", pbc=True), DataError, "zero or parallel"),
        (Atoms("C", cell=[np.nan, 3, 3], pbc=True), DataError, "not finite"),
    ],
)
def test_what_it_cannot_label_is_refused(atoms, error, words) -> None:
    with pytest.raises(error, match=words) as caught:
        labels(atoms)
    assert caught.value.hint


@pytest.mark.slow
def test_it_needs_no_model_library() -> None:
    """A process that labels with it starts in the time that PyTorch takes."""
    code = "import hub.teachers.edip, sys; print('nequip' in sys.modules, 'e3nn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
