"""Whole datasets made by both engines; what blows up, and what is killed."""

import json
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

import hub
from hub.errors import JobError, SynthesisError
from hub.jobs.pool import InProcess, Lost
from hub.library import catalogue, open_version
from hub.synthesis import campaign, engine
from hub.synthesis.running import run_recipe
from hub.synthesis.schedule import Plan, Stages
from hub.synthesis.trajectory import lost_trajectory, read_trajectory, write_trajectory
from hub.teachers.teacher import open_teacher
from registry.errors import ExistsError, IntegrityError


def files_of(made):
    return {entry.path: entry.sha256 for entry in made.version.manifest.files}


@pytest.mark.parametrize("recipe", ["copper", "carbon"])
def test_frames_have_their_columns_densities_and_labels(recipe, request):
    recipe = request.getfixturevalue(recipe)
    made = run_recipe(recipe, "set", labels="own", pool=InProcess())
    assert made.failures == {}
    loaded = hub.load_dataset("set", labels="own")
    assert len(loaded) == 3 * recipe.n_frames
    columns = loaded.structure_extras
    assert set(columns) == {"time", "density", "anneal_T", "run_id", "temperature", "blown_up"}
    times = np.arange(1, recipe.n_frames + 1) * recipe.interval
    np.testing.assert_allclose(columns["time"], np.tile(times, 3))
    np.testing.assert_array_equal(columns["run_id"], np.repeat([0, 1, 2], recipe.n_frames))
    teacher = open_teacher(recipe.teacher)
    isolated = teacher.isolated_atom_energy(recipe.formula)
    for index in (0, recipe.n_frames - 1, len(loaded) - 1):
        atoms = loaded.to_atoms(index)
        grams_per_cm3 = atoms.get_masses().sum() / atoms.get_volume() * 1.66053907
        assert grams_per_cm3 == pytest.approx(columns["density"][index], rel=1e-6)
        assert atoms.get_all_distances(mic=True)[~np.eye(len(atoms), dtype=bool)].min() > 0.6
        energy, forces, stress = teacher.label(atoms)
        energy -= len(atoms) * isolated
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-6)
        np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-5)
        np.testing.assert_allclose(loaded.stresses[index], stress, atol=1e-7)
    about = made.version.manifest.metadata
    assert about["made"][0]["thermostat"] == {"kind": "Langevin", "damping": 0.1}
    assert about["made"][0]["seed"] == recipe.seed
    assert [run["frames"] for run in about["made"][0]["runs"]] == [recipe.n_frames] * 3
    label_set = about["dataset"]["label_sets"]["own"]
    assert label_set["reference_energies"] == {recipe.formula: 0.0}
    assert label_set["subtracted_energies"] == {recipe.formula: isolated}
    assert "thermostat: {kind: Langevin" in (made.version.path / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["copper", "carbon"])
def test_the_seed_decides_everything(recipe, request):
    recipe = replace(request.getfixturevalue(recipe), trajectories=2)
    first, second = (run_recipe(recipe, "set", f"1.{n}.0", pool=InProcess()) for n in (0, 1))
    ours, theirs = (
        {path: digest for path, digest in files_of(made).items() if path != "README.md"}
        for made in (first, second)
    )
    assert ours == theirs
    other = run_recipe(replace(recipe, seed=9), "set", "1.2.0", pool=InProcess())
    assert files_of(other) != files_of(first)


@pytest.mark.slow
def test_more_trajectories_are_added_under_numbers_of_their_own(copper, carbon):
    run_recipe(copper, "one", pool=InProcess())
    again = replace(copper, trajectories=1)
    made = run_recipe(again, "one", "1.1.0", onto="one@1.0.0", pool=InProcess())
    assert made.facts["structures"] == 16
    assert hub.load_dataset("one@1.1.0").structure_extras["run_id"].max() == 3
    other = replace(copper, teacher=replace(copper.teacher, options={"asap_cutoff": True}))
    with pytest.raises(SynthesisError, match="label set 'emt' is from a different teacher"):
        run_recipe(other, "one", "1.2.0", onto="one@1.1.0", pool=InProcess())
    mixed = run_recipe(carbon, "mixed", onto="one@1.1.0", pool=InProcess())
    assert mixed.facts["label_sets"]["tersoff"]["structures"] == 3 * carbon.n_frames
    assert mixed.facts["label_sets"]["emt"]["structures"] == 16
    manifest = mixed.version.manifest
    assert [each["formula"] for each in manifest.metadata["made"]] == ["Cu", "Cu", "C"]
    assert manifest.metadata["description"].endswith("; added to one@1.1.0")


def test_what_blows_up_is_run_again_with_smaller_steps(carbon):
    notes = []
    made = run_recipe(replace(carbon, timestep=8.0), "set", pool=InProcess(), report=notes.append)
    assert made.failures == {}
    assert len(notes) == 3
    assert "blew up after 0 of 10 frames with steps of 8 fs" in notes[0]
    runs = made.version.manifest.metadata["made"][0]["runs"]
    assert {run["timestep"] for run in runs} == {2.0}


def test_if_all_blow_up_that_is_an_error(carbon):
    with pytest.raises(SynthesisError, match="no trajectory reached its first frame"):
        run_recipe(replace(carbon, timestep=100.0), "set", pool=InProcess())


@pytest.mark.slow
def test_the_frames_before_it_blows_up_are_kept_and_marked(copper, monkeypatch):
    checked = []

    def check(atoms, snapshot, hottest):
        checked.append(len(atoms))
        # The second trajectory comes to its third frame, in both trials.
        if len(checked) in (7, 10):
            snapshot = replace(snapshot, temperature=1e6)
        engine.check(atoms, snapshot, hottest)

    monkeypatch.setattr("hub.synthesis.trajectory.check", check)

    class Ordered(InProcess):
        def submit(self, key, function, *arguments):
            super().submit(key, function, *arguments)
            self._waiting = deque(sorted(self._waiting, key=lambda task: str(task[0])))

    notes = []
    made = run_recipe(copper, "set", pool=Ordered(), report=notes.append)
    assert made.failures == {1: "the temperature is 1000000 K"}
    assert len(notes) == 2
    loaded = hub.load_dataset("set")
    counts = np.bincount(loaded.structure_extras["run_id"])
    assert counts.tolist() == [4, 2, 4]
    marked = loaded.structure_extras["run_id"][loaded.structure_extras["blown_up"].astype(bool)]
    assert set(marked.tolist()) == {1}
    runs = made.version.manifest.metadata["made"][0]["runs"]
    assert runs[1]["blown_up"] == "the temperature is 1000000 K"
    assert runs[1]["timestep"] == copper.timestep / campaign.SMALLER


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"energy": float("nan")}, "not finite"),
        ({"temperature": 9e4}, "temperature is 90000 K"),
        ({"positions": np.array([[0.0, 0, 0], [0.3, 0, 0]])}, r"0.30 Å apart"),
        # Through the face of the cell.
        ({"positions": np.array([[0.1, 0, 0], [9.8, 0, 0]])}, r"0.30 Å apart"),
    ],
)
def test_what_is_no_physics_is_seen(change, words):
    from ase import Atoms

    positions = np.array([[0.0, 0, 0], [1.4, 0, 0]])
    atoms = Atoms("C2", positions, cell=[10.0] * 3, pbc=True)
    snapshot = engine.Snapshot(positions, -1.0, np.zeros((2, 3)), np.zeros((3, 3)), 9000.0)
    engine.check(atoms, snapshot, 9000.0)
    with pytest.raises(engine.BlownUpError, match=words):
        engine.check(atoms, replace(snapshot, **change), 9000.0)


@pytest.mark.slow
def test_a_process_that_dies_twice_has_its_trajectory_run_with_smaller_steps(copper):
    class Mortal(InProcess):
        deaths = 0

        def wait(self):
            if self._waiting[0][0] == 1 and self.deaths < 2:
                self.deaths += 1
                return self._waiting.popleft()[0], Lost("the process died (signal SIGSEGV)")
            return super().wait()

    notes = []
    made = run_recipe(copper, "set", pool=Mortal(), report=notes.append)
    assert made.failures == {}
    assert made.facts["structures"] == 12
    assert len(notes) == 1
    assert "signal SIGSEGV" in notes[0]


@pytest.mark.slow
def test_what_is_done_is_not_run_again(copper):
    class Dying(InProcess):
        def wait(self):
            if self._waiting[0][0] == 2:
                raise KeyboardInterrupt
            return super().wait()

    whole = run_recipe(copper, "whole", pool=InProcess())
    with pytest.raises(KeyboardInterrupt):
        run_recipe(copper, "set", pool=Dying())
    with pytest.raises(ExistsError, match="unfinished work"):
        run_recipe(copper, "set", pool=InProcess())
    with pytest.raises(JobError, match="started with a different recipe"):
        run_recipe(replace(copper, timestep=1.0), "set", pool=InProcess(), resume=True)
    done = []

    class Counting(InProcess):
        def submit(self, key, function, *arguments):
            done.append(key)
            super().submit(key, function, *arguments)

    made = run_recipe(copper, "set", pool=Counting(), resume=True)
    assert done == [None, 2]
    ours, theirs = files_of(made), files_of(whole)
    assert {**ours, "README.md": ""} == {**theirs, "README.md": ""}
    assert not list((catalogue().local.root / "synthesis").iterdir())


def test_trajectories_of_older_releases_have_no_stresses(tmp_path):
    path = tmp_path / "run.npz"
    write_trajectory(path, lost_trajectory(Plan(0, 4, 7.0, 900.0), 1.0, "killed"))
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files if "stresses" not in name}
    arrays["0:times"] = arrays["0:temperatures"] = arrays["0:energies"] = np.ones(2)
    arrays["0:positions"] = arrays["0:forces"] = np.ones((2, 4, 3))
    np.savez(path, **arrays)
    stresses = read_trajectory(path).stresses
    assert stresses.shape == (2, 3, 3)
    assert np.isnan(stresses).all()


def test_a_damaged_trajectory_is_named(tmp_path):
    path = tmp_path / "run-000003.npz"
    path.write_bytes(b"rubbish")
    with pytest.raises(IntegrityError, match="run-000003"):
        read_trajectory(path)


@pytest.mark.slow
def test_the_anneal_has_its_temperature(carbon):
    stages = Stages(9000.0, 300.0, 0.5, 0.5, 0.5, 10.0, 0.0)
    recipe = replace(
        carbon,
        trajectories=1,
        n_atoms=(64, 64),
        density=(2.0, 2.0),
        anneal_temperature=(3000.0, 3000.0),
        stages=stages,
    )
    run_recipe(recipe, "set", pool=InProcess())
    loaded = hub.load_dataset("set", where="time > 2.5")
    measured = loaded.structure_extras["temperature"]
    assert len(measured) == 90
    # Frames 0.1 ps apart, the thermostat's own time, hardly know of each other.
    expected = 3000 * np.sqrt(2 / (3 * 64))
    assert measured.mean() == pytest.approx(3000, abs=5 * expected / np.sqrt(45))
    assert measured.std() == pytest.approx(expected, rel=0.35)


def test_the_manifest_can_be_read_without_the_data(copper):
    run_recipe(copper, "set", pool=InProcess())
    version = open_version("set").version
    assert json.dumps(version.manifest.metadata["made"][0])
