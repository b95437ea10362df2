"""Structures around given ones: which are used, how they are made, what is kept after a kill."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

import hub
from hub.errors import JobError, SynthesisError
from hub.jobs.pool import InProcess, Lost
from hub.library import catalogue
from hub.structures.identity import is_among
from hub.structures.reading import read_structures
from hub.structures.structure_set import StructureSet
from hub.synthesis import neighbourhoods
from hub.synthesis.around_schedule import Schedule
from hub.synthesis.chains import begin, follow, run_chains
from hub.synthesis.molecules import whole_molecules
from hub.teachers.spec import TeacherSpec
from hub.teachers.teacher import open_teacher
from registry.errors import ExistsError, IntegrityError
from tests.hub.synthesis.given import TEACHER, copper, write_copper

SHORT = {"chains": 2, "steps": 3}


@pytest.fixture
def data(tmp_path):
    return write_copper(tmp_path / "copper.xyz", 30)


def around(data, name="made", **options):
    options = {"teacher": TEACHER, "n_train": 5, "schedule": SHORT, "pool": InProcess()} | options
    return hub.synthesize_around(data, name=name, **options)


def test_structures_are_labelled_and_know_the_given_one(data, tmp_path):
    notes = []
    made = around(data, out=tmp_path / "split", report=notes.append)
    assert notes[0] == "5 structures for training and 10 for validation (seed 0)"
    loaded = hub.load_dataset("made")
    columns = loaded.structure_extras
    assert len(loaded) == 5 * Schedule.read(SHORT).calls == made.facts["structures"]
    assert columns["is_parent"].sum() == 5
    assert set(columns["parent"]) == set(range(5))
    assert len(set(columns["run_id"])) == 10
    given = read_structures(tmp_path / "split" / "train.extxyz").structures
    parents = loaded.select(columns["is_parent"].astype(bool))
    assert is_among(parents, given).all()
    teacher = open_teacher(TeacherSpec(TEACHER))
    isolated = teacher.isolated_atom_energy("Cu")
    for index in (0, 7, len(loaded) - 1):
        atoms = loaded.to_atoms(index)
        label = teacher.label(atoms)
        expected = label.energy - 4 * isolated
        assert atoms.get_potential_energy() == pytest.approx(expected, abs=1e-6)
        np.testing.assert_allclose(atoms.get_forces(), label.forces, atol=1e-5)
    about = made.version.manifest.metadata["made"][0]
    assert about["schedule"]["steps"] == 3
    assert about["given"]["structures"] == 5


def test_the_split_is_that_of_finetuning_and_its_other_sides_are_not_used(data, tmp_path):
    around(data, out=tmp_path / "split")
    sides = {
        name: read_structures(tmp_path / "split" / f"{name}.extxyz").structures
        for name in ("train", "validation", "test")
    }
    assert {name: len(each) for name, each in sides.items()} == {
        "train": 5, "validation": 10, "test": 15,
    }  # fmt: skip
    folder, results = hub.finetune(
        data, from_scratch=True, layers=1, features=2, cutoff=3.5, n_train=5, epochs=1,
        out=tmp_path / "run",
    )  # fmt: skip
    tested = read_structures(folder / "test-predictions.extxyz", "REF_energy", "REF_forces")
    assert is_among(tested.structures, sides["test"]).all()
    assert results["errors"]["n_structures"] == 15
    loaded = hub.load_dataset("made")
    assert not is_among(loaded, sides["test"]).any()
    assert not is_among(loaded, sides["validation"]).any()


def test_the_same_seed_gives_the_same_structures(data):
    one, two = (around(data, name).version.manifest for name in ("one", "two"))
    other = around(data, "other", seed=1).version.manifest
    content = [
        {file.path: file.sha256 for file in each.files if file.path != "README.md"}
        for each in (one, two, other)
    ]
    assert content[0] == content[1] != content[2]


def test_chains_follow_the_forces_within_limits():
    rng = np.random.default_rng(0)
    atoms = Atoms("Cu4", np.zeros((4, 3)), cell=[10, 10, 10], pbc=[True, True, False])
    plain = Schedule.read({"strain": 0.1, "rattle": [0, 0], "shake": [0, 0], "surfaces": 0})
    first = begin(atoms, plain, rng)
    np.testing.assert_array_equal(first.cell[2], [0, 0, 10])
    assert np.abs(first.cell.array / 10 - np.eye(3))[:2].max() <= 0.1
    assert np.abs(first.cell.array / 10 - np.eye(3))[:2].max() > 0
    forces = np.array([[1.0, 0, 0], [0, -100.0, 0], [0, 0, 0], [0, 3.0, 4.0]])
    moved = follow(atoms, forces, plain, rng).positions
    np.testing.assert_allclose(moved, [[0.02, 0, 0], [0, -0.15, 0], [0, 0, 0], [0, 0.06, 0.08]])


def test_vacancies_swaps_and_dynamics():
    (alloy,) = copper(1, formula="CuAu")
    parent = StructureSet.from_atoms([alloy])
    schedule = Schedule.read(
        {"chains": 4, "steps": 2, "vacancies": 1.0, "dynamics": 2, "interval": 2}
    )
    made = run_chains(TeacherSpec(TEACHER), parent, schedule, 0, 0)
    assert [len(frame.numbers) for frame in made.frames] == [4, *[3] * 16]
    steps = [frame.step for frame in made.frames if frame.chain == 3]
    assert steps == [0, 1, 2, 3]
    swapped = run_chains(TeacherSpec(TEACHER), parent, Schedule.read({"swaps": 1.0}), 0, 0)
    order = [tuple(frame.numbers) for frame in swapped.frames]
    assert sorted(order[1]) == sorted(order[0])
    assert order[1] != order[0]


def test_a_structure_is_cut_open_at_a_plane():
    (bulk,) = copper(1)
    plain = Schedule.read({"surfaces": 1.0, "strain": 0, "rattle": [0, 0]})
    axes = set()
    for seed in range(8):
        cut = begin(bulk, plain, np.random.default_rng(seed))
        longer = cut.cell.lengths() - bulk.cell.lengths()
        axis = int(longer.argmax())
        np.testing.assert_allclose(longer, 10.0 * (np.arange(3) == axis), atol=1e-9)
        # The atoms are those of the crystal, moved by whole cell vectors into one layer.
        moves = (cut.positions - bulk.positions) @ np.linalg.inv(bulk.cell.array)
        np.testing.assert_allclose(moves, moves.round(), atol=1e-9)
        np.testing.assert_array_equal(np.delete(moves.round(), axis, axis=1), 0)
        assert np.ptp(cut.positions[:, axis]) < bulk.cell.lengths()[axis]
        axes.add(axis)
    assert axes == {0, 1, 2}
    layer = Atoms("Cu", cell=[2.5, 2.5, 0], pbc=[True, True, False])
    cut = begin(layer, plain, np.random.default_rng(0))
    assert sorted(cut.cell.lengths()) == pytest.approx([0, 2.5, 12.5])
    isolated = Atoms("H2", [[0, 0, 0], [0.8, 0, 0]])
    np.testing.assert_array_equal(
        begin(isolated, plain, np.random.default_rng(0)).positions, isolated.positions
    )


def test_molecules_stay_whole_where_a_liquid_is_cut():
    rng = np.random.default_rng(0)
    water = molecule("H2O")
    places = np.array(list(np.ndindex(3, 3, 3))) * 3.5
    liquid = Atoms(cell=[10.5] * 3, pbc=True)
    for place in places:
        one = water.copy()
        one.euler_rotate(*rng.uniform(0, 180, 3))
        one.translate(place)
        liquid += one
    liquid.wrap()
    plain = Schedule.read({"surfaces": 1.0, "strain": 0, "rattle": [0, 0]})
    for seed in range(6):
        cut = begin(liquid, plain, np.random.default_rng(seed))
        assert np.ptp(cut.cell.lengths()) == pytest.approx(10.0)
        for first in range(0, len(cut), 3):
            for other in (1, 2):
                assert cut.get_distance(first, first + other, mic=True) == pytest.approx(
                    water.get_distance(0, other)
                )


def test_chains_without_an_end_are_no_molecules():
    chain = Atoms("C2", [[0, 0, 0], [1.3, 0, 0]], cell=[2.6, 12, 12], pbc=True)
    assert list(whole_molecules(chain)) == []
    apart = Atoms("C2", [[0, 0, 0], [1.3, 0, 0]], cell=[9, 12, 12], pbc=True)
    apart.positions -= [0.5, 0, 0]
    apart.wrap()
    ((atoms, images),) = whole_molecules(apart)
    assert atoms.tolist() == [0, 1]
    assert images.tolist() == [[0, 0, 0], [1, 0, 0]]


def test_absurd_structures_are_left_out_and_counted():
    parent = StructureSet.from_atoms(copper(1))
    spec = TeacherSpec(TEACHER)
    everything = run_chains(spec, parent, Schedule.read(), 0, 0)
    largest = [np.linalg.norm(frame.forces, axis=1).max() for frame in everything.frames]
    limit = float(np.median(largest))
    made = run_chains(spec, parent, Schedule.read({"max_force": limit}), 0, 0)
    assert len(made.frames) + made.too_large == Schedule().calls
    assert len(made.frames) == sum(each <= limit for each in largest)
    with pytest.raises(SynthesisError, match="all have forces above the limit"):
        campaign_of([copper(1)[0]], {"max_force": 1e-9})


def campaign_of(structures, schedule, tmp_path=None, pool=None):
    import tempfile
    from pathlib import Path

    place = tmp_path or Path(tempfile.mkdtemp())
    return neighbourhoods.AroundCampaign(
        place, TeacherSpec(TEACHER), StructureSet.from_atoms(structures),
        Schedule.read(schedule), 0, pool or InProcess(),
    ).run()  # fmt: skip


def test_cells_of_one_atom_are_not_repeated(tmp_path):
    from ase.build import bulk
    from ase.io import write

    cells = [bulk("Cu", a=a) for a in (3.5, 3.6, 3.7)]
    write(tmp_path / "cells.xyz", cells)
    made = around(tmp_path / "cells.xyz", n_train=1)
    # The given one, and one strain for each of two chains.
    assert made.facts["structures"] == 3


def test_an_unfinished_synthesis_is_resumed(data, monkeypatch):
    calls = []

    class Killed(InProcess):
        def wait(self):
            calls.append(None)
            if len(calls) == 5:  # the first is the description of the teacher
                raise KeyboardInterrupt
            return super().wait()

    with pytest.raises(KeyboardInterrupt):
        around(data, pool=Killed())
    place = catalogue().local.root / "synthesis" / "made-1.0.0"
    assert len(list(place.glob("around-*.npz"))) == 3
    with pytest.raises(ExistsError, match="unfinished work") as caught:
        around(data)
    assert "--resume" in caught.value.hint
    with pytest.raises(JobError, match="different seed"):
        around(data, seed=4, resume=True)
    ran = []
    really = neighbourhoods.run_chains
    monkeypatch.setattr(
        neighbourhoods, "run_chains", lambda *task: (ran.append(task[-1]), really(*task))[1]
    )
    again = around(data, resume=True)
    assert ran == [3, 4]
    assert not place.exists()
    whole = around(data, "whole")
    assert again.facts["structures"] == whole.facts["structures"]


def test_a_corrupted_file_is_named(tmp_path):
    structures = copper(2)
    campaign_of(structures, SHORT, tmp_path)
    path = tmp_path / "around-000001.npz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(IntegrityError, match=r"around-000001\.npz is corrupted"):
        campaign_of(structures, SHORT, tmp_path)


def test_what_kills_its_process_is_reported_and_left_out(tmp_path):
    class Dying(InProcess):
        def wait(self):
            key, found = super().wait()
            return key, Lost("the process died") if key == 0 else found

    found = campaign_of(copper(2), SHORT, tmp_path, Dying())
    assert [len(each.frames) for each in found] == [0, Schedule.read(SHORT).calls]
    assert found[0].failures == ["the process died"]


def test_a_teacher_that_does_not_know_an_element(tmp_path):
    silver = [Atoms("Cl2", [[0, 0, 0], [0, 0, 2]], cell=[8] * 3, pbc=True) for _ in range(3)]
    from ase.io import write

    for number, atoms in enumerate(silver):
        atoms.positions[1, 2] += 0.1 * number
    write(tmp_path / "silver.xyz", silver)
    with pytest.raises(SynthesisError, match="none of the structures could be labelled"):
        around(tmp_path / "silver.xyz", n_train=1)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"chain": 2}, "unknown field `chain`"),
        ({"steps": 0}, "'steps'"),
        ({"rattle": [0.2, 0.1]}, "'rattle': the first number is larger"),
        ({"strain": "much"}, "'strain'"),
    ],
)
def test_wrong_schedules(numbers, message):
    with pytest.raises(SynthesisError) as refused:
        Schedule.read(numbers)
    assert message in refused.value.message


def test_the_command_line(command, tmp_path):
    write_copper(tmp_path / "copper.xyz", 20)
    made = command(
        "synthesize", "--around", "copper.xyz", "--teacher", TEACHER, "--name", "made",
        "--n-train", 3, "--schedule", json.dumps(SHORT), "--jobs", 1, "--json",
    ).json  # fmt: skip
    assert made["structures"] == 3 * Schedule.read(SHORT).calls
    refused = command(
        "synthesize", "--around", "copper.xyz", "--teacher", TEACHER, "--name", "b",
        "--trajectories", 3, code=2,
    )  # fmt: skip
    assert "--trajectories cannot be combined with --around" in refused.err
    refused = command("synthesize", "--teacher", TEACHER, "--name", "b", "--n-train", 3, code=2)
    assert "--n-train requires --around" in refused.err
