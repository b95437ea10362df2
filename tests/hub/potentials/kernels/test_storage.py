"""Compiled kernels are kept in a folder that only this user can write to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest
import torch

from hub.potentials.kernels import machine, storage
from tests.hub.potentials.kernels.reference import Problem, as_tensors, product_of

forks = pytest.mark.skipif(sys.platform == "win32", reason="no fork")

KEY, OTHER = "a" * 64, "b" * 64


def check_value() -> None:
    """Compute a small convolution, and compare it with its definition."""
    product = product_of({(0, 1): 3}, 0, 1)
    edges = [(0, 1, (0, 0, 0)), (1, 0, (0, 0, 0)), (1, 2, (0, 0, 0))]
    problem = Problem.random(product, *as_tensors(edges), 3)
    (found,), (expected,) = problem.compiled(), problem.reference()
    assert torch.allclose(found, expected)
    assert found.abs().max() > 0.01


class Child:
    """A process of its own that needs a kernel, and counts how many it compiles."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self.answer, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=self._run, args=(sender,))
        self.process.start()

    def _run(self, sender) -> None:
        compiled = []
        compile_ = machine.Machine.compile
        machine.Machine.compile = lambda self, text: compiled.append(text) or compile_(self, text)
        check_value()
        sender.send(len(compiled))

    def n_compiled(self) -> int:
        self.process.join(timeout=120)
        assert self.process.exitcode == 0
        return self.answer.recv()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_folder_is_private(cache):
    folder = storage.kernel_folder()
    assert folder == cache / "mlip-hub-kernels"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    storage.write(folder, KEY, b"code")
    assert [stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()] == [0o600]
    assert storage.read(folder, KEY) == b"code"
    assert storage.kernel_folder() == folder


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o750, 0o701])
def test_a_folder_that_is_open_to_others_is_not_used(cache, mode):
    folder = storage.kernel_folder()
    folder.chmod(mode)
    assert storage.kernel_folder() is None


def test_a_folder_of_someone_else_is_not_used(cache, monkeypatch):
    assert storage.kernel_folder() is not None
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert storage.kernel_folder() is None


def test_a_link_to_a_folder_is_not_used(cache, tmp_path):
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    cache.mkdir()
    (cache / "mlip-hub-kernels").symlink_to(target)
    assert storage.kernel_folder() is None
    assert list(target.iterdir()) == []


def test_a_file_in_its_place_is_left_alone(cache):
    cache.mkdir()
    (cache / "mlip-hub-kernels").write_text("mine")
    assert storage.kernel_folder() is None
    assert (cache / "mlip-hub-kernels").read_text() == "mine"


def test_a_home_that_cannot_be_written_to(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    assert storage.kernel_folder() is None


def test_no_home(monkeypatch):
    def unknown():
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    assert storage.kernel_folder() is None


def test_a_relative_path_is_no_place_for_it(tmp_path, monkeypatch):
    """It would be in the current folder, which may be a run folder or a registry."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert storage.kernel_folder() == tmp_path / "home" / ".cache" / "mlip-hub-kernels"
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content + b"more",
    ],
)
def test_damaged_code_is_not_read(cache, harm):
    folder = storage.kernel_folder()
    storage.write(folder, KEY, b"code")
    (path,) = folder.iterdir()
    path.write_bytes(harm(path.read_bytes()))
    assert storage.read(folder, KEY) is None
    storage.write(folder, KEY, b"code")
    assert storage.read(folder, KEY) == b"code"


def test_code_of_another_kernel_is_not_read(cache):
    folder = storage.kernel_folder()
    storage.write(folder, KEY, b"code")
    (path,) = folder.iterdir()
    path.rename(path.with_name(path.name.replace(KEY, OTHER)))
    assert storage.read(folder, OTHER) is None


def test_it_holds_what_was_used_last(cache, monkeypatch):
    monkeypatch.setattr(storage, "_MOST_BYTES", 3000)
    folder = storage.kernel_folder()
    keys = [letter * 64 for letter in "abcde"]
    now = time.time()
    for number, key in enumerate(keys[:3]):
        storage.write(folder, key, bytes(900))
        path = next(each for each in folder.iterdir() if each.name.startswith(key))
        os.utime(path, (now - 100 + number, now - 100 + number))
    assert storage.read(folder, keys[0]) is not None
    storage.write(folder, keys[3], bytes(900))
    held = [key for key in keys if storage.read(folder, key) is not None]
    assert held == [keys[0], keys[2], keys[3]]


def test_what_killed_processes_left_is_removed(cache):
    folder = storage.kernel_folder()
    old, new = folder / "old.tmp", folder / "young.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    storage.write(folder, KEY, b"code")
    assert not old.exists()
    assert new.exists()


def test_a_full_disk_costs_only_time(cache, monkeypatch):
    folder = storage.kernel_folder()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    storage.write(folder, KEY, b"code")
    assert list(folder.iterdir()) == []


def test_an_object_without_the_function_is_not_called():
    here = machine.machine()
    code = here.compile("define void @one() {\n  ret void\n}\n")
    with pytest.raises(RuntimeError, match="no function other"):
        here.load(code, "other")


@forks
def test_processes_share_what_one_compiled(cache, tmp_path, monkeypatch):
    """Two compile at once, a third one uses the result, and a fourth one repairs it."""
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HUB_CACHE", str(tmp_path / "versions"))
    both = [Child(), Child()]
    assert max(each.n_compiled() for each in both) == 1
    (path,) = (cache / "mlip-hub-kernels").iterdir()
    assert Child().n_compiled() == 0
    path.write_bytes(path.read_bytes()[:-5])
    assert Child().n_compiled() == 1
    assert Child().n_compiled() == 0
    assert not (tmp_path / "hub").exists()
    assert not (tmp_path / "versions").exists()


@forks
def test_without_a_folder_each_process_compiles(cache):
    (cache / "mlip-hub-kernels").mkdir(parents=True, mode=0o755)
    assert [Child().n_compiled(), Child().n_compiled()] == [1, 1]
    assert list((cache / "mlip-hub-kernels").iterdir()) == []


@forks
def test_a_process_killed_while_writing_leaves_nothing_that_is_read(cache):
    def write_and_die() -> None:
        Path.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
        storage.write(storage.kernel_folder(), KEY, b"code")

    process = multiprocessing.get_context("fork").Process(target=write_and_die)
    process.start()
    process.join(timeout=120)
    assert process.exitcode == -signal.SIGKILL
    folder = storage.kernel_folder()
    assert [each.suffix == ".tmp" for each in folder.iterdir()] == [True]
    assert storage.read(folder, KEY) is None
