"""A registry behind a server that errs, cuts, delays, or is not what it was."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.faults.actions import Users
from tests.faults.verdict import DELETED, LOST
from tests.faults.world import LAB
from tests.registry.server import cut, endless, flip, slow, stall, status, wrong_length

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.faults.cases import Case
    from tests.faults.verdict import Verdict
    from tests.faults.world import World
    from tests.registry.server import Fault, Handler

SHORT = 0.15  # seconds that clients wait for a server that hangs
DOCUMENTS = {
    "marker": "/registry.json",
    "list of names": "/index.json",
    "page": "/index/",
    "manifest": "/manifests/",
    "blob": "/blobs/",
    "anything": "/",
}
HEADS = (
    "Content-Length: " + "9" * 5000, "Content-Length: -1", "Content-Length: 12abc",
    "Content-Length: \u0663", "Content-Range: bytes 0-1/" + "9" * 5000, "Transfer-Encoding: odd",
    "Transfer-Encoding: chunked", "Content-Encoding: gzip", "X: " + "y" * 70000, "no colon here",
    "Content-Length: 1e3", "Retry-After: " + "9" * 5000,
)  # fmt: skip
PLACES = ("http://[", "http://127.0.0.1:1/", "ftp://127.0.0.1/x", "file:///etc/passwd", "", "//",
          "http://127.0.0.1:99999/", "http://\x01", "javascript:1")  # fmt: skip
CODES = (204, 206, 301, 400, 401, 403, 404, 410, 416, 418, 429, 500, 502, 503, 599, 999)


def _anywhere(make: Callable[[int], Fault], random: Random) -> Fault:
    """Place a fault somewhere in the bytes, when it is known how many there are."""
    part = random.random()

    def answer(handler: Handler, data: bytes, start: int) -> None:
        make(int(part * max(1, len(data))))(handler, data, start)

    return answer


def _flip(position: int) -> Fault:
    def answer(handler: Handler, data: bytes, start: int) -> None:
        (flip(position) if data else status(404))(handler, data, start)

    return answer


def _head(line: str) -> Fault:
    """Answer with an odd head, and the right bytes."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + line.encode() + b"\r\n\r\n" + data)
        handler.close_connection = True

    return answer


def _redirect(to: str) -> Fault:
    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.wfile.write(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n".encode())
        handler.close_connection = True

    return answer


def _body(data: bytes) -> Fault:
    """Answer with other bytes, such as the page of a proxy."""

    def answer(handler: Handler, _: bytes, start: int) -> None:
        handler.begin(data, 0)
        handler.send(data)

    return answer


def _other_file(random: Random) -> Fault:
    """Answer with another file of the same kind, as a muddled cache does."""
    pick = random.random()

    def answer(handler: Handler, data: bytes, start: int) -> None:
        root = handler.server_state.root
        here = root / handler.path.lstrip("/")
        others = sorted(p for p in here.parent.glob("*") if p.is_file() and p != here)
        other = others[int(pick * len(others))].read_bytes() if others else b""
        handler.begin(other, 0)
        handler.send(other)

    return answer


def _status_line(random: Random) -> Fault:
    line = random.choice([b"HTTP/9.9 2 \x1b[2J", b"garbage", b"HTTP/1.1 20x OK", b"\0" * 100,
                          b"HTTP/1.1 200" + b"y" * 70000])  # fmt: skip

    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.wfile.write(line + b"\r\n\r\n")
        handler.close_connection = True

    return answer


BODIES = (b"<html>log in</html>", b"", b"{}", b"[" * 100_000, b"\xff" * 100, b'{"format": 2}')
FAULTS: dict[str, Callable[[Random], Fault]] = {
    "cut": partial(_anywhere, cut),
    "flip": partial(_anywhere, _flip),
    "status": lambda random: status(random.choice(CODES)),
    "retry later": lambda random: status(503, random.choice(["0", "x", "-1", "9" * 5000])),
    "wrong length": lambda random: wrong_length(random.choice([-9, -1, 1, 7, 10**9])),
    "other body": lambda random: _body(random.choice(BODIES)),
    "other file": _other_file,
    "head": lambda random: _head(random.choice(HEADS)),
    "status line": _status_line,
    "redirect": lambda random: _redirect(random.choice(PLACES)),
    "delay": lambda random: slow(3, 0.01),
    "stall": lambda random: _anywhere(partial(stall, seconds=2 * SHORT), random),
    "endless": lambda random: endless(),
}


def play_over_http(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Let the server err once or always; then it is mended, and everything can be had."""
    fault = FAULTS[case.fault](random)
    times = random.choice([1, 2, 500])
    verdict.note(f"{case.fault} {times} times")
    server = world.server
    server.faults = {DOCUMENTS[case.place]: [fault] * times}
    world.patience = SHORT if case.fault == "stall" else 2.0
    users = Users(world, verdict)
    lab = [known for known in world.versions.values() if known.place == LAB]
    for known in random.sample(lab, 2):
        users.pull(known, "fresh")
    users.act(random, 2)
    server.faults, server.requests, world.patience = {}, [], 5.0
    for known in lab:
        for machine in ("fresh", "cache"):
            if not users.pull(known, machine):
                verdict.fail(LOST, f"{known.reference} cannot be had when the server is mended")
    if world.has_changed_elsewhere():
        verdict.fail(DELETED, "the folder elsewhere is not what it was")
