"""Lineages and citations, of manifests, cards and run folders."""

import shlex

import pytest

import hub
from hub.cli.main import hub as program
from hub.history.bibtex import Entry, entries, together
from hub.library import catalogue
from registry.cards import join_front_matter
from registry.manifest import Parent
from registry.publishing import publish

TEACHER = {
    "teacher": "lcbop",
    "parameters_digest": "ab" * 32,
    "versions": {"lammps": "2025"},
    "level_of_theory": "LCBOP",
    "source": "C.lcbop",
}
DFT = {"teacher": "GPAW", "versions": {}, "source": "energy energy, forces forces"}
MADE = {
    "method": "melt, quench, anneal",
    "element": "C",
    "trajectories": 3,
    "density": [1.0, 3.5],
    "n_atoms": [32, 32],
    "stages": {
        "melt_temperature": 8000.0, "cold_temperature": 300.0,
        "melt": 1.0, "quench": 1.0, "heat": 2.0, "anneal": 3.0, "cool": 2.5,
    },
    "timestep": 0.5,
    "seed": 7,
    "teacher": {"family": "tersoff", "parameters": "", "options": {}},
}  # fmt: skip
RECIPE = {"name": "default", "learning_rate": 0.002, "batch_size": 5, "max_epochs": 9}
ARTICLE = "@article{same2020,\n  title = {One {\\'e}},\n  doi = {10.1000/one}\n}"


def add(folder, name, kind, card, metadata=None, parents=()):
    """Publish what has only a card and a manifest."""
    content = folder / name
    content.mkdir()
    (content / "README.md").write_text(join_front_matter({"license": "MIT", **card}, "# It\n"))
    return publish(
        catalogue(), content, name, "1.0.0",
        kind=kind, metadata=metadata or {}, parents=parents, licence="MIT",
    )  # fmt: skip


def parent(made, relation):
    return Parent(made.manifest.name, "1.0.0", made.digest, relation)


def about(*label_sets, **more):
    known = {"dft": DFT, "lcbop": TEACHER}
    return {"dataset": {"label_sets": {name: known[name] for name in label_sets}}, **more}


@pytest.fixture
def family(tmp_path):
    """A model, transmuted from one tuned from one taught by labels added to imported data."""
    base = add(
        tmp_path, "base", "dataset", {"citation": ARTICLE.replace("same", "her")}, about("dft")
    )
    labelled = add(
        tmp_path, "labelled", "dataset", {"citation": ARTICLE},
        about("dft", "lcbop"), [parent(base, "relabelled")],
    )  # fmt: skip
    training = {
        "parent": None,
        "data": {
            "files": ["labelled@1.0.0"], "dataset": "local/labelled@1.0.0",
            "dataset_digest": labelled.digest, "n_train": 40, "n_validation": 5, "n_test": 5,
            "energy_key": "labels/lcbop/energies", "where": "density > 2",
            "labels": {"name": "lcbop", **TEACHER}, "left_out": {"with forces above 30 eV/Å": 1},
        },
        "recipe": {**RECIPE, "name": "pretrain", "max_hours": 0.5}, "seed": 4,
    }  # fmt: skip
    taught = add(tmp_path, "taught", "model", {"training": training})
    up = parent(taught, "fine-tuned")
    tuning = {
        "parent": {"name": "taught", "version": "1.0.0", "digest": taught.digest},
        "data": {
            "files": ["my dft.xyz"], "sha256": "cd" * 32, "n_train": 20,
            "energy_key": "energy", "forces_key": "forces",
            "allowed_findings": ["mixed-references: several zeros"],
        },
        "recipe": {**RECIPE, "name": "paper", "stress_weight": 0.0}, "seed": 1,
    }  # fmt: skip
    note = "Somebody, unpublished (2025)"
    tuned = add(tmp_path, "tuned", "model", {"training": tuning, "citation": note}, parents=[up])
    how = {"pairs": [["C", "Si"]], "scale": 1.5, "energy_scale": 0.25}
    return add(
        tmp_path, "silicon", "model",
        {"transmutation": how, "citation": "@book{same2020, title = {Another}}"},
        parents=[parent(tuned, "transmuted")],
    )  # fmt: skip


def require_valid(command):
    """A command is one that there is, with options that there are."""
    start, name, *arguments = shlex.split(command)
    assert start == "hub"
    program.get_command(None, name).make_context(name, arguments, resilient_parsing=True)


def test_a_lineage_goes_back_to_the_teacher(family):
    top = hub.lineage("silicon")
    tuned, taught = top.parents[0], top.parents[0].parents[0]
    files, labelled = tuned.parents[1], taught.parents[0]
    base, teacher = labelled.parents
    assert [(each.name, each.relation) for each in (tuned, taught, files, labelled, base)] == [
        ("local/tuned@1.0.0", "transmuted"),
        ("local/taught@1.0.0", "fine-tuned"),
        ("my dft.xyz", "trained-on"),
        ("local/labelled@1.0.0", "trained-on"),
        ("local/base@1.0.0", "relabelled"),
    ]
    assert base.parents == ()  # the model did not learn its labels
    assert (teacher.name, teacher.relation) == ("lcbop", "labelled-by (lcbop)")
    assert top.digest == family.digest
    assert top.command == (
        "hub transmute local/tuned@1.0.0 --element-map C=Si --scale 1.5 --energy-scale 0.25 "
        "--name silicon --version 1.0.0"
    )
    assert tuned.command == (
        "hub finetune --data 'my dft.xyz' --energy-key energy --forces-key forces "
        "--model local/taught@1.0.0 --n-train 20 --recipe paper --epochs 9 --learning-rate 0.002 "
        "--batch-size 5 --stress-weight 0.0 --seed 1 --allow mixed-references"
    )
    assert taught.command == (
        "hub pretrain --data local/labelled@1.0.0 --labels lcbop --n-train 40 "
        "--where 'density > 2' --max-force 30 --epochs 9 --learning-rate 0.002 --batch-size 5 "
        "--max-hours 0.5 --seed 4"
    )
    assert labelled.command == (
        "hub relabel local/base@1.0.0 --teacher lcbop --labels lcbop --name labelled "
        "--version 1.0.0"
    )
    assert any("C.lcbop" in each for each in labelled.unknown)
    assert base.command == "hub import FILES --name base --version 1.0.0"
    assert "the files that were imported" in base.unknown[0]
    for step in top.walk():
        if step.command:
            require_valid(step.command)


def test_structures_of_molecular_dynamics(tmp_path):
    first = add(tmp_path, "first", "dataset", {}, about("lcbop", made=[MADE]))
    add(
        tmp_path, "second", "dataset", {}, about("lcbop", made=[MADE, {**MADE, "seed": 8}]),
        [parent(first, "extended")],
    )  # fmt: skip
    top = hub.lineage("second")
    assert top.command == (
        "hub synthesize --element C --teacher tersoff --trajectories 3 --atoms 32:32 "
        "--density 1:3.5 --melt-temperature 8000.0 --stages 1,1,2,3,2.5 --timestep 0.5 --seed 8 "
        "--onto local/first@1.0.0 --name second --version 1.0.0"
    )
    require_valid(top.command)
    assert "--seed 7 --labels lcbop --name first" in top.parents[0].command


def test_published_checkpoints_are_pulled():
    top = hub.lineage("c-ace-pretrained")
    assert top.command == "hub pull builtin/c-ace-pretrained@1.0.0"
    (data,) = top.parents
    assert (data.name, data.command) == (
        "builtin/c-synth-23m@1.0.0", "hub pull builtin/c-synth-23m@1.0.0",
    )  # fmt: skip
    assert [each.name for each in data.parents] == ["ACE"]


def test_what_cannot_be_found_is_said(tmp_path):
    gone = Parent("gone", "2.0.0", "ef" * 32, "fine-tuned")
    add(tmp_path, "left", "model", {}, parents=[gone])
    top = hub.lineage("left")
    assert (top.command, top.unknown) == ("", ("how it was made",))
    (lost,) = top.parents
    assert (lost.name, lost.digest, lost.relation) == ("gone@2.0.0", "ef" * 32, "fine-tuned")
    assert "'gone@2.0.0' not found" in lost.unknown[0]
    # Other content under the same name is not taken for the parent.
    add(tmp_path, "other", "model", {})
    other = Parent("other", "1.0.0", "ef" * 32, "fine-tuned")
    add(tmp_path, "astray", "model", {}, parents=[other])
    assert "has changed since then" in hub.lineage("astray").parents[0].unknown[0]


def test_a_run_folder_says_what_it_was_started_with(older_runs):
    top = hub.lineage(older_runs / "finished")
    assert top.command == (
        "hub finetune --data alloy.extxyz --model small --n-train 4 --epochs 4 --device cpu "
        "--seed 3"
    )
    assert top.unknown == ()
    model, data = top.parents
    assert (model.name, data.name) == ("small", "alloy.extxyz")
    unfinished = hub.lineage(older_runs / "unfinished")
    assert unfinished.command == top.command
    assert "'small' not found" in unfinished.parents[0].unknown[0]
    pretraining = hub.lineage(older_runs / "pretraining")
    assert pretraining.command.endswith("--device cpu --model-config model.json")
    assert '"num_features": 2' in pretraining.unknown[0]
    for each in (top, pretraining):
        require_valid(each.command)


def test_run_folders_that_name_each_other(older_runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (older_runs / "unfinished" / "run.json").read_text()
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text.replace('"small"', f'"{other}"'))
    names = [step.name for step in hub.lineage("one").walk() if step.kind == "model"]
    assert names == ["one", "two", "one"]


@pytest.fixture
def older_runs(request):
    """Runs of an older release."""
    return request.config.rootpath / "tests" / "data" / "release-1"


def test_each_work_is_cited_once_under_a_key_of_its_own(family):
    found = hub.cite("silicon")
    assert [entry.key for entry in found.entries] == [
        "same2020", "local-tuned-1.0.0", "same2020-2", "lcbop",
    ]  # fmt: skip
    book, note, article, teacher = found.entries
    assert book.kind == "book"
    assert note.fields == "note = {Somebody, unpublished (2025)}"
    assert "doi = {10.1000/one}" in str(article)
    assert "10.1103/PhysRevB.68.024107" in str(teacher)
    assert found.without == ("model local/taught@1.0.0", "files my dft.xyz")
    assert entries(found.bibtex, "x") == list(found.entries)


def test_what_is_no_bibtex_becomes_a_note():
    assert entries("a {odd} text\\", "a b/c") == [Entry("misc", "a-b-c", "note = {a (odd) text}")]
    (broken,) = entries("@article{key, title = {never closed}", "k")
    assert (broken.kind, broken.key) == ("misc", "k")
    (doi,) = entries("https://doi.org/10.1063/1.481208", "airebo")
    assert doi.fields == "doi = {10.1063/1.481208},\n  url = {https://doi.org/10.1063/1.481208}"
    two = entries("@a{x, t = {\\}}}} text @B{y, t = {2}}", "k")
    assert [(each.kind, each.key) for each in two] == [("a", "x"), ("b", "y")]


def test_keys_differ_in_more_than_case():
    found = together([Entry("a", "Key", "t = {1}"), Entry("a", "key", "t = {2}")])
    assert [each.key for each in found] == ["Key", "key-2"]
