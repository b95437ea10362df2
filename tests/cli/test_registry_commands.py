"""The commands about names and bytes."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hub
from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.errors import ExistsError, NotFoundError
from registry.local import LocalStore
from registry.publishing import publish
from registry.registry import Registry
from registry.stores.directory import DirectoryStore
from tests.cli.process import HUB, environment, finish
from tests.registry.server import Server, flip

CARD = """---
license: mit
citation: |
  @article{someone}
---

# Mine

A model of mine.
"""


@pytest.fixture
def lab(tmp_path):
    """A registry of somebody else, with one model in two versions."""
    content = tmp_path / "content"
    content.mkdir()
    (content / "README.md").write_text(CARD)
    (content / "weights.bin").write_bytes(b"weights" * 1000)
    lab = Registry("lab", DirectoryStore(tmp_path / "lab"))
    author = Catalogue(LocalStore(tmp_path / "author"), [lab], Builtin({}, {}.get))
    for version in ("1.0.0", "1.1.0"):
        publish(
            author,
            content,
            "mine",
            version,
            kind="model",
            metadata={"description": "My model"},
            licence="mit",
            to="lab",
        )
    return tmp_path / "lab"


def test_listing_imports_nothing_heavy():
    script = """
import sys
from hub.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
heavy = {"numpy", "ase", "torch", "zarr", "scipy", "nequip", "rich", "filelock"}
heavy |= {"hub.cli.finetune", "hub.cli.publish", "registry.huggingface.registry"}
print(sorted(heavy.intersection(sys.modules)), file=sys.stderr)
"""
    for arguments in (
        ["--help"],
        ["list"],
        ["list", "--json"],
        ["list", "--elements", "C", "--license", "mit"],
        ["show", "c-ace-pretrained"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == "[]\n"


def test_list(command, home):
    rows = {row["name"]: row for row in command("list", "--json").json}
    assert rows["c-ace-pretrained"]["origin"] == "builtin"
    assert not rows["c-ace-pretrained"]["cached"]
    table = command("list", "c-ace*").out.splitlines()
    assert table[0].split()[:3] == ["NAME", "VERSION", "KIND"]
    assert len(table) == 1 + sum(name.startswith("c-ace") for name in rows)
    nothing = command("list", "unheard-of")
    assert nothing.out == ""
    assert "unheard-of" in nothing.err
    assert not home.exists()


def test_a_reader_that_leaves_is_no_error_to_speak_of():
    done = subprocess.run(
        f"{' '.join(HUB)} list | head -c 1",
        shell=True,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_a_registry_from_end_to_end(command, lab):
    with Server(lab) as server:
        added = command("registry", "add", "lab", server.url)
        assert "with 1 names" in added.err
        listed = command("registry", "list", "--json").json
        assert listed == [{"name": "lab", "location": server.url}]
        assert "mine" not in {row["name"] for row in command("list", "--json").json}
        assert "mine" in {row["name"] for row in command("list", "--remote", "--json").json}
        shown = command("show", "mine", "--json").json
        assert shown["reference"] == "lab/mine@1.1.0"
        assert [file["path"] for file in shown["files"]] == ["README.md", "weights.bin"]
        pulled = command("pull", "mine")
        directory = Path(pulled.out.strip())
        assert (directory / "weights.bin").read_bytes() == b"weights" * 1000
        assert "lab/mine@1.1.0" in pulled.err
        assert command("pull", "mine", "--json").json["digest"] == shown["digest"]
        server.requests.clear()
        assert command("pull", "mine", "--quiet", code=2).out == ""
        assert command("--quiet", "pull", "mine").err == ""
        assert server.requests == []
    assert command("pull", "mine", HUB_OFFLINE="1").out == pulled.out
    assert "lab/mine@1.1.0: intact" in command("verify").out
    assert command("cache", "size", "--json").json["versions"] == 1
    command("registry", "remove", "lab")
    assert command("registry", "list", "--json").json == []
    assert command("pull", "mine").out == pulled.out


def test_show(command, lab):
    command("registry", "add", "lab", lab)
    text = command("show", "mine").out
    weights = hashlib.sha256(b"weights" * 1000).hexdigest()
    for expected in (
        "lab/mine@1.1.0  (model)",
        "My model",
        "mit",
        weights,
        "# Mine",
        "@article{someone}",
    ):
        assert expected in text
    assert "license: mit" not in text
    card = command("show", "c-ace-pretrained").out
    assert "not on this machine yet" in card
    assert "@article{gardner2024synthetic" in card
    assert command("show", "c-ace-pretrained", "--json").json["digest"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["pull", "c-ace-pretraned"], 3, "Did you mean c-ace-pretrained"),
        (["show", "mien"], 3, "Did you mean mine?"),
        (["pull", "mine@9.9.9"], 3, "lab has 1.0.0, 1.1.0"),
        (["pull", "nowhere/mine"], 3, "'nowhere/mine' not found"),
        (["pull", "Mine"], 2, "is not a valid name"),
        (["pull", "mine@x@y"], 2, "is not a version"),
        (["verify", "mine"], 3, "on this machine"),
        (["registry", "add", "lab", "/elsewhere"], 1, "registry remove lab"),
        (["registry", "add", "local", "/elsewhere"], 1, "is reserved"),
        (["registry", "add", "x", "ftp://a/b"], 1, "ftp"),
        (["registry", "remove", "lob"], 3, "registry 'lob' not found"),
        (["pul", "mine"], 2, "Did you mean pull"),
    ],
)
def test_mistakes_are_answered(command, lab, arguments, code, said):
    command("registry", "add", "lab", lab)
    done = command(*arguments, code=code)
    assert said in done.err
    assert done.out == ""


def test_exit_codes_of_what_goes_wrong_on_the_way(command, lab):
    with Server(lab) as server:
        registries = {"HUB_REGISTRIES": f"lab={server.url}"}
        server.faults["/blobs/"] = [flip(0)] * 10
        assert "sha256" in command("pull", "mine", code=4, **registries).err
        assert (
            "the network is disabled"
            in command("pull", "mine", code=5, HUB_OFFLINE="1", **registries).err
        )
    (lab / "registry.json").write_text('{"format": 3, "name": "lab"}')
    assert "Update" in command("pull", "mine", code=6, HUB_REGISTRIES=f"lab={lab}").err
    done = command("pull", "c-ace-pretrained", code=5, HUB_OFFLINE="1")
    assert "HUB_MIRROR" in done.err


def test_verify_repairs_and_says_what_it_cannot(command, home, lab):
    command("registry", "add", "lab", lab)
    directory = Path(command("pull", "mine").out.strip())
    weights = directory / "weights.bin"

    def damage():
        blob = next(
            path
            for path in (home / "cache" / "blobs").rglob("*")
            if path.is_file() and path.stat().st_size == weights.stat().st_size
        )
        for path in (blob, weights):
            path.chmod(0o644)
            path.write_bytes(b"w" * weights.stat().st_size)

    damage()
    found = command("verify", "--no-repair", code=4)
    assert found.out == "lab/mine@1.1.0: damaged: weights.bin\n"
    assert "--repair" in found.err
    assert command("verify", "mine").out == "lab/mine@1.1.0: repaired: weights.bin\n"
    assert weights.read_bytes() == b"weights" * 1000
    damage()
    shutil.rmtree(lab)
    (lost,) = command("verify", "--json", code=4).json
    assert lost["damaged"] == ["weights.bin"]
    assert not lost["repaired"]
    assert lost["problem"]


def test_pull_to_a_directory_of_ones_own(command, lab, tmp_path):
    command("registry", "add", "lab", lab)
    command("pull", "mine", "--out", tmp_path / "my files")
    own = tmp_path / "my files" / "weights.bin"
    own.write_bytes(b"edited")
    assert "something other" in command("pull", "mine", "--out", own.parent, code=1).err
    assert "note: --to is now --out" in command("pull", "mine", "--to", tmp_path / "more").err
    assert (tmp_path / "more" / "weights.bin").is_file()
    kept = Path(command("pull", "mine").out.strip()) / "weights.bin"
    assert kept.read_bytes() == b"weights" * 1000


def test_copy(command, lab, tmp_path):
    command("registry", "add", "lab", lab)
    copied = command("registry", "copy", "m*@*", "--from", "lab", "--to", tmp_path / "team")
    first, second = copied.out.splitlines()
    assert first.startswith("team/mine@1.0.0: copied, 7.1 kB sent")
    assert second == "team/mine@1.1.0: copied"
    digest = command("show", "mine", "--json").json["digest"]
    command("registry", "remove", "lab")
    command("registry", "add", "team", tmp_path / "team")
    assert command("show", "team/mine", "--json").json["digest"] == digest
    again = command("registry", "copy", "mine", "--from", lab, "--to", "team", "--json").json
    assert again == {
        "source": "lab",
        "target": "team",
        "versions": [
            {"name": "mine", "version": "1.1.0", "digest": digest, "sent": 0, "was_there": True}
        ],
        "missing": {},
    }
    refused = command("registry", "copy", "mone", "--from", lab, "--to", "team", code=3).err
    assert "Did you mean mine?" in refused


def test_registries_from_python(command, lab):
    assert hub.add_registry("lab", str(lab)) == (1, "")
    with pytest.raises(ExistsError):
        hub.add_registry("lab", str(lab))
    assert hub.list_registries() == [("lab", str(lab))]
    hub.copy("mine", from_="lab", to="local")
    hub.remove_registry("lab")
    with pytest.raises(NotFoundError):
        hub.remove_registry("lab")
    assert hub.pull("mine").is_dir()
    assert hub.repair_registry("local").restored == []
    (found,) = hub.verify()
    assert (str(found.reference), found.damaged) == ("local/mine@1.1.0", ())
    assert hub.cache_size().versions == 1
    assert hub.prune_cache(all=True) >= 0
    assert hub.cache_size().versions == 1


def test_prune(command, lab):
    command("registry", "add", "lab", lab)
    command("pull", "mine")
    assert command("cache", "prune", "--json").json["freed"] == 0
    assert command("cache", "prune", "--all", "--json").json["freed"] > 7000
    assert command("cache", "size", "--json").json["versions"] == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(command, shell):
    if shutil.which("bash") is None:
        pytest.skip("click asks bash for its version")
    assert "_HUB_COMPLETE" in command("completion", shell).out


def test_names_are_completed(tmp_path):
    asked = {"_HUB_COMPLETE": "bash_complete", "COMP_WORDS": "hub pull c-ed", "COMP_CWORD": "2"}
    done = finish(folder=tmp_path, env=environment(**asked))
    assert (done.returncode, done.stdout) == (0, "plain,c-edip-pretrained\n")
