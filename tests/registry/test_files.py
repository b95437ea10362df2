import os
import subprocess
import sys
import textwrap
import time

import pytest

from registry.errors import SettingsError, StorageError
from registry.files import locked, place, replacing, write_atomically
from registry.stores import open_store
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
