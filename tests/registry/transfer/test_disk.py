"""Transfers to a disk that is full, and what has arrived on it."""

import errno
import os
import shutil
from pathlib import Path

import pytest

import registry.blobs
from registry import arriving
from registry.blobs import DamagedBlobError
from registry.errors import StorageError
from tests.registry.transfer.given import DATA, ENTRY, get, nothing_kept


def test_a_disk_that_is_too_small_is_said_before_the_start(server, blobs, monkeypatch):
    full = shutil._ntuple_diskusage(total=10, used=9, free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(StorageError, match="MB available"):
        get(server, blobs)
    assert server.requests == []


def test_a_disk_that_fills_up_is_said_plainly(server, blobs, monkeypatch):
    really_open = Path.open

    def open_on_a_full_disk(path, mode="r", *arguments):
        file = really_open(path, mode, *arguments)
        if path.suffix == ".part":
            # What is left of the disk takes one more piece.
            file = _Filling(file)
        return file

    monkeypatch.setattr(Path, "open", open_on_a_full_disk)
    with pytest.raises(StorageError, match="disk is full") as failure:
        get(server, blobs)
    assert "HUB_CACHE" in failure.value.hint
    assert nothing_kept(blobs)
    monkeypatch.undo()
    assert get(server, blobs) == DATA


class _Filling:
    def __init__(self, file):
        self.file = file
        self.room = 1

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)


def test_what_the_disk_refuses_in_the_background_is_said_plainly(server, blobs, monkeypatch):
    def refuse(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(arriving, "_SYNC_EVERY", 1 << 20)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(StorageError, match="disk is full"):
            get(server, blobs)
    assert nothing_kept(blobs)
    assert get(server, blobs) == DATA


def test_what_has_just_arrived_is_not_hashed_again(server, blobs, tmp_path, monkeypatch):
    get(server, blobs)
    with monkeypatch.context() as patched:
        patched.setattr(registry.blobs, "is_intact", None)
        blobs.check_out([ENTRY], tmp_path / "linked", link=True)
    assert (tmp_path / "linked" / "weights.bin").read_bytes() == DATA


@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("is_replaced", [True, False])
def test_what_changed_after_it_arrived_is_noticed(server, blobs, tmp_path, is_replaced, link):
    get(server, blobs)
    blob = blobs.path(ENTRY.sha256)
    if is_replaced:
        blob.unlink()
    else:
        blob.chmod(0o600)
    blob.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    with pytest.raises(DamagedBlobError):
        blobs.check_out([ENTRY], tmp_path / "out", link=link)
    assert nothing_kept(blobs)
