"""Processes that are killed, or that do the same thing at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.builtin import Builtin
from registry.cards import builtin_cards
from registry.catalogue import Catalogue
from registry.content import damaged_files
from registry.local import LocalStore
from registry.publishing import publish
from registry.references import Reference
from registry.registry import Registry
from registry.stores import open_store
from registry.stores.directory import DirectoryStore
from registry.upkeep import verify
from tests.killing import die_before_move
from tests.registry.conftest import SOURCE, import_toy
from tests.registry.server import slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL


def publish_mine(catalogue: Catalogue, root: Path, version: str) -> None:
    content = root / "content"
    publish(catalogue, content, "mine", version, kind="model", metadata={}, licence="MIT", to="lab")


def pull(catalogue: Catalogue, root: Path, reference: str) -> None:
    catalogue.pull(Reference.parse(reference))


def _child(
    environment: dict[str, str],
    what: Callable[[Catalogue, Path, str], None],
    root: Path,
    moves: int,
    location: str,
    cache: str,
    argument: str,
) -> None:
    """Die by SIGKILL before the n-th file is moved to its place; never if `moves` is 0."""
    os.environ.clear()
    os.environ.update(environment)
    sys.stderr = (root / f"problems-{os.getpid()}").open("w")
    die_before_move(moves)
    folder = root / "cards"
    cards = builtin_cards(folder) if folder.exists() else {}
    builtin = Builtin(cards, {"toy": import_toy}.get, str(root / "mirror"), offline=True)
    lab = Registry("lab", open_store(location))
    what(Catalogue(LocalStore(root / cache), [lab], builtin), root, argument)


@pytest.fixture(scope="module")
def context():
    """Processes forked from one that has imported all, which would take long each time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        multiprocessing.forkserver.ensure_running()
    return context


@pytest.fixture
def start(context, tmp_path):
    """Return a function that starts a process that publishes or pulls."""

    def begin(what, *, moves=0, location="", cache="cache", argument="mine") -> BaseProcess:
        location = location or str(tmp_path / "lab")
        given = (dict(os.environ), what, tmp_path, moves, location, cache, argument)
        process = context.Process(target=_child, args=given)
        process.start()
        return process

    return begin


def end(child):
    """Wait for a process; return its exit code."""
    child.join(timeout=60)
    assert child.exitcode in (0, 1, KILLED)
    return child.exitcode


def problems(tmp_path, child):
    return (tmp_path / f"problems-{child.pid}").read_text()


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
def test_a_killed_publish_is_seen_whole_or_not_at_all(start, tmp_path, content, moves):
    code = end(start(publish_mine, moves=moves, argument="1.0.0"))
    assert code == KILLED
    assert visible(tmp_path) == ([] if moves <= HIDDEN_MOVES else ["1.0.0"])
    assert end(start(publish_mine, argument="1.1.0")) == 0
    assert visible(tmp_path) == (["1.1.0"] if moves <= HIDDEN_MOVES else ["1.0.0", "1.1.0"])
    for number in visible(tmp_path):
        version = reader(tmp_path).pull(Reference("mine", number))
        assert damaged_files(version.path, version.manifest.files) == []


@pytest.mark.parametrize("moves", [1, 3, 4, 5])
def test_a_killed_publish_leaves_earlier_versions_alone(start, tmp_path, content, moves):
    assert end(start(publish_mine, argument="1.0.0")) == 0
    (content / "weights.bin").write_bytes(b"new weights")
    end(start(publish_mine, moves=moves, argument="2.0.0"))
    version = reader(tmp_path).pull(Reference.parse("mine"))
    assert version.manifest.version == visible(tmp_path)[-1]
    assert damaged_files(version.path, version.manifest.files) == []


def test_one_of_many_that_publish_the_same_version_wins(start, tmp_path, content):
    children = [
        start(publish_mine, cache=f"cache{number}", argument="1.0.0") for number in range(4)
    ]
    assert sorted(end(child) for child in children) == [0, 1, 1, 1]
    assert all("ExistsError" in problems(tmp_path, child) for child in children if child.exitcode)
    assert visible(tmp_path) == ["1.0.0"]


@pytest.mark.slow
@pytest.mark.parametrize("argument", ["mine", "toy"])
def test_a_killed_pull_leaves_nothing_that_is_trusted(start, tmp_path, content, toy_card, argument):
    toy_card("http://localhost/toy.bin")
    mirrored = tmp_path / "mirror" / "toys" / "models" / "toy.bin"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(SOURCE)
    assert end(start(publish_mine, cache="author", argument="1.0.0")) == 0
    for moves in range(1, 20):
        cache = f"cache{moves}"
        child = start(pull, moves=moves, cache=cache, argument=argument)
        if end(child) == 0:
            break
        assert child.exitcode == KILLED, problems(tmp_path, child)
        assert not any(f.damaged for f in verify(reader(tmp_path, cache), repair=False))
        assert end(start(pull, cache=cache, argument=argument)) == 0
        (finding,) = verify(reader(tmp_path, cache), repair=False)
        assert not finding.damaged
    # Source or blobs, the manifest, the index of what came from where.
    assert moves > 4


def test_a_pull_killed_midway_is_continued(start, tmp_path, content, server):
    assert end(start(publish_mine, cache="author", argument="1.0.0")) == 0
    server.faults["/blobs/"] = [slow(40, 0.05)] * 3
    child = start(pull, location=server.url)
    while not any(request.sent > 100_000 for request in server.requests):
        assert child.is_alive()
    child.kill()
    end(child)
    server.faults.clear()
    server.requests.clear()
    assert end(start(pull, location=server.url)) == 0
    assert any(request.start > 0 for request in server.asked("/blobs/"))


def test_pulls_at_once_download_once(start, tmp_path, content, server):
    assert end(start(publish_mine, cache="author", argument="1.0.0")) == 0
    server.faults["/blobs/"] = [slow(10, 0.1)] * 3
    children = [start(pull, location=server.url) for _ in range(3)]
    assert [end(child) for child in children] == [0] * 3
    blobs = [request.path for request in server.asked("/blobs/")]
    assert len(blobs) == len(set(blobs)) == 3
