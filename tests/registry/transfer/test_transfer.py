"""Transfers from a server that misbehaves: success or a clear error, and nothing wrong is kept."""

import hashlib
import os
import threading
import time

import pytest

from registry import download
from registry.download import Retries, read
from registry.errors import (
    AccessError,
    IntegrityError,
    NotFoundError,
    OfflineError,
)
from registry.manifest import FileEntry
from registry.stores.directory import DirectoryStore
from registry.stores.http import HttpStore
from registry.transfer import PARALLEL, fetch
from tests.registry.server import (
    Server,
    cut,
    endless,
    flip,
    silent,
    slow,
    stall,
    status,
    wrong_length,
)
from tests.registry.transfer.given import DATA, ENTRY, get, nothing_kept


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [cut(1_234_567)],
        [cut(0), cut(0), cut(0), cut(0)],
        # More cuts than attempts: every one of them brings something.
        [cut(300_000) for _ in range(8)],
        [flip(10)],
        [cut(2_000_000), flip(10)],
        [flip(2_500_000)],
        [status(503), status(503), status(502)],
        [status(429, retry_after="0")],
        [status(500), cut(1_000_000), status(503)],
        [wrong_length(+7)],
        [wrong_length(-7)],
        [endless()],
        [slow(10, 0.02)],
        [silent(1.0)],
        [stall(1_000_000, 1.0)],
    ],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_a_passing_fault_ends_in_success(server, blobs, faults, ranges):
    if len(faults) == 8 and not ranges:
        pytest.skip("without ranges a cut at the same place brings nothing new")
    server.ranges = ranges
    server.faults["weights"] = list(faults)
    assert get(server, blobs, timeout=0.5) == DATA
    assert server.faults["weights"] == []
    assert list(blobs.parts.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(404), NotFoundError),
        (status(410), NotFoundError),
        (status(401), AccessError),
        (status(403), AccessError),
        (status(503), OfflineError),
        (status(429), OfflineError),
        (cut(0), OfflineError),
        (silent(0.4), OfflineError),
        (flip(5), IntegrityError),
        (wrong_length(+1), IntegrityError),
        (endless(), IntegrityError),
    ],
)
def test_a_lasting_fault_ends_in_a_clear_error(server, blobs, fault, error):
    server.faults["weights"] = [fault] * 20
    with pytest.raises(error) as failure:
        get(server, blobs, timeout=0.2)
    assert server.url in failure.value.message
    assert nothing_kept(blobs)
    server.faults.clear()
    assert get(server, blobs) == DATA


def test_a_refusal_is_not_insisted_on(server, blobs):
    server.faults["weights"] = [status(404)] * 5
    with pytest.raises(NotFoundError):
        get(server, blobs)
    assert len(server.requests) == 1


def test_only_the_rest_is_transferred_after_a_break(server, blobs):
    server.faults["weights"] = [cut(2_000_000)]
    assert get(server, blobs) == DATA
    first, second = server.requests
    assert first.start == 0
    assert 0 < second.start <= 2_000_000
    assert second.sent == len(DATA) - second.start


def test_a_part_of_an_earlier_process_is_continued(server, blobs):
    blobs.parts.mkdir(parents=True)
    blobs.part(ENTRY.sha256).write_bytes(DATA[:1_000_000])
    assert get(server, blobs) == DATA
    assert [(request.start, request.sent) for request in server.requests] == [
        (1_000_000, 2_000_000)
    ]


@pytest.mark.parametrize(
    "part", [DATA + b"x", b"wrong" * 1000, DATA[:-1] + b"?", os.urandom(len(DATA))]
)
def test_a_wrong_part_is_not_built_upon(server, blobs, part):
    blobs.parts.mkdir(parents=True)
    blobs.part(ENTRY.sha256).write_bytes(part)
    assert get(server, blobs) == DATA


def test_a_whole_part_needs_no_request(server, blobs):
    blobs.parts.mkdir(parents=True)
    blobs.part(ENTRY.sha256).write_bytes(DATA)
    assert get(server, blobs) == DATA
    assert server.requests == []


def test_a_file_that_is_shorter_than_its_part_is_refused(server, blobs):
    (server.root / "weights.bin").write_bytes(DATA[:100])
    blobs.parts.mkdir(parents=True)
    blobs.part(ENTRY.sha256).write_bytes(DATA[:1000])
    with pytest.raises(IntegrityError, match="100 bytes long"):
        get(server, blobs)
    assert nothing_kept(blobs)


def test_an_endless_answer_is_cut_off(server, blobs):
    server.faults["weights"] = [endless()] * 2
    with pytest.raises(IntegrityError, match="longer"):
        get(server, blobs)
    # What lies in the buffers of the connection was sent too, but no more than that.
    assert all(request.sent < len(DATA) + 20_000_000 for request in server.requests)


def test_an_empty_file_needs_no_request(server, blobs):
    empty = FileEntry("weights.bin", 0, hashlib.sha256().hexdigest())
    assert get(server, blobs, empty) == b""
    assert server.requests == []


def test_nobody_listens(blobs):
    with Server(blobs.root) as gone:
        pass
    with pytest.raises(OfflineError, match="refused"):
        get(gone, blobs)


def test_offline_asks_nobody(server, blobs):
    store = HttpStore(server.url, offline=True)
    with pytest.raises(OfflineError, match="the network is disabled"):
        fetch(store, [("weights.bin", ENTRY)], blobs)
    assert server.requests == []


def test_many_files_come_in_parallel(server, blobs):
    files, barrier = [], threading.Barrier(PARALLEL)

    def together(handler, data, start):
        """Send a file once so many others are asked for, too."""
        barrier.wait(20)
        handler.begin(data, start)
        handler.send(data)

    for number in range(2 * PARALLEL):
        data = os.urandom(10_000)
        (server.root / f"{number}.bin").write_bytes(data)
        entry = FileEntry(f"{number}.bin", len(data), hashlib.sha256(data).hexdigest())
        files.append((entry.path, entry))
        server.faults[entry.path] = [together]
    seen = []
    fetch(
        HttpStore(server.url), files, blobs, progress=lambda done, total: seen.append((done, total))
    )
    assert not barrier.broken
    assert all(blobs.has(entry) for _, entry in files)
    assert seen[-1] == (80_000, 80_000)


def test_one_failure_stops_the_others(server, blobs):
    other = FileEntry("other.bin", len(DATA), "0" * 64)
    (server.root / "other.bin").write_bytes(DATA)
    server.faults["other"] = [slow(300, 0.1)]
    start = time.monotonic()
    files = [("other.bin", other), ("missing.bin", ENTRY)]
    with pytest.raises(NotFoundError, match=r"missing\.bin"):
        fetch(HttpStore(server.url), files, blobs)
    assert time.monotonic() - start < 20  # the other takes 30 s


def test_two_fetches_at_once_download_once(server, blobs):
    server.faults["weights"] = [slow(10, 0.05)]
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(get(server, blobs))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [DATA] * 3
    assert len(server.requests) == 1


def test_a_damaged_source_directory_is_noticed(tmp_path, blobs):
    (tmp_path / "weights.bin").write_bytes(DATA[:-1] + b"?")
    with pytest.raises(IntegrityError, match="should be"):
        fetch(DirectoryStore(tmp_path), [("weights.bin", ENTRY)], blobs)
    assert nothing_kept(blobs)


@pytest.mark.parametrize("fault", [cut(10), status(503), silent(0.5)])
def test_documents_are_read_again_too(server, fault):
    server.faults["weights"] = [fault]
    assert read(HttpStore(server.url, timeout=0.2), "weights.bin") == DATA
    assert len(server.requests) == 2


def test_a_document_has_a_largest_size(server, monkeypatch):
    monkeypatch.setattr(download, "LARGEST_DOCUMENT", 1000)
    with pytest.raises(IntegrityError, match="too large"):
        read(HttpStore(server.url), "weights.bin")


def test_waits_grow_and_heed_the_server(monkeypatch):
    monkeypatch.undo()
    waits = [Retries(first_wait=1.0).pause(failures, 0.0) for failures in (1, 2, 3, 4)]
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(waits))
    assert Retries(first_wait=1.0).pause(1, 30.0) == 30.0
