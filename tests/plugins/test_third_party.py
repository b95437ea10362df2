"""A package of somebody else's that adds one of everything, used as people use it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from hub.importers.importer import version_importer
from registry.builtin import Builtin
from registry.cards import builtin_cards
from registry.local import LocalStore
from tests.registry.conftest import CARD, SOURCE


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["import", "--help"],
        ["nonsense"],
        ["completion", "bash"],
    ],
)
def test_nothing_is_imported_before_it_is_used(hub, sentinel, tmp_path, arguments):
    code = 2 if arguments == ["nonsense"] else 0
    done = hub(*arguments, code=code, HUB_REGISTRIES=f"lab=toy://{tmp_path}/lab")
    assert not sentinel.exists()
    assert "Traceback" not in done.stderr
    if arguments == ["--help"]:
        assert "count           From the package hub-toy." in done.stdout


def test_a_command(hub, dimers, sentinel):
    assert hub("count", dimers).stdout == "4\n"
    assert sentinel.exists()
    assert "Count the lines of FILE." in hub("count", "--help").stdout
    assert "hub count --help" in hub("count", code=2).stderr
    assert "Did you mean count?" in hub("cuont", code=2).stderr


def test_commands_are_completed(hub, sentinel):
    def complete(words):
        count = str(len(words.split()))
        return hub(_HUB_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count).stdout

    assert complete("hub ").count("plain,count\n") == 1
    assert not sentinel.exists()
    assert (
        "plain,dimers\n"
        in hub(
            _HUB_COMPLETE="bash_complete", COMP_WORDS="hub import --reader d", COMP_CWORD="3"
        ).stdout
    )


def test_a_check(hub, trimer):
    done = hub("check", trimer, code=1)
    assert "error: odd-atoms: 1 structures are odd-atoms" in done.stdout
    assert "--allow odd-atoms" in done.stderr
    report = hub("check", trimer, "--allow", "odd-atoms", "--json").stdout
    assert [(each["code"], each["allowed"]) for each in json.loads(report)["findings"]] == [
        ("odd-atoms", True)
    ]


@pytest.mark.slow
def test_an_importer_a_store_and_a_teacher(hub, dimers, tmp_path, sentinel):
    """From files that only the package reads, over labels of its own, to a place of its own."""
    place = f"toy://{tmp_path}/lab"
    assert "no registry found" in hub("registry", "add", "lab", place).stderr
    made = hub("import", dimers, "--reader", "dimers", "--name", "pairs", "--to", "lab")
    assert made.stdout == "lab/pairs@1.0.0\n"
    assert "toy-lj" in hub("teachers").stdout
    hub("relabel", "pairs", "--teacher", "toy-lj", "--as", "lj", "--to", place, "--jobs", "1")
    assert (tmp_path / "lab" / "index%2Fpairs.json").is_file()
    elsewhere = {"HUB_HOME": str(tmp_path / "other"), "HUB_REGISTRIES": f"lab={place}"}
    pulled = hub("pull", "pairs@1.1.0", **elsewhere).stdout.splitlines()[-1]
    labels = json.loads((Path(pulled) / "dataset.zarr" / "labels" / "lj" / "zarr.json").read_text())
    assert labels["attributes"]["teacher"] == "toy-lj"
    assert labels["attributes"]["versions"]["hub-toy"] == "1.2.3"
    assert "pairs" in hub("list", "--remote", **elsewhere).stdout
    again = hub("import", dimers, "--reader", "dimers", "--name", "pairs", "--to", "lab", code=1)
    assert "already exists" in again.stderr


@pytest.mark.slow
def test_mistakes_in_the_use_of_a_plug_in(hub, dimers):
    done = hub("import", dimers, "--reader", "xyz", "--name", "a", code=2)
    assert "'xyz' is not one of ase, datasets, npz-labels, dimers" in done.stderr
    dimers.write_text("Ar 3.4")
    done = hub("import", dimers, "--reader", "dimers", "--name", "a", code=1)
    assert "a line has not four words" in done.stderr
    dimers.write_text("Ar 3.4 x y")
    done = hub("teachers", "toy-ljj", code=1)
    assert "Did you mean toy-lj?" in done.stderr
    done = hub("registry", "add", "lab", "tape:///lab", code=1)
    assert "file://, http://, https://, s3://, gs://, az:// or toy://" in done.stderr
    done = hub("registry", "add", "lab", "toy://me:secret@host/lab", code=1)
    assert "secret" not in done.stderr


def test_an_importer_of_published_files(toy, sentinel, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(toy)
    monkeypatch.setenv("HUB_TOY_IMPORTED", str(sentinel))
    (tmp_path / "toy.bin").write_bytes(SOURCE)
    (tmp_path / "models").mkdir()
    facts = {"size": len(SOURCE), "sha256": hashlib.sha256(SOURCE).hexdigest()}
    card = CARD.format(url=(tmp_path / "toy.bin").as_uri(), **facts)
    (tmp_path / "models" / "toy.md").write_text(card.replace("importer: toy", "importer: dimers"))
    builtin = Builtin(builtin_cards(tmp_path), version_importer)
    assert not sentinel.exists()
    version = builtin.install(builtin.cards["toy"], LocalStore(tmp_path / "cache"))
    assert version.manifest.metadata["lines"] == 1
    assert sentinel.exists()
