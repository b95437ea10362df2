"""A proxy in front of an object store that errs: it drops, truncates and corrupts on request."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tests.registry.cloud_servers import BUCKET
from tests.registry.server import Handler, Request

if TYPE_CHECKING:
    from tests.registry.server import Fault

# Answers a request that writes, in place of the proxy: the handler and the body that came.
WriteFault = Callable[["ProxyHandler", bytes], None]
_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "server", "expect")


@dataclass
class Answer:
    """What the store itself answers."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


# Takes the method, the path with its query, the headers and the body of a request.
Ask = Callable[[str, str, dict[str, str], bytes], Answer]


def asks_server(upstream: str) -> Ask:
    """Return what asks the server at an address."""
    host = urlsplit(upstream)

    def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        connection = HTTPConnection(host.hostname or "", host.port, timeout=20)
        try:
            connection.request(method, path, body, {**headers, "Content-Length": str(len(body))})
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    return ask


def asks_moto() -> Ask:
    """Return what asks moto in this process, which is faster than one of its own."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.test import create_environ, run_wsgi_app

    application, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        environment = create_environ(path, "http://127.0.0.1", method=method, headers=headers)
        environment["wsgi.input"], environment["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        with lock:
            pieces, status, found = run_wsgi_app(application, environment, buffered=True)
            return Answer(int(status[:3]), list(found), b"".join(pieces))

    ask("PUT", f"/{BUCKET}", {}, b"")
    return ask


@dataclass
class Proxy:
    """Stands before an object store.

    Attributes
    ----------
    ask
        Asks the store.
    path
        The beginning of all paths.
    place
        The text in the path of a request that is disturbed.
    reads, writes
        Faults that are used up, in order, by requests that read or write there.
    written
        The paths of requests that write.
    """

    ask: Ask
    path: str = ""
    place: str = ""
    reads: list[Fault] = field(default_factory=list)
    writes: list[WriteFault] = field(default_factory=list)
    written: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        outer = self

        class Bound(ProxyHandler):
            proxy = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.url = f"http://127.0.0.1:{self._http.server_port}{self.path}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def mend(self) -> None:
        """Err no longer."""
        self.reads, self.writes = [], []


class ProxyHandler(Handler):
    """One connection of a client."""

    proxy: Proxy
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        self._handle(self.proxy.reads, is_write=False)

    def do_PUT(self) -> None:
        self._handle(self.proxy.writes, is_write=True)

    do_HEAD = do_GET
    do_POST = do_DELETE = do_PUT

    def _handle(self, faults: list, *, is_write: bool) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.request_log = Request(self.path, 0)
        try:
            fault = faults.pop(0) if self.proxy.place in self.path and faults else None
            if is_write:
                self.proxy.written.add(self.path)
            if is_write and fault:
                fault(self, body)
                return
            self.answer = self.forward(body)
            if fault and self.command == "GET":
                fault(self, self.answer.body, 0)
            else:
                self.give()
        except (BrokenPipeError, ConnectionResetError, OSError):
            self.close_connection = True

    def forward(self, body: bytes) -> Answer:
        """Ask the store."""
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
        return self.proxy.ask(self.command, self.path, headers, body)

    def give(self) -> None:
        """Answer as the store does."""
        if self.command == "HEAD":
            length = next((v for k, v in self.answer.headers if k.lower() == "content-length"), "0")
            self.begin(b"", 0, int(length))
        else:
            self.begin(self.answer.body, 0)
            self.send(self.answer.body)

    def begin(self, data: bytes, start: int, length: int | None = None) -> None:
        answer = self.answer
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()


def dropped(handler: ProxyHandler, body: bytes) -> None:
    """The request is lost."""
    handler.close_connection = True


def unanswered(handler: ProxyHandler, body: bytes) -> None:
    """The request is done, and its answer is lost."""
    handler.forward(body)
    handler.close_connection = True


def refused(code: int, *, is_done: bool) -> WriteFault:
    """The answer is an error, whether the request was done or not."""

    def answer(handler: ProxyHandler, body: bytes) -> None:
        if is_done:
            handler.forward(body)
        handler.send_response_only(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def corrupted(part: float) -> WriteFault:
    """One byte arrives as another one."""

    def answer(handler: ProxyHandler, body: bytes) -> None:
        wrong = bytearray(body)
        if wrong:
            wrong[int(part * len(wrong))] ^= 1
        handler.answer = handler.forward(bytes(wrong))
        handler.give()

    return answer


def shortened(part: float) -> WriteFault:
    """Only the beginning arrives, and the store takes it for all of it."""

    def answer(handler: ProxyHandler, body: bytes) -> None:
        handler.answer = handler.forward(body[: int(part * len(body))])
        handler.give()

    return answer
