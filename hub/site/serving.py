"""Show a site to the browsers of this machine."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOPBACK = "127.0.0.1"
_NAMES = (_LOOPBACK, "localhost")


def serve_site(
    site: str | Path, *, port: int = 0, started: Callable[[str], None] | None = None
) -> None:
    """Serve a site to this machine alone, until interrupted.

    Parameters
    ----------
    site
        A folder that `build_site` made.
    port
        The port; a free one if 0.
    started
        Called with the address.

    Raises
    ------
    NotFoundError
        If there is no site in the folder.
    StorageError
        If the port is taken.
    """
    with server_of(site, port) as server:
        if started is not None:
            started(f"http://{_LOOPBACK}:{server.server_address[1]}/")
        server.serve_forever()


def server_of(site: str | Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server for a site on the loopback interface; raises like `serve_site`."""
    folder = Path(site).absolute()
    if not (folder / "index.html").is_file():
        raise NotFoundError(f"no site found in {folder}", f"Build it first: hub site build {site}")
    try:
        return ThreadingHTTPServer((_LOOPBACK, port), partial(_Handler, directory=str(folder)))
    except (OSError, OverflowError) as problem:
        raise StorageError(
            f"cannot listen on port {port}: {problem}", "Choose another one with --port."
        ) from problem


class _Handler(SimpleHTTPRequestHandler):
    """Serves files to pages of this machine, and says nothing."""

    def send_head(self) -> Any:
        """Refuse requests under another name, as a page of another host could make them."""
        name = (self.headers.get("Host") or "").partition(":")[0]
        if name not in _NAMES:
            self.send_error(HTTPStatus.FORBIDDEN)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Let browsers ask again, so that a new build is seen."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - of the base class
        """Print nothing."""
