"""Processes that are killed, or that do the same thing at once."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.content import damaged_files
from registry.local import LocalStore
from registry.references import Reference
from registry.registry import Registry
from registry.stores.directory import DirectoryStore
from registry.upkeep import verify
from tests.registry.conftest import SOURCE
from tests.registry.server import slow

ROOT = Path(__file__).parents[2]

# Dies by SIGKILL before the n-th file is moved to its place; prints DONE if it gets through.
CHILD = """
import sys
from pathlib import Path
from registry.builtin import Builtin
from registry.cards import builtin_cards
from registry.catalogue import Catalogue
from registry.local import LocalStore
from registry.publishing import publish
from registry.references import Reference
from registry.registry import Registry
from registry.stores import open_store
from tests.killing import die_before_move
from tests.registry.conftest import import_toy

root, moves = Path(sys.argv[1]), int(sys.argv[2])
die_before_move(moves)
lab = Registry("lab", open_store(sys.argv[3]))
folder = root / "cards"
cards = builtin_cards(folder) if folder.exists() else {}
builtin = Builtin(cards, {"toy": import_toy}.get, str(root / "mirror"), offline=True)
catalogue = Catalogue(LocalStore(root / sys.argv[4]), [lab], builtin)
"""
PUBLISH = """
content = root / "content"
publish(
    catalogue, content, "mine", sys.argv[5], kind="model", metadata={}, licence="MIT", to="lab"
)
"""
PULL = "catalogue.pull(Reference.parse(sys.argv[5]))"


def start(tmp_path, what, *, moves=0, location="", cache="cache", argument="mine"):
    code = textwrap.dedent(CHILD) + what + "\nprint('DONE')"
    location = location or str(tmp_path / "lab")
    command = [sys.executable, "-c", code, str(tmp_path), str(moves), location, cache, argument]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def end(child):
    output, problems = child.communicate(timeout=60)
    assert child.returncode in (0, 1, -signal.SIGKILL)
    return child.returncode, output, problems


def reader(tmp_path, cache="reader"):
    lab = Registry("lab", DirectoryStore(tmp_path / "lab"))
    return Catalogue(LocalStore(tmp_path / cache), [lab], Builtin({}, {}.get))


def visible(tmp_path):
    """The versions that others see in the registry."""
    if not (tmp_path / "lab" / "registry.json").exists():
        return []
    entry = Registry("lab", DirectoryStore(tmp_path / "lab")).entry("mine")
    return sorted(entry.versions) if entry else []


# List of names and marker of a new registry, three blobs, the manifest; then the page shows it.
HIDDEN_MOVES = 7


@pytest.mark.parametrize("moves", range(1, HIDDEN_MOVES + 3))
def test_a_killed_publish_is_seen_whole_or_not_at_all(tmp_path, content, moves):
    code, _, _ = end(start(tmp_path, PUBLISH, moves=moves, argument="1.0.0"))
    assert code == -signal.SIGKILL
    assert visible(tmp_path) == ([] if moves <= HIDDEN_MOVES else ["1.0.0"])
    assert end(start(tmp_path, PUBLISH, argument="1.1.0"))[1] == "DONE\n"
    assert visible(tmp_path) == (["1.1.0"] if moves <= HIDDEN_MOVES else ["1.0.0", "1.1.0"])
    for number in visible(tmp_path):
        version = reader(tmp_path).pull(Reference("mine", number))
        assert damaged_files(version.path, version.manifest.files) == []


@pytest.mark.parametrize("moves", [1, 3, 4, 5])
def test_a_killed_publish_leaves_earlier_versions_alone(tmp_path, content, moves):
    assert end(start(tmp_path, PUBLISH, argument="1.0.0"))[1] == "DONE\n"
    (content / "weights.bin").write_bytes(b"new weights")
    end(start(tmp_path, PUBLISH, moves=moves, argument="2.0.0"))
    version = reader(tmp_path).pull(Reference.parse("mine"))
    assert version.manifest.version == visible(tmp_path)[-1]
    assert damaged_files(version.path, version.manifest.files) == []


def test_one_of_many_that_publish_the_same_version_wins(tmp_path, content):
    children = [
        start(tmp_path, PUBLISH, cache=f"cache{number}", argument="1.0.0") for number in range(4)
    ]
    ends = [end(child) for child in children]
    assert sorted(code for code, _, _ in ends) == [0, 1, 1, 1]
    assert all("ExistsError" in problems for code, _, problems in ends if code)
    assert visible(tmp_path) == ["1.0.0"]


@pytest.mark.parametrize("argument", ["mine", "toy"])
def test_a_killed_pull_leaves_nothing_that_is_trusted(tmp_path, content, toy_card, argument):
    toy_card("http://localhost/toy.bin")
    mirrored = tmp_path / "mirror" / "toys" / "models" / "toy.bin"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(SOURCE)
    assert end(start(tmp_path, PUBLISH, cache="author", argument="1.0.0"))[1] == "DONE\n"
    for moves in range(1, 20):
        cache = f"cache{moves}"
        code, _, problems = end(start(tmp_path, PULL, moves=moves, cache=cache, argument=argument))
        if code == 0:
            break
        assert code == -signal.SIGKILL, problems
        assert not any(f.damaged for f in verify(reader(tmp_path, cache), repair=False))
        assert end(start(tmp_path, PULL, cache=cache, argument=argument))[1] == "DONE\n"
        (finding,) = verify(reader(tmp_path, cache), repair=False)
        assert not finding.damaged
    # Source or blobs, the manifest, the index of what came from where.
    assert moves > 4


def test_a_pull_killed_midway_is_continued(tmp_path, content, server):
    assert end(start(tmp_path, PUBLISH, cache="author", argument="1.0.0"))[1] == "DONE\n"
    server.faults["/blobs/"] = [slow(40, 0.05)] * 3
    child = start(tmp_path, PULL, location=server.url)
    while not any(request.sent > 100_000 for request in server.requests):
        assert child.poll() is None
    child.kill()
    end(child)
    server.faults.clear()
    server.requests.clear()
    assert end(start(tmp_path, PULL, location=server.url))[1] == "DONE\n"
    assert any(request.start > 0 for request in server.asked("/blobs/"))


def test_pulls_at_once_download_once(tmp_path, content, server):
    assert end(start(tmp_path, PUBLISH, cache="author", argument="1.0.0"))[1] == "DONE\n"
    server.faults["/blobs/"] = [slow(10, 0.1)] * 3
    children = [start(tmp_path, PULL, location=server.url) for _ in range(3)]
    ends = [end(child) for child in children]
    assert [output for _, output, _ in ends] == ["DONE\n"] * 3, ends
    blobs = [request.path for request in server.asked("/blobs/")]
    assert len(blobs) == len(set(blobs)) == 3
