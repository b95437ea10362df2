"""Links, and files that others made, where what is on its way gathers."""

import hashlib
import os

import pytest

from registry.blobs import Blobs
from registry.errors import IntegrityError, StorageError
from registry.manifest import FileEntry
from registry.removal import MARKER_NAME, is_marked
from registry.stores.directory import DirectoryStore
from registry.transfer import download, fetch

DATA = b"published weights " * 1000


class Source:
    """A published file of which little is known."""

    path = "models/toy.bin"
    size = None

    def __init__(self, expected: bytes = DATA) -> None:
        self.expected = expected

    def facts(self):
        return {"path": self.path}

    def difference(self, path, _):
        return "" if path.read_bytes() == self.expected else "another"


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "toy.bin").write_bytes(DATA)
    return DirectoryStore(tmp_path / "store")


@pytest.mark.parametrize("to", ["file", "folder", "nothing", "pipe"])
def test_a_part_is_not_written_through_a_link(tmp_path, treasure, store, to):
    entry = FileEntry("toy.bin", len(DATA), hashlib.sha256(DATA).hexdigest())
    blobs = Blobs(tmp_path / "cache")
    blobs.parts.mkdir(parents=True)
    part = blobs.part(entry.sha256)
    if to == "pipe":
        os.mkfifo(part)
    else:
        places = {"file": treasure.file, "folder": treasure.folder, "nothing": tmp_path / "no"}
        part.symlink_to(places[to])
    with pytest.raises(StorageError, match="part is a link or not a regular file"):
        fetch(store, [("toy.bin", entry)], blobs)
    assert [path.name for path in blobs.parts.iterdir()] == [part.name]
    assert not (tmp_path / "no").exists()
    part.unlink()
    fetch(store, [("toy.bin", entry)], blobs)


@pytest.mark.parametrize("name", ["whole", "part"])
def test_a_download_neither_follows_nor_removes_links(tmp_path, treasure, store, name):
    folder = tmp_path / "sources-of-toy"
    whole = download(Source(), store, "toy.bin", folder)
    assert whole.read_bytes() == DATA
    assert is_marked(folder)
    whole.unlink()
    link = whole if name == "whole" else whole.with_name(f"{whole.name}.part")
    link.symlink_to(treasure.file)
    with pytest.raises(StorageError, match="is a link"):
        download(Source(b"other"), store, "toy.bin", folder)
    assert link.readlink() == treasure.file


def test_a_wrong_download_goes_and_nothing_else(tmp_path, store):
    folder = tmp_path / "sources-of-toy"
    folder.mkdir()
    (folder / f"{'0' * 16}-of-an-older-release.bin").write_bytes(b"part")
    with pytest.raises(IntegrityError):
        download(Source(b"other"), store, "toy.bin", folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        MARKER_NAME, f"{'0' * 16}-of-an-older-release.bin",
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["link", "folder"])
def test_nothing_is_downloaded_into_what_is_not_ours(tmp_path, treasure, store, what):
    folder = tmp_path / "sources-of-toy"
    if what == "link":
        folder.symlink_to(treasure.folder)
    else:
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="sources-of-toy"):
        download(Source(), store, "toy.bin", folder)
    assert folder.is_symlink() or [path.name for path in folder.iterdir()] == ["notes.txt"]
