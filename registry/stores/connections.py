"""HTTP connections on which no read can take forever."""

from __future__ import annotations

import io
import time
from functools import cache
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    build_opener,
)

if TYPE_CHECKING:
    import socket
    from http.client import HTTPMessage
    from urllib.request import Request

    from _typeshed import WriteableBuffer


class Clocked(io.RawIOBase):
    """The bytes received from a socket until a deadline.

    A socket's own timeout starts again with every byte, so a server could send one now and then.

    Parameters
    ----------
    connection
        The socket; its timeout (s) is the time until the first deadline.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.raw = connection.makefile("rb", buffering=0)
        self.timeout = connection.gettimeout()
        self.extend()

    def extend(self) -> None:
        """Restart the full timeout from now."""
        self.deadline = None if self.timeout is None else time.monotonic() + self.timeout

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - as for a socket
        """Act like a socket when a response requests a file."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """Read what is there; raises `TimeoutError` after the deadline."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self.connection.settimeout(left)
        try:
            return self.raw.readinto(buffer)
        finally:
            self.connection.settimeout(self.timeout)

    def close(self) -> None:
        """Close the socket."""
        self.raw.close()
        super().close()


class Response(HTTPResponse):
    """A response whose head, and each piece of its body, have a deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        self.clocked = Clocked(sock)
        super().__init__(self.clocked, *args, **options)  # type: ignore[arg-type]

    def read_piece(self, count: int) -> bytes:
        """Return the bytes available, up to `count`, so that progress shows on slow lines, too."""
        self.clocked.extend()
        return self.read1(count)


class _Connection(HTTPConnection):
    response_class = Response


class _SecureConnection(HTTPSConnection):
    response_class = Response


class _Http(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req)


class _NoRedirects(HTTPRedirectHandler):
    """Leave redirects to the caller: urllib would read their bodies of any size, and follow ftp."""

    def http_error_302(
        self, req: Request, fp: object, code: int, msg: str, headers: HTTPMessage
    ) -> None:
        """Do not follow."""

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


@cache
def opener() -> OpenerDirector:
    """Return an opener of URLs that uses the proxies of the environment."""
    return build_opener(_Http, _Https, _NoRedirects)
