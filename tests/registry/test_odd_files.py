"""Pipes, devices and folders where files should be, and disks that are full: a clear error."""

import errno
import os
import shutil
import socket
from pathlib import Path

import pytest

from registry.blobs import Blobs
from registry.content import describe_directory
from registry.download import read
from registry.errors import IntegrityError, NotFoundError, StorageError
from registry.files import is_intact, open_regular, place, sha256_of, storage_errors
from registry.manifest import FileEntry
from registry.repair import repair
from registry.sources import Source, git_blob_of
from registry.stores.directory import DirectoryStore
from registry.transfer import download, fetch
from registry.upkeep import prune, usage
from tests.registry.conftest import ref

ENTRY = FileEntry("file", 3, "0" * 64)


def make_pipe(path):
    os.mkfifo(path)


def make_device(path):
    path.symlink_to("/dev/zero")


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_folder(path):
    path.mkdir()


@pytest.fixture(params=[make_pipe, make_device, make_socket, make_folder])
def odd(request, tmp_path, monkeypatch):
    # The name of a socket may not be long.
    monkeypatch.chdir(tmp_path)
    request.param(Path("file"))
    return tmp_path / "file"


def test_a_store_opens_only_files(odd):
    store = DirectoryStore(odd.parent)
    with pytest.raises(StorageError, match="file"):
        store.open("file")
    with pytest.raises(StorageError, match="file"):
        read(store, "file")
    with pytest.raises(StorageError, match="file"):
        fetch(store, [("file", ENTRY)], Blobs(odd.parent / "cache"))
    assert not is_intact(odd, ENTRY)


def test_only_files_are_hashed(odd):
    for hashed in (sha256_of, git_blob_of):
        with pytest.raises((StorageError, IsADirectoryError, OSError), match="file"):
            hashed(odd)


def test_links_to_files_are_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("real")
    assert read(DirectoryStore(tmp_path), "link") == b"abc"
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"abc"


def test_what_is_no_part_is_not_written_to(tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_bytes(b"abc")
    (tmp_path / "mine").write_bytes(b"precious")
    store, blobs = DirectoryStore(tmp_path / "served"), Blobs(tmp_path / "cache")
    entry = FileEntry("file", 3, sha256_of(tmp_path / "served" / "file"))
    blobs.parts.mkdir(parents=True)
    part = blobs.part(entry.sha256)
    for make in (os.mkfifo, lambda part: part.symlink_to(tmp_path / "mine")):
        make(part)
        with pytest.raises(StorageError, match=str(part)):
            fetch(store, [("file", entry)], blobs)
        assert not part.is_file() or part.is_symlink()
        part.unlink()
    source = Source("a/b", "c", "file", "http://a.org/file", git_blob="0" * 40)
    with pytest.raises(IntegrityError):
        download(source, store, "file", tmp_path / "sources")
    assert (tmp_path / "mine").read_bytes() == b"precious"


def test_a_missing_file_is_still_missing(tmp_path):
    with pytest.raises(NotFoundError):
        DirectoryStore(tmp_path).open("file")
    (tmp_path / "file").touch()
    with pytest.raises(NotFoundError):
        DirectoryStore(tmp_path).open("file/below")


def fill_disk(monkeypatch, code):
    def copy(source, target, **_):
        # As shutil does: of its two files the system names the source first.
        raise OSError(code, os.strerror(code), str(source), None, str(target))

    monkeypatch.setattr(shutil, "copyfile", copy)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_blamed_on_what_is_written(tmp_path, monkeypatch, code):
    source, target = tmp_path / "mine" / "weights", tmp_path / "lab" / "blobs" / "x"
    source.parent.mkdir()
    source.write_bytes(b"abc")
    fill_disk(monkeypatch, code)
    entry = FileEntry("weights", 3, sha256_of(source))
    monkeypatch.setattr("registry.files._reflink", lambda *_: False)
    for write in (
        lambda: DirectoryStore(tmp_path / "lab").put_file("blobs/x", source, entry),
        lambda: place(source, target, link=False),
    ):
        with pytest.raises(StorageError) as failure:
            write()
        assert str(target) in failure.value.message
        assert str(source) not in failure.value.message
        assert failure.value.hint


def test_other_errors_name_the_file_that_the_system_names(tmp_path):
    with pytest.raises(StorageError, match="a/b: Input/output"), storage_errors(tmp_path):
        raise OSError(errno.EIO, os.strerror(errno.EIO), "a/b")


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "weights").write_bytes(b"abc")

    def broken(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("registry.files.open_regular", broken)
    with pytest.raises(StorageError, match="weights"):
        describe_directory(tmp_path, "a", "1.0.0", kind="model", metadata={})


@pytest.fixture
def failing(monkeypatch):
    """Let the system refuse to list the folders of this name."""
    refused = []
    really_scan = os.scandir

    def scandir(path="."):
        if Path(os.fspath(path)).name in refused:
            raise OSError(errno.EIO, os.strerror(errno.EIO), os.fspath(path))
        return really_scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return refused.append


@pytest.mark.parametrize("folder", ["cache", "versions", "parts"])
def test_a_folder_that_cannot_be_listed_is_named(
    make_catalogue, published, lab, local, failing, folder
):
    make_catalogue(lab).pull(ref("mine"))
    failing(folder)
    with pytest.raises(StorageError, match=folder):
        usage(local)
    with pytest.raises(StorageError, match=folder):
        prune(local)


@pytest.mark.parametrize("folder", ["index", "manifests"])
def test_a_folder_that_cannot_be_listed_is_not_empty(published, lab, failing, folder):
    """A list of names that is rebuilt from no pages would be empty."""
    root = lab.store.root
    before = {path: path.read_bytes() for path in root.glob("index*/**/*.json")}
    failing(folder)
    with pytest.raises(StorageError, match=folder):
        repair(lab)
    assert {path: path.read_bytes() for path in before} == before
