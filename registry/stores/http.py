"""A registry, or a single file, behind ``http(s)://``: read-only, with byte ranges.

Every call terminates whatever a server does: the head of a response and each piece of its body
have a deadline, and a body that arrives too slowly is abandoned.
"""

from __future__ import annotations

import re
import ssl
import string
import time
from contextlib import contextmanager
from http.client import HTTPException, InvalidURL
from typing import TYPE_CHECKING, cast
from urllib.error import HTTPError
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import Request

from registry.errors import AccessError, NotFoundError, OfflineError
from registry.stores.addresses import (
    mention_other_host,
    warn_if_unencrypted,
    without_credentials,
)
from registry.stores.base import Stream, TransientError
from registry.stores.connections import Response, opener
from registry.stores.pace import SLOWEST, WINDOW, Pace

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 20.0
LONGEST_WAIT = 60.0
MOST_REDIRECTS = 5

_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_REASON = 200  # characters quoted from a server's message
_NUMBER = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


class HttpStore:
    """Read files over HTTP, using the proxies of the environment like urllib.

    Parameters
    ----------
    location
        The base URL of the files; opening the path "" reads the URL itself. A query, such as an
        access token, is sent with every request.
    offline
        Refuse to use the network.
    timeout
        Seconds to wait for a connection, for the whole head of a response, and for each next byte.
    slowest
        Bytes per second; a slower response is abandoned.
    window
        Seconds of waiting over which the speed is averaged.
    """

    def __init__(
        self,
        location: str,
        *,
        offline: bool = False,
        timeout: float = TIMEOUT,
        slowest: float = SLOWEST,
        window: float = WINDOW,
    ) -> None:
        self.url = location if "?" in location else location.rstrip("/")
        self.offline = offline
        self.timeout = timeout
        self.slowest = slowest
        self.window = window

    @property
    def location(self) -> str:
        """The URL, without possible secrets."""
        return without_credentials(self.url)

    def address(self, path: str) -> str:
        """Return the URL of the file at `path`."""
        if not path:
            return self.url
        parts = urlsplit(self.url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/{quote(path)}").geturl()

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the file at `path`, at byte `start` if the server can skip."""
        url = self.address(path)
        warn_if_unencrypted(url)
        if self.offline:
            raise OfflineError(
                f"{without_credentials(url)} is needed, but the network is disabled",
                "Unset HUB_OFFLINE, or put the files into a directory and set HUB_MIRROR to it.",
            )
        for _ in range(1 + MOST_REDIRECTS):
            try:
                response = self._ask(url, start)
            except HTTPError as answer:
                answer.close()
                if answer.code in _REDIRECTS:
                    url = _redirected(url, str(answer.headers.get("Location", "")))
                    warn_if_unencrypted(url)
                    continue
                if answer.code == 416 and start:
                    # The file is shorter than what we have: read it from its beginning.
                    return self.open(path)
                raise _refused(url, answer) from answer
            return _HttpStream(self, url, response)
        raise AccessError(
            f"{without_credentials(self.address(path))} redirects more than {MOST_REDIRECTS} times",
            "Check the address in a browser.",
        )

    def _ask(self, url: str, start: int) -> Response:
        headers = {"User-Agent": "mlip-hub", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with _transient_errors(url):
            # The scheme was checked when the store was made, and in `_redirected`.
            request = Request(_quoted(url), headers=headers)  # noqa: S310
            return cast("Response", opener().open(request, timeout=self.timeout))


class _HttpStream(Stream):
    """A stream whose connection may break, or become too slow to wait for."""

    def __init__(self, store: HttpStore, url: str, response: Response) -> None:
        super().__init__(response, *_extent(response))
        self.url = url
        self.response = response
        self.pace = Pace(store.slowest, store.window)

    def read(self, count: int) -> bytes:
        began = time.monotonic()
        with _transient_errors(self.url):
            piece = self.response.read_piece(count)
        self.pace.note(time.monotonic() - began, len(piece))
        return piece


@contextmanager
def _transient_errors(url: str) -> Iterator[None]:
    """Distinguish transient from permanent errors."""
    try:
        yield
    except HTTPError:
        raise
    except (HTTPException, OSError, ValueError, OverflowError) as problem:
        reason = getattr(problem, "reason", problem)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise AccessError(
                f"the certificate of {without_credentials(url)} cannot be verified: "
                f"{reason.verify_message}",
                "Behind a proxy with its own certificates, set SSL_CERT_FILE to them.",
            ) from problem
        if isinstance(problem, InvalidURL | ValueError | OverflowError):
            raise AccessError(
                f"{without_credentials(url)} cannot be requested: {_shortened(problem)}",
                "Check the address.",
            ) from problem
        raise TransientError(_shortened(reason) or type(reason).__name__) from problem


def _refused(url: str, refusal: HTTPError) -> Exception:
    """Return the exception for an HTTP status."""
    answer, url = _shortened(f"{refusal.code} {refusal.reason}"), without_credentials(url)
    if refusal.code in (404, 410):
        return NotFoundError(f"{url} not found ({answer})")
    if refusal.code in (408, 425, 429) or refusal.code >= 500:
        asked = str(refusal.headers.get("Retry-After", ""))
        wait = float(asked) if _NUMBER.fullmatch(asked) else 0.0
        return TransientError(f"the server answers {answer}", min(wait, LONGEST_WAIT))
    return AccessError(
        f"the server refuses {url} ({answer})",
        "It may require a login, or a proxy may block it.",
    )


def _redirected(url: str, location: str) -> str:
    """Return the address to which a server redirects, if it may be followed."""
    before, shown = urlsplit(url), _shortened(without_credentials(location))
    try:
        after = urlsplit(urljoin(url, location))
        is_address = bool(location and after.hostname and _quoted(after.geturl()))
    except ValueError:
        is_address = False
    if not is_address or after.scheme not in ("http", "https") or "@" in after.netloc:
        raise AccessError(
            f"{without_credentials(url)} redirects to {shown!r}, which is not a web address",
            "Inform the maintainer of the server.",
        )
    if before.scheme == "https" and after.scheme == "http":
        raise AccessError(
            f"{without_credentials(url)} redirects to {shown}, which is not encrypted",
            "Inform the maintainer of the server.",
        )
    mention_other_host(str(before.hostname), str(after.hostname))
    return after.geturl()


def _extent(response: Response) -> tuple[int, int | None]:
    """Return the offset of the first byte of a response, and the size of the whole file."""
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(str(response.headers.get("Content-Range", "")))
        if not found or int(found[1]) > int(found[2]):
            raise TransientError("the server sent an invalid Content-Range")
        return int(found[1]), None if found[3] == "*" else int(found[3])
    length = response.headers.get("Content-Length")
    if length is None:
        return 0, None
    if not _NUMBER.fullmatch(str(length)):
        raise TransientError(f"the server gives {str(length)[:20]!r} as the length of the file")
    return 0, int(length)


def _quoted(url: str) -> str:
    """Quote spaces and non-ASCII letters, which are not allowed in a request.

    Raises
    ------
    ValueError
        If the port is 0; the system would use another one.
    """
    parts = urlsplit(url)
    if parts.port == 0:
        raise ValueError("port 0 is not valid")
    path, query = (quote(text, safe=string.punctuation) for text in (parts.path, parts.query))
    return parts._replace(path=path, query=query).geturl()


def _shortened(reason: object) -> str:
    """Return a message of a server or the system on one line, shortened."""
    return " ".join(str(reason).split())[:_LONGEST_REASON]
