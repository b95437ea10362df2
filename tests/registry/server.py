"""A loopback HTTP server that misbehaves on request."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

if TYPE_CHECKING:
    from pathlib import Path

# Answers one request in place of the server: the handler, the file's bytes, the first one asked.
Fault = Callable[["Handler", bytes, int], None]


@dataclass
class Request:
    path: str
    start: int
    sent: int = 0


@dataclass
class Server:
    """Serves `root`; `faults` are used up by requests whose path contains the key, in order."""

    root: Path
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    ranges: bool = True
    url: str = ""

    def __enter__(self) -> Self:
        outer = self

        class Bound(Handler):
            server_state = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def fault(self, path: str) -> Fault | None:
        for key, faults in self.faults.items():
            if key in path and faults:
                return faults.pop(0)
        return None

    def asked(self, part: str) -> list[Request]:
        return [request for request in self.requests if part in request.path]


@contextmanager
def serving(folder: Path, name: str, data: bytes) -> Iterator[Server]:
    """Serve a new folder with one file."""
    folder.mkdir()
    (folder / name).write_bytes(data)
    with Server(folder) as running:
        yield running


class Handler(BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:
        state = self.server_state
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and state.ranges else 0
        self.request_log = Request(unquote(self.path), start)
        state.requests.append(self.request_log)
        file = state.root / unquote(self.path.partition("?")[0]).lstrip("/")
        data = file.read_bytes() if file.is_file() else b""
        fault = state.fault(self.path)
        try:
            if fault:
                fault(self, data, start)
            elif not file.is_file():
                self.send_error(404)
            elif start and start >= len(data):
                self.send_error(416)
            else:
                self.begin(data, start)
                self.send(data[start:])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def begin(self, data: bytes, start: int, length: int | None = None) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start if length is None else length))
        self.end_headers()

    def send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()
        self.request_log.sent += len(data)

    def log_message(self, *_: object) -> None:
        pass


def cut(after: int) -> Fault:
    """Promise everything, send `after` bytes, hang up."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.begin(data, start)
        handler.send(data[start : start + after])
        handler.close_connection = True

    return answer


def flip(position: int) -> Fault:
    """Change one byte."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        wrong = bytearray(data)
        wrong[position] ^= 1
        handler.begin(data, start)
        handler.send(bytes(wrong[start:]))

    return answer


def status(code: int, retry_after: str = "") -> Fault:
    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.send_response(code)
        if retry_after:
            handler.send_header("Retry-After", retry_after)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def wrong_length(difference: int) -> Fault:
    """Send everything under another Content-Length."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.begin(data, start, len(data) - start + difference)
        handler.send(data[start:])
        handler.close_connection = True

    return answer


def endless(block: bytes = bytes(1 << 16)) -> Fault:
    """Send more and more without saying how much."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        while True:
            handler.send(block)

    return answer


def raw(*pieces: bytes, pause: float = 0.0) -> Fault:
    """Send just these bytes, head and body, with a pause (s) after each piece; then hang up."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.close_connection = True
        for piece in pieces:
            handler.send(piece)
            time.sleep(pause)

    return answer


def redirect(location: str, code: int = 302, body: bytes = b"") -> Fault:
    """Send the client on to another address."""
    head = f"HTTP/1.1 {code} Elsewhere\r\nLocation: {location}\r\n\r\n".encode()
    return raw(head, body)


def slow(pieces: int, pause: float) -> Fault:
    """Send everything in some pieces, with a pause (s) before each."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.begin(data, start)
        step = max(1, (len(data) - start) // pieces)
        for position in range(start, len(data), step):
            time.sleep(pause)
            handler.send(data[position : position + step])

    return answer


def stall(after: int, seconds: float) -> Fault:
    """Promise everything, send `after` bytes, and then nothing for a while."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        handler.begin(data, start)
        handler.send(data[start : start + after])
        time.sleep(seconds)
        handler.close_connection = True

    return answer


def silent(seconds: float) -> Fault:
    """Say nothing for a while, then hang up."""

    def answer(handler: Handler, data: bytes, start: int) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return answer
