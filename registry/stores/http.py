"""A registry, or a single file, behind ``http(s)://``: read-only, with byte ranges."""

from __future__ import annotations

import re
import ssl
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from registry.errors import AccessError, NotFoundError, OfflineError
from registry.stores.base import Stream, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 20.0
LONGEST_WAIT = 60.0

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class HttpStore:
    """Read files over HTTP; proxies are taken from the environment, as urllib does.

    Parameters
    ----------
    location
        The URL below which the files lie; opening the path "" reads the URL itself.
    offline
        Refuse to use the network.
    timeout
        Seconds to wait for a connection, and for each next byte.
    """

    def __init__(self, location: str, *, offline: bool = False, timeout: float = TIMEOUT) -> None:
        self.location = location.rstrip("/")
        self.offline = offline
        self.timeout = timeout

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the file at `path`, at byte `start` if the server can skip."""
        url = f"{self.location}/{quote(path)}" if path else self.location
        if self.offline:
            raise OfflineError(
                f"{url} is needed, and the network is switched off",
                "Unset HUB_OFFLINE, or put the files into a directory and set HUB_MIRROR to it.",
            )
        headers = {"User-Agent": "mlip-hub", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        # Whoever made this store has checked that the scheme is http or https.
        request = Request(url, headers=headers)  # noqa: S310
        try:
            with _transient_errors(url):
                response = urlopen(request, timeout=self.timeout)  # noqa: S310
        except HTTPError as refusal:
            refusal.close()
            if refusal.code == 416 and start:
                # The file there is shorter than what we have: look at it from its beginning.
                return self.open(path)
            raise _refused(url, refusal) from refusal
        return _HttpStream(url, response, *_extent(response))


class _HttpStream(Stream):
    """A stream whose connection may break."""

    def __init__(self, url: str, body: HTTPResponse, start: int, size: int | None) -> None:
        super().__init__(body, start, size)
        self.url = url
        self.response = body

    def read(self, count: int) -> bytes:
        with _transient_errors(self.url):
            # What is there, rather than all of it: on a slow line progress goes on being seen.
            return self.response.read1(count)


@contextmanager
def _transient_errors(url: str) -> Iterator[None]:
    """Tell what may pass from what will not."""
    try:
        yield
    except HTTPError:
        raise
    except (URLError, HTTPException, OSError) as problem:
        reason = getattr(problem, "reason", problem)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise AccessError(
                f"the certificate of {url} cannot be verified: {reason.verify_message}",
                "Behind a proxy with its own certificates, set SSL_CERT_FILE to them.",
            ) from problem
        raise TransientError(str(reason) or type(reason).__name__) from problem


def _refused(url: str, refusal: HTTPError) -> Exception:
    """Return what an HTTP status means to us."""
    answer = f"{refusal.code} {refusal.reason}"
    if refusal.code in (404, 410):
        return NotFoundError(f"there is no file {url} ({answer})")
    if refusal.code in (408, 425, 429) or refusal.code >= 500:
        asked = str(refusal.headers.get("Retry-After", ""))
        wait = float(asked) if asked.isdecimal() else 0.0
        return TransientError(f"the server answers {answer}", min(wait, LONGEST_WAIT))
    return AccessError(
        f"the server refuses {url} ({answer})",
        "It may need a login, or a proxy may stand in between.",
    )


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """Return the offset of the first byte of a response, and the size of the whole file."""
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found:
            raise TransientError("the server sent a part without saying which")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = str(response.headers.get("Content-Length", ""))
    return 0, int(length) if length.isdecimal() else None
