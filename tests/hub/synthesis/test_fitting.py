"""Numbers for elements and compounds, from a survey by the teacher."""

import re

import numpy as np
import pytest
from ase.calculators.emt import EMT

import hub
from hub.errors import SynthesisError
from hub.jobs.pool import InProcess, Lost
from hub.synthesis.fitting import fit_numbers
from hub.synthesis.survey import Survey, survey
from hub.teachers.spec import TeacherSpec
from tests.hub.synthesis.conftest import EMT as TEACHER
from tests.hub.synthesis.given import POOR

APART = TeacherSpec(POOR, options={"sigma": 0.5, "rc": 1.0})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("formula", "density", "melting"),
    [("Cu", 8.96, 1358), ("Al", 2.70, 933), ("Cu3Au", 12.2, 1250)],
)
def test_a_survey_is_near_the_measured_density_and_melting_point(formula, density, melting):
    found = survey(TEACHER, formula, seed=0)
    assert found.density == pytest.approx(density, rel=0.1)
    assert found.melting == pytest.approx(melting, rel=0.25)
    assert 100 < found.period < 250


def test_numbers_have_the_ratios_of_carbon(monkeypatch):
    def surveyed(spec, formula, seed, density):
        return Survey(density or 2.26, 4500.0, 33.0)

    monkeypatch.setattr("hub.synthesis.fitting.survey", surveyed)
    numbers = fit_numbers(TEACHER, "Si", {}, 0, InProcess())
    assert numbers == {
        "density": (1.4, 2.7), "melt_temperature": 9000, "cold_temperature": 300,
        "anneal_temperature": (2000, 4000), "stages": (5, 5, 50, 100, 50), "timestep": 1,
        "frame_interval": 1,
    }  # fmt: skip
    given = {"density": (1.0, 2.0), "timestep": 0.5}
    numbers = fit_numbers(TEACHER, "Si", given, 0, InProcess())
    assert numbers["density"] == (1.0, 2.0)
    assert numbers["stages"] == (2.5, 2.5, 25, 50, 25)
    assert numbers["frame_interval"] == 0.5


def test_a_soft_material_is_cooled_further(monkeypatch):
    monkeypatch.setattr("hub.synthesis.fitting.survey", lambda *_: Survey(1.9, 302.0, 900.0))
    numbers = fit_numbers(TEACHER, "Cs", {}, 0, InProcess())
    assert numbers["cold_temperature"] < min(numbers["anneal_temperature"])
    assert numbers["timestep"] == 5


@pytest.mark.slow
def test_an_alloy_is_made_without_any_number():
    notes = []
    short = {"stages": (0.04, 0.04, 0.04, 0.04, 0.04), "frame_interval": 0.04}
    made = hub.synthesize(
        name="alloy", teacher=TEACHER, formula="Cu3Au", atoms=(8, 12), trajectories=2,
        pool=InProcess(), report=notes.append, **short,
    )  # fmt: skip
    assert re.match(r"Cu3Au: 6\.\d to 14 g/cm³, melted at 2\d00 K, annealed at", notes[0])
    loaded = hub.load_dataset("alloy")
    assert len(loaded) == 2 * 5
    assert {len(loaded.to_atoms(number)) for number in range(10)} == {8, 12}
    about = made.version.manifest.metadata
    recipe = about["made"][0]
    assert recipe["formula"] == "Cu3Au"
    assert 2000 < recipe["stages"]["melt_temperature"] < 3500
    assert 3 <= recipe["timestep"] <= 5
    isolated = about["dataset"]["label_sets"]["emt"]["subtracted_energies"]
    atoms = loaded.to_atoms(4)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    assert atoms.get_chemical_formula() in {"Au2Cu6", "Au3Cu9"}
    atoms.calc = EMT()
    alone = sum(isolated[symbol] for symbol in atoms.get_chemical_symbols())
    assert energy == pytest.approx(atoms.get_potential_energy() - alone, abs=1e-6)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-5)


@pytest.mark.parametrize(
    ("teacher", "options", "words"),
    [
        (TEACHER, {"formula": "CuZr"}, "an isolated Zr atom"),
        (TEACHER, {"formula": "Cu-3"}, "not a chemical formula"),
        (TEACHER, {"formula": "Cu3Au", "density": (3.0, 2.0)}, "3 to 2"),
        (TEACHER, {"formula": "Cu3Au", "density": (90.0, 90.0)}, "too dense"),
        # Atoms that do not reach each other.
        (APART, {"formula": "Cu"}, "no stable structure of Cu"),
    ],
)
def test_what_cannot_be_made_is_refused(teacher, options, words):
    with pytest.raises(SynthesisError) as refused:
        hub.synthesize(name="none", teacher=teacher, pool=InProcess(), **options)
    assert words in refused.value.message
    assert refused.value.hint


def test_a_teacher_that_dies_is_named():
    class Mortal(InProcess):
        def wait(self):
            super().wait()
            return None, Lost("the process died (signal SIGSEGV)")

    with pytest.raises(SynthesisError, match=r"died while Cu was relaxed: .*SIGSEGV"):
        fit_numbers(TEACHER, "Cu", {"density": (8.0, 9.0)}, 0, Mortal())
