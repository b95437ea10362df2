"""The commands about names and bytes, as processes of their own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.local import LocalStore
from registry.publishing import publish
from registry.registry import Registry
from registry.stores.directory import DirectoryStore
from tests.registry.server import Server, flip

ROOT = Path(__file__).parents[2]
CARD = """---
license: mit
citation: |
  @article{someone}
---

# Mine

A model of mine.
"""


class Hub:
    """Runs ``hub`` with a home of its own."""

    def __init__(self, home):
        self.home = home
        self.environment = os.environ | {"HUB_HOME": str(home), "PYTHONPATH": str(ROOT)}

    def __call__(self, *arguments, code=0, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *map(str, arguments)],
            env=self.environment | environment,
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments, **options):
        return json.loads(self(*arguments, "--json", **options).stdout)


@pytest.fixture
def hub(tmp_path):
    return Hub(tmp_path / "home")


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


def test_listing_imports_nothing_heavy(hub):
    script = """
import sys
from hub.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
heavy = {"numpy", "ase", "torch", "zarr", "scipy", "nequip", "rich", "filelock"}
print(sorted(heavy.intersection(sys.modules)), file=sys.stderr)
"""
    for arguments in (["--help"], ["list"], ["list", "--json"], ["show", "c-ace-pretrained"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=hub.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == "[]\n"


def test_list(hub):
    rows = {row["name"]: row for row in hub.json("list")}
    assert rows["c-ace-pretrained"]["origin"] == "builtin"
    assert not rows["c-ace-pretrained"]["cached"]
    table = hub("list", "c-ace*").stdout.splitlines()
    assert table[0].split()[:3] == ["NAME", "VERSION", "KIND"]
    assert len(table) == 1 + sum(name.startswith("c-ace") for name in rows)
    nothing = hub("list", "unheard-of")
    assert nothing.stdout == ""
    assert "unheard-of" in nothing.stderr
    assert not hub.home.exists()


def test_a_reader_that_leaves_is_no_error_to_speak_of(hub):
    done = subprocess.run(
        f"{sys.executable} -m hub.cli.main list | head -c 1",
        shell=True,
        env=hub.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_a_registry_from_end_to_end(hub, lab):
    with Server(lab) as server:
        added = hub("registry", "add", "lab", server.url)
        assert "with 1 names" in added.stderr
        assert hub.json("registry", "list") == [{"name": "lab", "location": server.url}]
        assert "mine" not in {row["name"] for row in hub.json("list")}
        assert "mine" in {row["name"] for row in hub.json("list", "--remote")}
        shown = hub.json("show", "mine")
        assert shown["reference"] == "lab/mine@1.1.0"
        assert [file["path"] for file in shown["files"]] == ["README.md", "weights.bin"]
        pulled = hub("pull", "mine")
        directory = Path(pulled.stdout.strip())
        assert (directory / "weights.bin").read_bytes() == b"weights" * 1000
        assert "lab/mine@1.1.0" in pulled.stderr
        assert hub.json("pull", "mine")["digest"] == shown["digest"]
        server.requests.clear()
        assert hub("pull", "mine", "--quiet", code=2).stdout == ""
        assert hub("--quiet", "pull", "mine").stderr == ""
        assert server.requests == []
    assert hub("pull", "mine", HUB_OFFLINE="1").stdout == pulled.stdout
    assert "lab/mine@1.1.0: intact" in hub("verify").stdout
    assert hub.json("cache", "size")["versions"] == 1
    hub("registry", "remove", "lab")
    assert hub.json("registry", "list") == []
    assert hub("pull", "mine").stdout == pulled.stdout


def test_show(hub, lab):
    hub("registry", "add", "lab", lab)
    text = hub("show", "mine").stdout
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
    card = hub("show", "c-ace-pretrained").stdout
    assert "not on this machine yet" in card
    assert "@article{gardner2024synthetic" in card
    assert hub.json("show", "c-ace-pretrained")["digest"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["pull", "c-ace-pretraned"], 3, "Did you mean c-ace-pretrained"),
        (["show", "mien"], 3, "Did you mean mine?"),
        (["pull", "mine@9.9.9"], 3, "lab has 1.0.0, 1.1.0"),
        (["pull", "nowhere/mine"], 3, "there is no 'nowhere/mine'"),
        (["pull", "Mine"], 2, "is not a name"),
        (["pull", "mine@x@y"], 2, "is no version"),
        (["verify", "mine"], 3, "on this machine"),
        (["registry", "add", "lab", "/elsewhere"], 1, "registry remove lab"),
        (["registry", "add", "local", "/elsewhere"], 1, "no registry can be called"),
        (["registry", "add", "x", "ftp://a/b"], 1, "ftp"),
        (["registry", "remove", "lob"], 3, "no registry 'lob'"),
        (["pul", "mine"], 2, "Did you mean pull"),
    ],
)
def test_mistakes_are_answered(hub, lab, arguments, code, said):
    hub("registry", "add", "lab", lab)
    done = hub(*arguments, code=code)
    assert said in done.stderr
    assert done.stdout == ""


def test_exit_codes_of_what_goes_wrong_on_the_way(hub, lab):
    with Server(lab) as server:
        registries = {"HUB_REGISTRIES": f"lab={server.url}"}
        server.faults["/blobs/"] = [flip(0)] * 10
        assert "sha256" in hub("pull", "mine", code=4, **registries).stderr
        assert "switched off" in hub("pull", "mine", code=5, HUB_OFFLINE="1", **registries).stderr
    (lab / "registry.json").write_text('{"format": 3, "name": "lab"}')
    assert "Update" in hub("pull", "mine", code=6, HUB_REGISTRIES=f"lab={lab}").stderr
    done = hub("pull", "c-ace-pretrained", code=5, HUB_OFFLINE="1")
    assert "HUB_MIRROR" in done.stderr


def test_verify_repairs_and_says_what_it_cannot(hub, lab):
    hub("registry", "add", "lab", lab)
    directory = Path(hub("pull", "mine").stdout.strip())
    weights = directory / "weights.bin"

    def damage():
        blob = next(
            path
            for path in (hub.home / "cache" / "blobs").rglob("*")
            if path.is_file() and path.stat().st_size == weights.stat().st_size
        )
        for path in (blob, weights):
            path.chmod(0o644)
            path.write_bytes(b"w" * weights.stat().st_size)

    damage()
    found = hub("verify", "--no-repair", code=4)
    assert found.stdout == "lab/mine@1.1.0: damaged: weights.bin\n"
    assert "--repair" in found.stderr
    assert hub("verify", "mine").stdout == "lab/mine@1.1.0: repaired: weights.bin\n"
    assert weights.read_bytes() == b"weights" * 1000
    damage()
    shutil.rmtree(lab)
    (lost,) = hub.json("verify", code=4)
    assert lost["damaged"] == ["weights.bin"]
    assert not lost["repaired"]
    assert lost["problem"]


def test_pull_to_a_directory_of_ones_own(hub, lab, tmp_path):
    hub("registry", "add", "lab", lab)
    hub("pull", "mine", "--to", tmp_path / "my files")
    own = tmp_path / "my files" / "weights.bin"
    own.write_bytes(b"edited")
    assert "something other" in hub("pull", "mine", "--to", own.parent, code=1).stderr
    kept = Path(hub("pull", "mine").stdout.strip()) / "weights.bin"
    assert kept.read_bytes() == b"weights" * 1000


def test_prune(hub, lab):
    hub("registry", "add", "lab", lab)
    hub("pull", "mine")
    assert hub.json("cache", "prune")["freed"] == 0
    assert hub.json("cache", "prune", "--all")["freed"] > 7000
    assert hub.json("cache", "size")["versions"] == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(hub, shell):
    if shutil.which("bash") is None:
        pytest.skip("click asks bash for its version")
    assert "_HUB_COMPLETE" in hub("completion", shell).stdout


def test_names_are_completed(hub):
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli.main"],
        env=hub.environment
        | {
            "_HUB_COMPLETE": "bash_complete",
            "COMP_WORDS": "hub pull c-ed",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "plain,c-edip-pretrained\n"
