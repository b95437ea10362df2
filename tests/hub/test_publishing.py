"""Publishing: what is asked for, what is refused, what others get."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ase.io import write

from hub.errors import ModelError, PublishingError
from hub.library import catalogue
from hub.potentials import calculator, load_model
from hub.publishing import publish
from hub.pulling import pull
from hub.training.finetune import finetune
from registry.cards import join_front_matter, split_front_matter
from registry.errors import ExistsError, InvalidReferenceError, NotFoundError, SettingsError
from registry.files import sha256_of
from registry.references import Reference
from registry.upkeep import verify
from tests.hub.potentials.small import hydrocarbon

ROOT = Path(__file__).parents[2]
FACTS = {"license": "MIT", "description": "A model of mine"}


def write_card(directory, front_matter, body="# Mine\n"):
    (directory / "README.md").write_text(join_front_matter(front_matter, body))


@pytest.fixture
def directory(random_directory, tmp_path):
    """A model directory with a card that is complete."""
    directory = shutil.copytree(random_directory, tmp_path / "model")
    write_card(directory, {"kind": "model", **FACTS})
    return directory


@pytest.fixture
def run(directory, tmp_path):
    """A run folder: one epoch on labels that the parent model made."""
    publish(directory, "parent", "1.2.0")
    ours = calculator(directory, device="cpu")
    structures = [hydrocarbon(seed) for seed in range(8)]
    for atoms in structures:
        atoms.calc = ours
        atoms.get_potential_energy()
    write(tmp_path / "data.xyz", structures, format="extxyz")
    folder, _ = finetune(
        tmp_path / "data.xyz", model="parent", out=tmp_path / "run", epochs=1, device="cpu"
    )
    return folder


def test_a_run_is_published_with_its_lineage(run):
    before = {path.name: path.read_bytes() for path in (run / "model").iterdir()}
    published = publish(run, "mine", "1.0.0", license="CC-BY-4.0")
    manifest = published.manifest
    assert [entry.path for entry in manifest.files] == [
        "README.md",
        "config.json",
        "probe.json",
        "weights.safetensors",
    ]
    (parent,) = manifest.parents
    expected = catalogue().resolve(Reference("parent"))
    assert (parent.name, parent.version, parent.relation) == ("parent", "1.2.0", "fine-tuned")
    assert parent.digest == expected.digest
    assert manifest.licence == "CC-BY-4.0"
    assert manifest.metadata["elements"] == ["C", "H"]
    assert manifest.metadata["cutoff"] == 3.0
    assert "parent fine-tuned on" in manifest.metadata["description"]
    front_matter, body = split_front_matter((published.path / "README.md").read_text(), "card")
    assert (front_matter["name"], front_matter["version"]) == ("mine", "1.0.0")
    assert front_matter["license"] == "CC-BY-4.0"
    assert front_matter["training"]["parent"]["digest"] == parent.digest
    assert body.startswith("# parent fine-tuned")
    assert {path.name: path.read_bytes() for path in (run / "model").iterdir()} == before
    one, other = load_model(run), load_model("mine@1.0.0")
    for name, value in one.weights().items():
        assert (value == other.weights()[name]).all()


def test_another_machine_pulls_what_was_published(directory, tmp_path, monkeypatch):
    lab = tmp_path / "lab"
    here = publish(directory, "mine", "1.0.0", to=str(lab))
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HUB_REGISTRIES", f"lab={lab}")
    there = catalogue().pull(Reference("mine"))
    assert there.digest == here.digest
    for entry in there.manifest.files:
        assert sha256_of(there.path / entry.path) == entry.sha256
    atoms = hydrocarbon()
    energies = []
    for place in (directory, "mine"):
        atoms.calc = calculator(place, device="cpu")
        energies.append(atoms.get_potential_energy())
    assert energies[0] == energies[1]


@pytest.mark.parametrize(
    ("kept", "lacking"),
    [
        ([], "license and description"),
        (["license"], "description"),
        (["description"], "license"),
    ],
)
def test_what_the_card_lacks_is_named(directory, kept, lacking):
    write_card(directory, {"kind": "model", **{key: FACTS[key] for key in kept}})
    with pytest.raises(PublishingError) as refusal:
        publish(directory, "mine", "1.0.0")
    assert refusal.value.message == f"the card {directory}/README.md lacks {lacking}"
    for key in lacking.split(" and "):
        assert f"`{key}: ...`" in refusal.value.hint
        assert f"--{key}" in refusal.value.hint
    with pytest.raises(NotFoundError):
        pull("mine")
    published = publish(directory, "mine", "1.0.0", license="MIT", description="Now described")
    assert published.manifest.metadata["description"] == "Now described"


def test_another_licence_needs_a_name(directory):
    write_card(directory, FACTS | {"license": "other"})
    with pytest.raises(PublishingError, match=r"lacks license_name$"):
        publish(directory, "mine", "1.0.0")
    write_card(directory, FACTS | {"license": "other", "license_name": "of-our-own"})
    assert publish(directory, "mine", "1.0.0").manifest.licence == "of-our-own"


@pytest.mark.parametrize("value", ["", "  ", 3, None, ["MIT"]])
def test_a_licence_is_text(directory, value):
    write_card(directory, FACTS | {"license": value})
    with pytest.raises(PublishingError, match=r"lacks license$"):
        publish(directory, "mine", "1.0.0")


def test_a_card_must_be_there(directory):
    (directory / "README.md").write_text("# No front matter\n")
    with pytest.raises(SettingsError, match=r"README\.md: a card must begin with"):
        publish(directory, "mine", "1.0.0")
    (directory / "README.md").unlink()
    with pytest.raises(PublishingError, match=r"card .* not found"):
        publish(directory, "mine", "1.0.0")


def test_a_parent_is_whole_or_absent(directory):
    write_card(directory, FACTS | {"training": {"parent": {"directory": "somewhere"}}})
    assert publish(directory, "mine", "1.0.0").manifest.parents == ()
    write_card(directory, FACTS | {"training": {"parent": {"name": "x", "digest": "0" * 64}}})
    with pytest.raises(PublishingError, match="has an invalid `parent`"):
        publish(directory, "mine", "1.0.1")


def test_a_model_that_computes_something_else_is_refused(directory):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"avg_num_neighbors": 9.1}))
    with pytest.raises(ModelError, match="does not reproduce"):
        publish(directory, "mine", "1.0.0")
    with pytest.raises(NotFoundError):
        pull("mine")


def test_a_version_never_changes(directory):
    first = publish(directory, "mine", "1.0.0")
    with pytest.raises(ExistsError, match="already exists"):
        publish(directory, "mine", "1.0.0", description="Something else")
    assert catalogue().resolve(Reference("mine")).digest == first.digest
    publish(directory, "mine", "1.1.0", description="Something else")
    assert catalogue().resolve(Reference("mine")).manifest.version == "1.1.0"


def test_names_that_cannot_be_given(directory):
    with pytest.raises(ExistsError, match="built-in"):
        publish(directory, "c-ace-pretrained", "9.0.0")
    for name, version in (("My Model", "1.0.0"), ("mine", "1.0"), ("", "1.0.0"), ("mine", "")):
        with pytest.raises(InvalidReferenceError):
            publish(directory, name, version)


def test_places_that_are_not_there(directory, tmp_path):
    with pytest.raises(NotFoundError, match=r"directory .* not found"):
        publish(tmp_path / "nowhere", "mine", "1.0.0")
    with pytest.raises(NotFoundError, match="unknown registry 'nowhere'"):
        publish(directory, "mine", "1.0.0", to="nowhere")


def test_a_training_must_have_finished(run):
    (run / "results.json").unlink()
    with pytest.raises(PublishingError, match="is not finished") as refusal:
        publish(run, "mine", "1.0.0", license="MIT")
    assert refusal.value.hint == f"Resume it: hub finetune --out {run} --resume"


# Dies by SIGKILL before the n-th file is moved to its place; prints DONE if it gets through.
CHILD = """
import sys
from tests.killing import die_before_move

moves = int(sys.argv[1])
die_before_move(moves)
from hub.publishing import publish
publish(sys.argv[2], "mine", "1.0.0", to=sys.argv[3])
print("DONE")
"""


@pytest.mark.slow
@pytest.mark.parametrize("moves", [1, 5, 8])
def test_a_killed_publish_is_repeated(directory, tmp_path, moves):
    """Killed as the registry is made, amid its blobs, before the index shows it."""

    def child(moves):
        return subprocess.run(
            [sys.executable, "-c", CHILD, str(moves), str(directory), str(tmp_path / "lab")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert child(moves).returncode == -signal.SIGKILL
    done = child(0)
    assert done.stdout == "DONE\n", done.stderr
    assert not any(finding.damaged for finding in verify(catalogue(), repair=False))
    assert load_model("mine@1.0.0").config.type_names == ("C", "H")
