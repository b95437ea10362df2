"""Nothing is deleted that is not ours: links, foreign names, foreign folders.

All links point to a folder of the test's own.
"""

import os
import re
import shutil
import time
from contextlib import suppress

import pytest

from registry.errors import StorageError
from registry.files import STALE_AFTER
from registry.local import LocalStore
from registry.references import Reference
from registry.removal import MARKER_NAME, entries, is_marked, mark, remove, sweep
from registry.upkeep import prune
from tests.registry.conftest import publish, ref

LONG_AGO = time.time() - 2 * STALE_AFTER


@pytest.fixture
def precious(tmp_path):
    """A folder of somebody's, laid out as if it were ours, all of it old."""
    folder = tmp_path / "precious"
    for path in (
        "1.0.0-0123456789ab/weights.bin",
        f"{'a' * 64}",
        f"{'b' * 64}.json",
        f"aa/{'a' * 64}",
        f"{'c' * 32}.tmp",
        "letters/1.0.0-0123456789ab/letter.txt",
        "photo.jpg",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"precious")
        os.utime(folder / path, (LONG_AGO, LONG_AGO))
    return folder


def content(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


LINKS = [
    "versions/foo",
    "versions/foo/1.0.0-0123456789ab",
    "blobs/aa",
    f"blobs/aa/{'a' * 64}",
    "manifests/more",
    f"manifests/{'b' * 64}.json",
    f"partial/{'d' * 64}",
    f"parts/{'c' * 32}.tmp",
    f"parts/{'c' * 64}.part",
    "origins/lab-01234567",
    "origins/lab-01234567.json",
]


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("link", LINKS)
def test_prune_follows_no_link(make_catalogue, published, lab, local, precious, link, everything):
    make_catalogue(lab).pull(ref("mine"))
    before = content(precious)
    place = local.root / link
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    is_file = place.suffix in (".json", ".part") or len(place.name) == 64
    place.symlink_to(precious / "photo.jpg" if is_file else precious)
    prune(local, everything=everything)
    assert content(precious) == before
    assert place.is_symlink()


@pytest.mark.parametrize("link", ["versions", "blobs", "manifests", "partial", "parts", "origins"])
def test_prune_follows_no_link_in_the_place_of_a_room(
    make_catalogue, published, lab, local, precious, link
):
    make_catalogue(lab).pull(ref("mine"))
    before = content(precious)
    if (local.root / link).exists():
        (local.root / link).rename(local.root.parent / f"old-{link}")
    (local.root / link).symlink_to(precious)
    with suppress(StorageError):  # Some are refused, others passed by.
        prune(local, everything=True)
    assert content(precious) == before


def test_prune_leaves_names_that_are_not_ours(make_catalogue, published, lab, local):
    make_catalogue(lab).pull(ref("mine"))
    kept = [
        local.root / path
        for path in ("notes.txt", "versions/mine/notes.txt", "blobs/aa/notes", "parts/thesis.tmp",
                     "manifests/README.md", "versions/My Folder/1.0.0-0123456789ab/file")
    ]  # fmt: skip
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
        os.utime(path, (LONG_AGO, LONG_AGO))
    prune(local, everything=True)
    assert all(path.read_bytes() == b"mine" for path in kept)


def test_a_folder_that_is_not_ours_is_not_pruned(tmp_path, precious):
    before = content(precious)
    with pytest.raises(StorageError, match="does not contain the marker"):
        prune(LocalStore(precious), everything=True)
    assert content(precious) == before
    assert not is_marked(precious)


def test_a_cache_of_an_older_release_is_marked_on_first_use(make_catalogue, published, lab, local):
    make_catalogue(lab).pull(ref("mine"))
    (local.root / MARKER_NAME).unlink()
    prune(local)
    assert is_marked(local.root)


def test_a_cache_behind_a_link_of_its_owner_is_pruned(make_catalogue, published, lab, tmp_path):
    (tmp_path / "scratch disk").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "scratch disk")
    store = LocalStore(tmp_path / "home")
    make_catalogue(lab, store=store).pull(ref("mine"))
    assert prune(store, everything=True) > 0
    assert not any((tmp_path / "scratch disk" / "versions").glob("*/*"))


def test_a_damaged_version_behind_a_link_is_not_replaced(
    make_catalogue, published, lab, local, precious
):
    version = make_catalogue(lab).pull(ref("mine"))
    before = content(precious)
    shutil.rmtree(version.path)
    version.path.symlink_to(precious)
    with pytest.raises(StorageError, match="is a link"):
        make_catalogue(lab).pull(ref("mine"))
    version.path.unlink()
    shutil.rmtree(version.path.parent)
    version.path.parent.symlink_to(precious)
    with pytest.raises(StorageError, match="is a link"):
        make_catalogue(lab).pull(ref("mine"))
    assert content(precious) == before


def test_a_damaged_blob_behind_a_link_is_not_dropped(make_catalogue, published, lab, local):
    version = make_catalogue(lab).pull(ref("mine"))
    entry = version.manifest.files[0]
    folder = local.blobs.path(entry.sha256).parent
    elsewhere = local.root.parent / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="is a link"):
        local.blobs.drop(entry.sha256)
    assert (elsewhere / entry.sha256).exists()


def test_publishing_sweeps_only_what_is_ours(make_catalogue, lab, content, precious):
    publish(make_catalogue(lab), content, to="lab")
    parts = lab.store.root / "parts"
    (parts / "link.tmp").symlink_to(precious)
    (parts / f"{'e' * 32}.tmp").symlink_to(precious / "photo.jpg")
    ours = parts / f"{'f' * 32}.tmp"
    ours.write_bytes(b"left by a killed process")
    os.utime(ours, (LONG_AGO, LONG_AGO))
    publish(make_catalogue(lab), content, "2.0.0", to="lab")
    assert not ours.exists()
    assert (precious / "photo.jpg").exists()
    assert (parts / "link.tmp").is_symlink()


def test_sweeping_leaves_what_is_young(tmp_path):
    mark(tmp_path)
    (tmp_path / "parts").mkdir()
    names = {f"{'a' * 64}.part": 0.0, f"{'b' * 64}.part": 2 * STALE_AFTER, "old": 2 * STALE_AFTER}
    for name, age in names.items():
        (tmp_path / "parts" / name).write_bytes(b"x")
        os.utime(tmp_path / "parts" / name, (time.time() - age,) * 2)
    sweep(tmp_path, STALE_AFTER)
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {f"{'a' * 64}.part", "old"}


def test_removing_a_link_leaves_what_it_points_to(tmp_path, precious):
    before = content(precious)
    (tmp_path / "link").symlink_to(precious)
    remove(tmp_path / "link")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(precious)
    remove(tmp_path / "folder")
    remove(tmp_path / "nothing")
    assert not (tmp_path / "folder").exists()
    assert content(precious) == before


def test_entries_are_no_links(tmp_path, precious):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "aa").mkdir()
    (tmp_path / "room" / "bb").symlink_to(precious)
    (tmp_path / "door").symlink_to(tmp_path / "room")
    pattern = re.compile("[a-z]{2}")
    assert [path.name for path in entries(tmp_path / "room", pattern)] == ["aa"]
    assert list(entries(tmp_path / "door", pattern)) == []
    assert list(entries(tmp_path / "none", pattern)) == []


def test_a_new_store_is_marked(make_catalogue, published, lab, local):
    assert is_marked(lab.store.root)
    make_catalogue(lab).pull(Reference("mine"))
    assert is_marked(local.root)


def test_a_clock_that_is_ahead_sweeps_nothing_in_use(tmp_path, monkeypatch):
    """Another machine writes to a shared disk; this one's clock is days ahead."""
    (tmp_path / "store").mkdir()
    mark(tmp_path / "store")
    part = tmp_path / "store" / "parts" / f"{'0a' * 16}.tmp"
    part.parent.mkdir()
    part.write_bytes(b"half")
    really = time.time
    monkeypatch.setattr(time, "time", lambda: really() + 3 * 24 * 3600)
    sweep(tmp_path / "store", STALE_AFTER)
    assert list(part.parent.iterdir()) == [part]
    os.utime(part, (0, 0))
    sweep(tmp_path / "store", STALE_AFTER)
    assert list(part.parent.iterdir()) == []
