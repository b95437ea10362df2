import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from registry.blobs import Blobs
from registry.documents import digest_of
from registry.errors import SettingsError, StorageError
from registry.files import is_intact, locked, place, replacing, size_of, write_atomically
from registry.manifest import FileEntry
from registry.stores import open_store
from registry.stores.base import blob_path
from registry.stores.directory import DirectoryStore
from registry.stores.http import HttpStore


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    target = tmp_path / "index.json"
    write_atomically(target, b"old")

    def fail():
        with replacing(target, tmp_path / "parts") as temporary:
            temporary.write_bytes(b"half of the ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_bytes() == b"old"
    assert list((tmp_path / "parts").iterdir()) == []


def test_others_may_read_what_is_written(tmp_path):
    write_atomically(tmp_path / "index.json", b"{}")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "index.json").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("hard_links", [True, False])
def test_place(tmp_path, monkeypatch, link, hard_links):
    source, target = tmp_path / "blob", tmp_path / "folder" / "file"
    source.write_bytes(b"content")
    source.chmod(0o444)
    if not hard_links:

        def refuse(*_):
            raise OSError

        monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    place(source, target, link=link)
    assert target.read_bytes() == b"content"
    if link:
        assert not target.stat().st_mode & 0o222
    else:
        target.write_bytes(b"my own")
        assert source.read_bytes() == b"content"


def test_a_lock_dies_with_its_holder(tmp_path):
    script = f"""
        import time
        from pathlib import Path
        from registry.files import locked
        with locked(Path({str(tmp_path / "a.lock")!r})):
            print("held", flush=True)
            time.sleep(60)
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"

    class GivenUpError(Exception):
        pass

    def give_up():
        if time.monotonic() > deadline:
            raise GivenUpError

    deadline = time.monotonic() + 0.2
    with pytest.raises(GivenUpError), locked(tmp_path / "a.lock", give_up):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with locked(tmp_path / "a.lock"):
        assert True


def test_a_directory_that_is_a_file_is_said_plainly(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot use"):
        write_atomically(tmp_path / "file" / "index.json", b"")


@pytest.mark.parametrize(
    ("location", "kind", "shown"),
    [
        ("/srv/lab", DirectoryStore, "/srv/lab"),
        ("file:///srv/my%20lab", DirectoryStore, "/srv/my lab"),
        ("http://localhost:8000/lab/", HttpStore, "http://localhost:8000/lab"),
    ],
)
def test_locations(location, kind, shown):
    store = open_store(location)
    assert isinstance(store, kind)
    assert store.location == shown


@pytest.mark.parametrize(
    "location", ["ftp://host/a", "file://host/a", "http://", "https://me:secret@host/a"]
)
def test_locations_that_are_refused(location):
    with pytest.raises(SettingsError) as refusal:
        open_store(location)
    assert "secret" not in refusal.value.message + refusal.value.hint


@contextmanager
def coming_and_going(path, data):
    """Create and remove a file all the time, as other processes do, with quick turns."""
    stop = Event()

    def change():
        while not stop.is_set():
            with suppress(PermissionError):  # What was put there meanwhile is read-only.
                path.write_bytes(data)
            path.unlink(missing_ok=True)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_a_file_may_go_at_any_moment(tmp_path):
    """It is there or it is not; that it went between two looks is nobody's error."""
    data, store, blobs = b"{}", DirectoryStore(tmp_path), Blobs(tmp_path)
    entry = FileEntry("a.json", len(data), digest_of(data))
    path = blobs.path(entry.sha256)
    path.parent.mkdir(parents=True)
    (tmp_path / "a.json").write_bytes(data)
    inner = blob_path(entry.sha256)
    seen = {name: set() for name in ("size", "intact", "has", "holds", "peek")}
    with coming_and_going(path, data):
        for _ in range(3000):
            seen["size"].add(size_of(path))
            seen["intact"].add(is_intact(path, entry))
            seen["has"].add(blobs.has(entry))
            seen["holds"].add(store.holds(inner, entry))
            seen["peek"].add(store.peek(inner))
    assert seen["size"] <= {None, 0, len(data)}
    assert seen["peek"] <= {None, b"", data}
    assert all({*seen[name]} <= {True, False} for name in ("intact", "has", "holds"))
    assert all(len(found) > 1 for found in seen.values())


def test_what_is_removed_while_it_is_published_is_written(tmp_path):
    data, store = b"{}", DirectoryStore(tmp_path / "store")
    entry = FileEntry("a.json", len(data), digest_of(data))
    (tmp_path / "a.json").write_bytes(data)
    target = store.path("a.json")
    target.parent.mkdir()
    with coming_and_going(target, data):
        for _ in range(300):
            store.put_file("a.json", tmp_path / "a.json", entry)
            store.put_bytes("a.json", data)
    store.put_file("a.json", tmp_path / "a.json", entry)
    assert target.read_bytes() == data
