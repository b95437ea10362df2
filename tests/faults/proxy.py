"""A proxy in front of a server that errs: it drops, truncates and corrupts on request."""

from __future__ import annotations

import hashlib
import io
import os
import signal
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
_OTHER_BODY = b"<Error><Code>XAmzContentSHA256Mismatch</Code></Error>"


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
    """Return what asks moto in this process, which is faster than one of its own.

    As S3 does, and moto does not, it refuses a body of which the signed checksum is another.
    """
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.test import create_environ, run_wsgi_app

    application, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        signed = headers.get("x-amz-content-sha256", "")
        if len(signed) == 64 and signed != hashlib.sha256(body).hexdigest():
            return Answer(400, [], _OTHER_BODY)
        environment = create_environ(path, "http://127.0.0.1", method=method, headers=headers)
        environment["wsgi.input"], environment["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        with lock:
            pieces, status, found = run_wsgi_app(application, environment, buffered=True)
            return Answer(int(status[:3]), list(found), b"".join(pieces))

    ask("PUT", f"/{BUCKET}", {}, b"")
    return ask


@dataclass
class Proxy:
    """Stands before a server.

    Attributes
    ----------
    ask
        Asks the server.
    path
        The beginning of all paths.
    place
        The text in the path of a request that is disturbed.
    reads, writes
        Faults that are used up, in order, by answers and by requests that write there.
    answers
        The methods of requests whose answers are disturbed.
    written
        The paths of requests that write.
    """

    ask: Ask
    path: str = ""
    place: str = ""
    answers: tuple[str, ...] = ("GET",)
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
    disable_nagle_algorithm = True  # or the body of an answer waits 40 ms after its head

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy, self.request_log = self.proxy, Request(self.path, 0)
        is_here = proxy.place in self.path
        is_write = self.command not in ("GET", "HEAD")
        try:
            if is_write:
                proxy.written.add(self.path)
            if is_write and is_here and proxy.writes:
                proxy.writes.pop(0)(self, body)
                return
            self.answer = self.forward(body)
            if is_here and self.command in proxy.answers and proxy.reads:
                proxy.reads.pop(0)(self, self.answer.body, 0)
            else:
                self.give()
        except OSError:
            self.close_connection = True

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

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


def passed(handler: ProxyHandler, body: bytes) -> None:
    """Nothing happens."""
    handler.answer = handler.forward(body)
    handler.give()


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
        passed(handler, bytes(wrong))

    return answer


def shortened(part: float) -> WriteFault:
    """Only the beginning arrives, and the store takes it for all of it."""

    def answer(handler: ProxyHandler, body: bytes) -> None:
        passed(handler, body[: int(part * len(body))])

    return answer


def killed(process: int, *, is_done: bool) -> WriteFault:
    """Who asks is killed, before or after it is done."""

    def answer(handler: ProxyHandler, body: bytes) -> None:
        if is_done:
            handler.forward(body)
        os.kill(process, signal.SIGKILL)
        handler.close_connection = True

    return answer
