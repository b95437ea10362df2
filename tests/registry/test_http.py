"""Heads and bodies of HTTP responses that are wrong, hostile or too slow: an answer, and soon."""

import logging
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.blobs import Blobs
from registry.download import Retries, read
from registry.errors import AccessError, IntegrityError, OfflineError, RegistryError
from registry.manifest import FileEntry
from registry.sources import Source
from registry.stores import addresses
from registry.stores.base import TransientError
from registry.stores.http import HttpStore
from registry.transfer import download, fetch
from tests.registry.server import endless, raw, redirect, serving, slow, status

DATA = b"some document"
MANY_DIGITS = b"9" * 5000


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path / "served", "file", DATA) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_said_yet():
    addresses._mention.cache_clear()
    addresses._warn_unencrypted.cache_clear()


def get(server, fault, **options):
    server.faults["file"] = [fault] * 20
    store = HttpStore(server.url, **{"timeout": 0.3, **options})
    return read(store, "file", Retries(attempts=2))


def head(*lines: bytes, status_line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([status_line, *lines, b"", b""])


@pytest.mark.parametrize(
    "length", [MANY_DIGITS, b"-5", b"5_0", b"\xb2", b"0x10", b"1e3", b"", b"10" * 20, b"5, 5"]
)
def test_a_length_that_is_none_is_not_believed(server, length):
    with pytest.raises(OfflineError, match="as the length"):
        get(server, raw(head(b"Content-Length: " + length) + DATA))


@pytest.mark.parametrize(
    "content_range",
    [b"bytes 3-" + MANY_DIGITS + b"/*", b"bytes \xb2-9/9", b"bytes 9-3/10", b"bytes -3/10", b""],
)
def test_a_part_that_is_none_is_not_believed(server, content_range):
    part = head(b"Content-Range: " + content_range, status_line=b"HTTP/1.1 206 Part")
    server.faults["file"] = [raw(part + DATA)]
    with pytest.raises(TransientError, match="invalid Content-Range"):
        HttpStore(server.url).open("file", 3)


@pytest.mark.parametrize("asked", [MANY_DIGITS.decode(), "-1", "1e9", "nan", "soon", "99999999"])
def test_a_server_cannot_make_us_wait_for_ever(server, asked):
    server.faults["file"] = [status(503, retry_after=asked)]
    with pytest.raises(TransientError) as refusal:
        HttpStore(server.url).open("file")
    assert 0 <= refusal.value.wait <= 60


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x1b[31m\r\n\r\n",
        head(status_line=b"HTTP/1.1 " + MANY_DIGITS + b" x"),
        head(status_line=b"HTTP/1.1 -1 x"),
        head(status_line=b"HTTP/1.1 200 " + b"x" * 70_000),
        head(*(b"A%d: b" % number for number in range(200))),
        head(b"A: " + b"b" * 70_000),
        head(b"Transfer-Encoding: chunked") + b"zz\r\n",
        head(b"Transfer-Encoding: chunked") + MANY_DIGITS + b"\r\nx",
        head(b"Transfer-Encoding: chunked") + b"-5\r\nx",
    ],
)
def test_a_head_that_is_none_ends_in_a_clear_error(server, answer):
    with pytest.raises(OfflineError) as failure:
        get(server, raw(answer))
    assert len(failure.value.message) < 400


def test_what_a_server_says_is_one_short_line(server):
    spoken = b"HTTP/1.1 403 no\x0bway\x85" + b"!" * 60_000
    with pytest.raises(AccessError) as failure:
        get(server, raw(head(status_line=spoken)))
    assert len(failure.value.message) < 400
    assert len(failure.value.message.splitlines()) == 1


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"Content-Length", b"Content-Range", b"Location", b"Retry-After"]),
            st.binary(max_size=30).map(lambda value: value.translate(None, b"\r\n")),
        ),
        max_size=3,
    ),
    code=st.sampled_from([200, 204, 206, 301, 308, 403, 404, 416, 429, 503]),
)
def test_any_head_is_answered(tmp_path_factory, headers, code):
    lines = [name + b": " + value for name, value in headers]
    answer = head(*lines, status_line=b"HTTP/1.1 %d x" % code) + DATA
    with Answering(answer) as url:
        store = HttpStore(url, timeout=0.3)
        for start in (0, 3):
            try:
                with store.open("file", start) as stream:
                    assert len(stream.read(100)) <= len(DATA)
            except (RegistryError, TransientError):
                pass


class Answering:
    """A socket that gives everybody the same answer; quicker to begin than a server."""

    def __init__(self, answer):
        self.answer = answer

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    connection.recv(10_000)
                    connection.sendall(self.answer)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(10)
        except OSError:
            pass

    def __exit__(self, *_):
        # Wakes up whoever waits in accept.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server, code):
    server.faults["other"] = [redirect("/file", code)]
    assert read(HttpStore(server.url), "other") == DATA


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://[", "not a web address"),
        ("http://127.0.0.1:99999/file", "not a web address"),
        ("http://127.0.0.1:x/file", "not a web address"),
        ("http://", "more than 5 times"),
        ("", "not a web address"),
        ("file:///etc/passwd", "not a web address"),
        ("ftp://127.0.0.1/file", "not a web address"),
        ("data:text/plain,x", "not a web address"),
        ("http://me:secret@127.0.0.1/file", "not a web address"),
        ("/file", "more than 5 times"),
    ],
)
def test_redirects_to_nowhere_are_refused(server, location, said):
    with pytest.raises(AccessError, match=said) as failure:
        get(server, redirect(location))
    assert "secret" not in failure.value.message
    assert server.url in failure.value.message


def test_a_redirect_may_not_give_up_encryption():
    from registry.stores.http import _redirected

    with pytest.raises(AccessError, match="not encrypted"):
        _redirected("https://a.org/x", "http://a.org/x")
    assert _redirected("https://a.org/x", "y?z") == "https://a.org/y?z"
    assert _redirected("http://a.org/x", "https://a.org/x") == "https://a.org/x"


def test_another_host_is_mentioned_once(server, caplog):
    there = server.url.replace("127.0.0.1", "localhost") + "/file"
    server.faults["other"] = [redirect(there), redirect(there)]
    with caplog.at_level(logging.WARNING):
        assert [read(HttpStore(server.url), "other") for _ in range(2)] == [DATA, DATA]
    assert caplog.messages == ["127.0.0.1 redirects to localhost"]


def test_the_endless_body_of_a_redirect_is_not_read(server):
    server.faults["other"] = [redirect("/file", body=bytes(50_000_000))]
    assert read(HttpStore(server.url), "other") == DATA
    assert server.asked("other")[0].sent < 30_000_000


@pytest.mark.parametrize(
    "pieces",
    [
        [bytes([byte]) for byte in head(b"Content-Length: 13")],
        [head(status_line=b"HTTP/1.1 100 Continue")] * 100,
        [head(b"Transfer-Encoding: chunked"), *[b"0"] * 100],
        [head(b"Transfer-Encoding: chunked") + b"0\r\n", *[b"A: b\r\n"] * 100],
    ],
)
def test_a_response_that_trickles_is_given_up(server, pieces):
    began = time.monotonic()
    with pytest.raises(OfflineError, match="timed out"):
        get(server, raw(*pieces, pause=0.05))
    assert time.monotonic() - began < 10


def drip(handler, data, start):
    """Promise everything, and send a byte now and then."""
    handler.begin(data, start)
    for position in range(start, len(data)):
        handler.send(data[position : position + 1])
        time.sleep(0.05)


def test_a_body_that_trickles_is_given_up(server, tmp_path):
    data = bytes(10_000)
    (server.root / "file").write_bytes(data)
    began = time.monotonic()
    with pytest.raises(OfflineError, match="slower than 1000 bytes"):
        get(server, drip, window=0.2)
    # A blob is not fetched for ever by what little comes before each failure.
    entry, blobs = FileEntry("file", len(data), "0" * 64), Blobs(tmp_path / "cache")
    store = HttpStore(server.url, window=0.2)
    with pytest.raises(OfflineError, match="slower than 1000 bytes"):
        fetch(store, [("file", entry)], blobs, retries=Retries(attempts=2))
    assert time.monotonic() - began < 60  # all of it takes 500 s


def test_a_slow_reader_is_no_slow_server(server):
    server.faults["file"] = [slow(13, 0.001)]
    store = HttpStore(server.url, window=0.1)
    with store.open("file") as stream:
        content = b""
        while piece := stream.read(1):
            content += piece
            time.sleep(0.03)
    assert content == DATA


def test_an_endless_file_of_unknown_hash_is_cut_off(server, tmp_path):
    server.faults["file"] = [endless()] * 2
    source = Source("a/b", "c", "file", f"{server.url}/file", size=1000)
    with pytest.raises(IntegrityError, match="longer than 1,000 bytes"):
        download(source, HttpStore(source.url), "", tmp_path / "parts")
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [".mlip-hub"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://" + "a" * 300,
        "http://a..b",
        "http://\x00",
        "http://a b",
    ],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(AccessError, match="cannot be requested"):
        read(HttpStore(url, timeout=0.3), "file")


def test_an_address_may_have_letters_that_are_not_ascii(server):
    (server.root / "Ångström x").mkdir()
    (server.root / "Ångström x" / "file").write_bytes(DATA)
    assert read(HttpStore(f"{server.url}/Ångström x"), "file") == DATA


def test_a_query_goes_with_every_request_and_is_shown_nowhere(server, caplog):
    store = HttpStore(f"{server.url}/?token=secret/")
    assert store.location == f"{server.url}/?token=***"
    server.faults["file?token=secret/"] = [status(403)]
    with caplog.at_level(logging.WARNING), pytest.raises(AccessError) as failure:
        read(store, "file")
    assert server.faults["file?token=secret/"] == []
    server.faults["file"] = [status(503)] * 5
    with pytest.raises(OfflineError) as lasting:
        read(store, "file")
    assert "secret" not in f"{failure.value} {lasting.value} {caplog.text}"
