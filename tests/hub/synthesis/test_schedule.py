"""Plans before anything moves."""

from dataclasses import replace

import numpy as np
import pytest
from ase.units import kg
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import SynthesisError
from hub.synthesis.schedule import Recipe, Stages, spread, stretches
from hub.synthesis.start import random_start
from hub.teachers.spec import TeacherSpec

RECIPE = Recipe("C", TeacherSpec("lcbop"))


def test_the_defaults_are_those_of_the_published_set():
    parts = list(stretches(RECIPE, 3000.0, 1.0))
    assert RECIPE.stages.duration == 210
    assert [part.time for part in parts if part.time is not None] == list(range(1, 211))
    # After ten ps the melt is quenched: what its authors call reasonable begins there.
    assert next(part.end for part in parts if part.time == 10) == 300
    assert {part.start for part in parts if part.time and 60 < part.time <= 160} == {3000.0}


@given(
    durations=st.tuples(*[st.floats(0, 3)] * 5).filter(lambda each: sum(each) > 1),
    timestep=st.sampled_from([0.25, 0.5, 1.0, 2.0]),
    interval=st.sampled_from([0.1, 0.25, 1.0]),
)
def test_stretches_leave_out_no_step_and_no_frame(durations, timestep, interval):
    recipe = replace(RECIPE, stages=Stages(9000.0, 300.0, *durations), interval=interval)
    parts = list(stretches(recipe, 3000.0, timestep))
    assert all(part.n_steps > 0 for part in parts)
    total = sum(part.n_steps for part in parts) * timestep / 1000
    assert total == pytest.approx(sum(durations), abs=timestep / 1000)
    times = [part.time for part in parts if part.time is not None]
    assert times == [interval * number for number in range(1, recipe.n_frames + 1)]
    temperatures = [value for part in parts for value in (part.start, part.end)]
    assert min(temperatures) >= 300
    assert max(temperatures) <= 9000


def test_trajectories_are_spread_evenly_and_shuffled_by_the_seed():
    recipe = replace(RECIPE, trajectories=6, n_atoms=(32, 200))
    plans = spread(recipe)
    assert [plan.run_id for plan in plans] == list(range(6))
    assert sorted(plan.density for plan in plans) == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    temperatures = sorted(plan.anneal_temperature for plan in plans)
    assert temperatures == [2000, 2400, 2800, 3200, 3600, 4000]
    assert {plan.n_atoms for plan in plans} >= {32, 200}
    assert spread(recipe) == plans
    others = spread(replace(recipe, seed=1))
    assert [plan.density for plan in others] != [plan.density for plan in plans]
    # What is added to a dataset is not what there is.
    assert [plan.density for plan in spread(recipe, 6)] != [plan.density for plan in plans]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"density": (3.0, 2.0)}, "invalid range of density: 3 to 2"),
        ({"n_atoms": (0, 8)}, "invalid range of number of atoms: 0 to 8"),
        ({"anneal_temperature": (300.0, float("nan"))}, "anneal temperature"),
        ({"formula": "Si-C"}, "'Si-C' is not a chemical formula"),
        ({"formula": ""}, "'' is not a chemical formula"),
        ({"formula": "H250"}, "H250 has 250 atoms, more than a cell of 200"),
        ({"formula": "CX2"}, "'CX2': X is not a chemical element"),
        ({"interval": 500.0}, "a frame interval of 500 ps does not fit"),
        ({"stages": Stages(melt=-1.0)}, "stages of -1"),
    ],
)
def test_what_cannot_be_made_is_refused(change, words):
    with pytest.raises(SynthesisError, match=words):
        replace(RECIPE, **change).check()


@pytest.mark.parametrize(("element", "density"), [("C", 1.0), ("C", 3.5), ("Si", 2.3)])
def test_a_random_start_has_its_density_and_no_overlaps(element, density):
    atoms = random_start(element, 60, density, np.random.default_rng(0))
    assert atoms.get_masses().sum() / atoms.get_volume() * 1e24 / (1e-3 * kg) == pytest.approx(
        density
    )
    distances = atoms.get_all_distances(mic=True)[~np.eye(60, dtype=bool)]
    assert distances.min() >= {"C": 1.0, "Si": 1.46}[element]
    again = random_start(element, 60, density, np.random.default_rng(0))
    assert (again.positions == atoms.positions).all()


def test_a_cell_without_room_is_refused():
    with pytest.raises(SynthesisError, match="30 g/cm³ is too dense for random C"):
        random_start("C", 20, 30.0, np.random.default_rng(0))


def test_cells_have_whole_formula_units():
    plans = spread(replace(RECIPE, formula="MoS2", trajectories=5, n_atoms=(20, 40)))
    assert {plan.n_atoms % 3 for plan in plans} == {0}
    assert spread(replace(RECIPE, formula="Al2O3", trajectories=1, n_atoms=(1, 6)))[0].n_atoms == 5
    atoms = random_start("MoS2", 21, 3.0, np.random.default_rng(0))
    assert atoms.get_chemical_formula() == "Mo7S14"
    assert atoms.get_masses().sum() / atoms.get_volume() * 1.66053907 == pytest.approx(3.0)
    apart = atoms.get_all_distances(mic=True) + 9 * np.eye(21)
    assert apart[:7, :7].min() >= 0.66 * 2 * 1.54
    assert 0.66 * 2 * 1.05 <= apart[7:, 7:].min() < 0.66 * 2 * 1.54
