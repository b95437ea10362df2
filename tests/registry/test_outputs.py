"""What is made goes to its place at once; what others made is neither replaced nor deleted."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from registry import outputs
from registry.errors import StorageError
from registry.outputs import (
    claim_outputs,
    file_beside,
    require_free,
    require_real_way,
    settle_folder,
    write_file,
)
from registry.removal import MARKER_NAME, claim, discard, is_marked, retire, take_over

ROOT = Path(__file__).parents[2]
OURS = re.compile(r"weights|card")

# Moves `part` to `model`, and dies by SIGKILL before the n-th call of a function.
CHILD = """
import os, re, signal, sys
from itertools import count
from pathlib import Path
from registry import outputs

number, atomically, calls = int(sys.argv[2]), sys.argv[3] == "True", count(1)
def dying(function):
    def replacement(*arguments):
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return replacement
outputs._exchange = dying(outputs._exchange if atomically else lambda *_: False)
outputs.remove, os.rename = dying(outputs.remove), dying(os.rename)
folder = Path(sys.argv[1])
outputs.settle_folder(folder / "part", folder / "model", re.compile("weights|card"))
print("DONE")
"""


def folder_of(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


OLD, NEW = {"weights": "old", "card": "old"}, {"weights": "new", "card": "new"}


@pytest.mark.parametrize("atomically", [True, False])
def test_a_folder_of_ours_is_replaced(atomically, tmp_path, monkeypatch):
    if not atomically:
        monkeypatch.setattr(outputs, "_exchange", lambda *_: False)
    for content in (OLD, NEW):
        settle_folder(folder_of(tmp_path / "part", **content), tmp_path / "model", OURS)
        assert texts(tmp_path / "model") == content
        assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux' renameat2")
def test_two_names_change_places_in_one_step(tmp_path):
    one, other = folder_of(tmp_path / "one", **OLD), folder_of(tmp_path / "other", **NEW)
    if not outputs._exchange(one, other):
        pytest.skip("this file system cannot")
    assert (texts(one), texts(other)) == (NEW, OLD)
    assert not outputs._exchange(one, tmp_path / "nothing")
    assert (texts(one), texts(other)) == (NEW, OLD)


@pytest.mark.parametrize("atomically", [True, False])
def test_a_kill_leaves_the_old_folder_or_the_new_one(atomically, tmp_path):
    for number in range(1, 6):
        folder = tmp_path / str(number)
        folder.mkdir()
        folder_of(folder / "model", **OLD)
        folder_of(folder / "part", **NEW)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, folder, str(number), str(atomically)],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            assert number > 2
            assert texts(folder / "model") == NEW
            return
        assert done.returncode == -signal.SIGKILL, done.stderr
        found = {path.name: texts(path) for path in folder.iterdir()}
        if atomically:
            assert found["model"] in (OLD, NEW)
        # Both are there, whole, until the new one is in its place.
        assert all(content in (OLD, NEW) for content in found.values())
        assert found.get("model") == NEW or list(found.values()).count(OLD) == 1
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("other", ["notes.txt", "link", "weights as a link", "weights as a folder"])
def test_a_folder_that_holds_something_else_is_not_replaced(other, tmp_path, treasure):
    part, model = folder_of(tmp_path / "part", **NEW), folder_of(tmp_path / "model", card="old")
    name = other.split()[0]
    if "link" in other:
        (model / name).symlink_to(treasure.folder)
    elif "folder" in other:
        (model / name).mkdir()
    else:
        (model / name).write_text("mine")
    with pytest.raises(StorageError, match=f"model/{name} was not made by mlip-hub") as refused:
        settle_folder(part, model, OURS)
    assert "Move it elsewhere" in refused.value.hint
    assert sorted(path.name for path in model.iterdir()) == sorted({"card", name})
    assert texts(part) == NEW


@pytest.mark.parametrize("to", ["folder", "file", "nothing"])
def test_a_link_is_neither_followed_nor_replaced(to, tmp_path, treasure):
    target = {"folder": treasure.folder, "file": treasure.file, "nothing": tmp_path / "no"}[to]
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(StorageError, match="link is a link"):
        settle_folder(folder_of(tmp_path / "part", **NEW), link, OURS)
    with pytest.raises(StorageError, match="link is a link"):
        write_file(link, b"new")
    with pytest.raises(StorageError, match="link is a link"):
        claim(link, re.compile(".*"))
    with pytest.raises(StorageError, match="link is a link"):
        claim_outputs(link, ["diary.txt"])
    with pytest.raises(StorageError, match="link is a link"):
        require_real_way(link / "a" / "b", tmp_path)
    with pytest.raises(StorageError, match="marker"):
        discard(link, link)
    with pytest.raises(StorageError, match="marker"):
        retire(link, tmp_path / "parts")
    assert link.readlink() == target


def test_a_link_that_appears_while_a_file_is_written_stays(tmp_path, treasure):
    target = tmp_path / "plot.png"

    def write():
        with file_beside(target) as temporary:
            temporary.write_bytes(b"new")
            target.symlink_to(treasure.file)

    with pytest.raises(StorageError, match="is a link"):
        write()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plot.png", "treasure"]


def test_a_file_that_the_user_named_is_replaced(tmp_path):
    for data in (b"old", b"new"):
        write_file(tmp_path / "new" / "plot.png", data)
        assert (tmp_path / "new" / "plot.png").read_bytes() == data


def test_a_folder_is_taken_over_if_it_is_empty_or_of_an_older_release(tmp_path):
    assert claim(tmp_path / "a" / "new")
    assert not claim(tmp_path / "a" / "new")
    for content in ({}, OLD):
        folder = folder_of(tmp_path / f"of-{len(content)}", **content)
        assert not claim(folder, OURS)
        assert is_marked(folder)
        assert {name: text for name, text in texts(folder).items() if name in OLD} == content
    take_over(tmp_path / "nothing", OURS)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("how", ["another file", "a link of our name", "no names"])
def test_a_folder_of_somebody_else_gets_no_marker(how, tmp_path, treasure):
    folder = folder_of(tmp_path / "folder", card="mine")
    if how == "another file":
        (folder / "notes.txt").write_text("mine")
    elif how == "a link of our name":
        (folder / "weights").symlink_to(treasure.file)
    with pytest.raises(StorageError, match="was not made by mlip-hub"):
        claim(folder, None if how == "no names" else OURS)
    assert not (folder / MARKER_NAME).exists()


def test_only_below_a_marker_is_anything_discarded(tmp_path, treasure):
    folder = folder_of(tmp_path / "folder", card="mine")
    with pytest.raises(StorageError, match="marker"):
        discard(folder / "card", folder)
    claim(folder, OURS)
    (folder / "weights").symlink_to(treasure.folder)
    with pytest.raises(StorageError, match="weights is a link"):
        discard(folder / "weights", folder)
    os.mkfifo(folder / "pipe")
    with pytest.raises(StorageError, match="neither a file nor a folder"):
        discard(folder / "pipe", folder)
    discard(folder / "card", folder)
    discard(folder / "card", folder)
    assert sorted(path.name for path in folder.iterdir()) == [MARKER_NAME, "pipe", "weights"]
    retire(folder, tmp_path / "parts")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "treasure"]
    assert list((tmp_path / "parts").iterdir()) == []


def test_outputs_replace_their_like_and_nothing_else(tmp_path):
    names = ("plot.png", "table.csv")
    for folder in (tmp_path / "new", folder_of(tmp_path / "empty")):
        claim_outputs(folder, names)
        (folder / "plot.png").write_text("ours")
        (folder / "notes.txt").write_text("mine")
        claim_outputs(folder, names)
    old = folder_of(tmp_path / "old")
    (old / "plot.png").write_text("of an older release")
    claim_outputs(old, names)
    assert is_marked(old)
    shared = folder_of(tmp_path / "shared", notes="mine")
    claim_outputs(shared, names)
    assert not is_marked(shared)
    (shared / "table.csv").write_text("mine")
    with pytest.raises(StorageError, match=r"table\.csv already exists"):
        require_free(shared, names)
    require_free(tmp_path / "nothing", names)
    assert not (tmp_path / "nothing").exists()
