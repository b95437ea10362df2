"""What every store promises: whole files or none, conditional writes, ranges and lists."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.documents import digest_of
from registry.download import read
from registry.errors import IntegrityError, NotFoundError, RegistryError
from registry.files import CHUNK
from registry.manifest import FileEntry
from registry.stores.base import RepairableStore, TransientError, blob_path
from registry.stores.http import HttpStore
from registry.stores.uploads import SINGLE
from tests.registry.server import Server

DATA = bytes(range(256)) * 5000


def entry_of(data):
    return FileEntry("weights.bin", len(data), digest_of(data))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(DATA)
    return path


def taken(store, path, start=0, size=None):
    """Return what comes from a byte on, whether the store can skip or not.

    A server may close an idle connection just when it is used again: downloads try again, too.
    """
    try:
        return taken_once(store, path, start, size)
    except TransientError:
        return taken_once(store, path, start, size)


def taken_once(store, path, start, size):
    with store.open(path, start) as stream:
        assert stream.size in (None, size or len(read(store, path)))
        assert stream.start in (0, start)
        pieces = []
        while piece := stream.read(CHUNK):
            assert len(piece) <= CHUNK
            pieces.append(piece)
    return b"".join(pieces)[start - stream.start :]


def test_a_file_is_kept_once(store, source):
    entry = entry_of(DATA)
    path = blob_path(entry.sha256)
    assert not store.holds(path, entry)
    assert store.put_file(path, source, entry)
    assert store.holds(path, entry)
    assert not store.holds(path, FileEntry("weights.bin", 1, entry.sha256))
    assert taken(store, path) == DATA
    assert not store.put_file(path, source, entry)


def test_a_source_that_changed_is_not_kept(store, source):
    entry = entry_of(DATA)
    source.write_bytes(DATA[:-1] + b"x")
    with pytest.raises(IntegrityError):
        store.put_file("blobs/aa/one", source, entry)
    with pytest.raises(NotFoundError):
        read(store, "blobs/aa/one")


def test_a_file_that_was_damaged_is_replaced(place, store, source):
    entry = entry_of(DATA)
    for wrong in (DATA[:-1] + b"x", DATA[:10]):
        store.put_bytes("blobs/aa/one", wrong)
        assert place.store().put_file("blobs/aa/one", source, entry)
        assert taken(store, "blobs/aa/one") == DATA


@pytest.mark.slow
def test_a_large_file_is_sent_in_parts(place, store, source):
    data = os.urandom(SINGLE // 2) * 2 + b"end"
    source.write_bytes(data)
    entry = entry_of(data)
    sent = []
    assert store.put_file("blobs/aa/large", source, entry, sent.append)
    assert sent == sorted(sent)
    assert set(sent) <= set(range(len(data) + 1))
    assert not place.store().put_file("blobs/aa/large", source, entry)
    assert taken(store, "blobs/aa/large", size=len(data)) == data
    assert taken(store, "blobs/aa/large", len(data) - 3, len(data)) == b"end"
    source.write_bytes(data[:-3] + b"END")
    with pytest.raises(IntegrityError):
        store.put_file("blobs/aa/other", source, entry)
    assert store.list("blobs") == ["blobs/aa/large"]


@pytest.mark.parametrize("start", [0, 1, 300_000, len(DATA) - 1])
def test_reading_begins_where_it_is_told_to(store, start):
    store.put_bytes("manifests/one.json", DATA)
    assert taken(store, "manifests/one.json", start) == DATA[start:]


def test_reading_over_http_begins_where_it_is_told_to(tmp_path):
    (tmp_path / "one.json").write_bytes(DATA)
    with Server(tmp_path) as server:
        for start in (0, 1, 300_000, len(DATA) - 1):
            assert taken(HttpStore(server.url), "one.json", start) == DATA[start:]


def test_what_is_shorter_than_where_to_begin_is_no_other_file(store):
    store.put_bytes("manifests/one.json", b"short")
    assert taken(store, "manifests/one.json", 0) == b"short"
    with store.open("manifests/one.json", 1000) as stream:
        rest = stream.read(CHUNK)
    assert (stream.start, rest) in ((0, b"short"), (1000, b""))


def test_bytes_are_replaced_whole(store):
    assert store.put_bytes("manifests/one.json", b"first")
    assert not store.put_bytes("manifests/one.json", b"first")
    assert store.put_bytes("manifests/one.json", b"second")
    assert read(store, "manifests/one.json") == b"second"
    assert store.put_bytes("manifests/empty.json", b"")
    assert read(store, "manifests/empty.json") == b""


def test_only_what_is_expected_is_replaced(place, store):
    other = place.store()
    assert not store.swap("index/a.json", b"first", b"something")
    assert store.swap("index/a.json", b"first", None)
    assert not other.swap("index/a.json", b"second", None)
    assert not other.swap("index/a.json", b"second", b"something")
    assert other.swap("index/a.json", b"second", b"first")
    assert not store.swap("index/a.json", b"third", b"first")
    assert read(store, "index/a.json") == b"second"


def test_of_many_that_swap_at_once_one_succeeds(place, store):
    stores = [place.store() for _ in range(20)]
    for number in range(2):
        before = None if number == 0 else read(store, "index/a.json")
        with ThreadPoolExecutor(20) as pool:
            news = [b"%d of turn %d" % (each, number) for each in range(20)]
            swaps = [
                pool.submit(each.swap, "index/a.json", new, before)
                for each, new in zip(stores, news, strict=True)
            ]
            won = [swap.result() for swap in swaps]
        assert won.count(True) == 1
        assert read(store, "index/a.json") == news[won.index(True)]


def test_no_increment_is_lost(place, store):
    def increment(one):
        while True:
            old = read(one, "index/count")
            if one.swap("index/count", b"%d" % (int(old) + 1), old):
                return

    store.swap("index/count", b"0", None)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, [place.store() for _ in range(12)]))
    assert read(store, "index/count") == b"12"


def test_files_below_a_folder_are_listed(store):
    assert store.list("index") == []
    paths = ["index/a.json", "index/b.json", "index.json", "index2/c.json", "blobs/aa/b"]
    for path in paths:
        store.put_bytes(path, b"{}")
    assert store.list("index") == ["index/a.json", "index/b.json"]
    assert store.list("blobs") == ["blobs/aa/b"]


def test_what_is_missing_is_not_found(store):
    with pytest.raises(NotFoundError, match=r"nothing\.json"):
        store.open("manifests/nothing.json")


def test_claiming_again_changes_nothing(place, store):
    store.put_bytes("registry.json", b'{"format":2,"name":"lab"}')
    for _ in range(2):
        place.store().claim()
        store.sweep()
    assert read(store, "registry.json") == b'{"format":2,"name":"lab"}'


def test_documents_can_be_moved_out_of_the_way(store):
    if not isinstance(store, RepairableStore):
        pytest.skip("a store need not be repairable")
    assert store.peek("index/a.json") is None
    store.put_bytes("index/a.json", b"damaged")
    assert store.peek("index/a.json") == b"damaged"
    store.remove("index/a.json")
    store.remove("index/a.json")
    assert store.peek("index/a.json") is None
    assert store.list("index") == []


def test_locations_are_shown_and_read_again(place, store):
    assert place.store().location == store.location
    assert store.location.endswith(place.location.rpartition("/")[2])


def test_errors_are_ours(place):
    with pytest.raises(RegistryError):
        place.registry().names()
