"""A loopback server that speaks as much of the Hugging Face Hub's HTTP API as its client uses.

Large files are served from a second port, as from the Hub's storage: its requests must not carry
the token.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.hugging_face.api import Answer, answer
from tests.hugging_face.repositories import Kept, Refusal, Repository

if TYPE_CHECKING:
    from tests.hugging_face.faults import Fault


class HuggingFace:
    """A Hub in memory; use it as a context manager."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.leaks: list[str] = []  # requests to the storage that carried a token
        self.page = 3  # entries of a tree per answer
        self.multipart_above = 1_000_000
        self.lock = threading.RLock()

    def __enter__(self) -> Self:
        outer = self

        class Bound(_Handler):
            hub = outer

        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), Bound) for _ in range(2)]
        self.storage_server = self._servers[1]
        self.url, self.storage = (f"http://127.0.0.1:{s.server_port}" for s in self._servers)
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def repository(self, name: str, kind: str = "model") -> Repository:
        return self.repositories[kind, name]

    def add(self, name: str, files: dict[str, bytes], kind: str = "model") -> Repository:
        """Make a repository that somebody else filled."""
        made = self.repositories[kind, name] = Repository()
        made.add({path: Kept(data) for path, data in files.items()})
        return made

    def has(self, oid: str) -> bool:
        """Whether the content of a large file is here, and is what its name says."""
        return oid in self.objects and Kept(self.objects[oid]).sha256 == oid

    def asked(self, pattern: str) -> list[str]:
        return [each for each in self.requests if pattern in each]

    def fault(self, request: str) -> Fault | None:
        with self.lock:
            found = next((each for each in self.faults if each.fits(request)), None)
            if found:
                found.times -= 1
        return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HuggingFace

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = f"{self.command} {self.path}"
        fault = self.hub.fault(request)
        try:
            self._handle(request, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def _handle(self, request: str, fault: Fault | None) -> None:
        with self.hub.lock:
            self.hub.requests.append(request)
        lost = fault is not None and fault.status is not None
        result = None
        if fault is None or not lost or fault.after:
            result = self._answered()
        if fault:
            time.sleep(fault.wait)
        if lost and fault:
            if fault.status == 0:
                self.close_connection = True
                self.connection.shutdown(2)
                return
            refusal = Refusal(fault.status or 500, "injected", fault.code, fault.headers)
            result = _of_refusal(refusal)
        self._send(result, fault)

    def _answered(self) -> Answer:
        parts = urlsplit(self.path)
        path, query = parts.path, parse_qs(parts.query)
        try:
            if self.server is self.hub.storage_server:
                return self._stored(path)
            with self.hub.lock:
                return answer(self.hub, self.command, path, query, self.body, self._token())
        except Refusal as refusal:
            return _of_refusal(refusal)
        except (KeyError, TypeError, ValueError):
            return _of_refusal(Refusal(400, "the request is malformed"))

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _stored(self, path: str) -> Answer:
        """Answer as the storage of large files."""
        if "Authorization" in self.headers:
            self.hub.leaks.append(f"{self.command} {path}")
        oid, _, part = path.lstrip("/").partition("/")
        if self.command == "PUT":
            if part:
                self.hub.parts.setdefault(oid, {})[int(part)] = self.body
            else:
                self.hub.objects[oid] = self.body
            return Answer(200, headers={"ETag": f'"{len(self.body)}"'})
        if oid not in self.hub.objects:
            raise Refusal(404, "no such object")
        return Answer(200, self.hub.objects[oid], {"ETag": f'"{oid}"'}, is_file=True)

    def _send(self, result: Answer | None, fault: Fault | None) -> None:
        assert result is not None
        status, data, headers = result.status, result.data, dict(result.headers)
        if result.is_file:
            status, data, more = self._range(data)
            headers |= more
            if fault and fault.flip is not None:
                at = fault.flip % max(len(data), 1)
                data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        headers.setdefault("Content-Length", str(len(data)))
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        is_cut = fault and fault.cut is not None and result.is_file
        if self.command != "HEAD" and not is_cut:
            # In one piece: a body that follows its head waits for 40 ms.
            self._headers_buffer.append(b"\r\n" + data)
            self.flush_headers()
            return
        self.end_headers()
        if is_cut and self.command != "HEAD":
            self.wfile.write(data[: fault.cut])
            self.close_connection = True
            self.connection.shutdown(2)

    def _range(self, data: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Return the part of a file that is asked for."""
        asked = self.headers.get("Range", "")
        headers = {"Accept-Ranges": "bytes"}
        if not asked.startswith("bytes="):
            return 200, data, headers
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(data) - int(last))
        end = min(int(last) + 1, len(data)) if first and last else len(data)
        if start >= len(data):
            return 416, b"", {"Content-Range": f"bytes */{len(data)}"}
        return (
            206,
            data[start:end],
            headers | {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"},
        )

    def log_message(self, *_: object) -> None:
        pass


def _of_refusal(refusal: Refusal) -> Answer:
    message = str(refusal)
    headers = {**refusal.headers, "X-Error-Message": message}
    if refusal.code:
        headers["X-Error-Code"] = refusal.code
    data: dict[str, Any] = {"error": message}
    if "url" in headers:
        data["url"] = headers.pop("url")
    return Answer(refusal.status, json.dumps(data).encode(), headers)
