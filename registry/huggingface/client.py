"""The calls of the Hub's own client, with deadlines, retries and errors of this package."""

from __future__ import annotations

import logging
import time
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from registry.download import Retries
from registry.errors import NotFoundError, SettingsError
from registry.huggingface.errors import INSTALL, offline, shortened, translated, unreachable
from registry.stores.addresses import warn_if_unencrypted
from registry.stores.base import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2
    from huggingface_hub import HfApi

    from registry.huggingface.addresses import Address

TIMEOUT = 60.0  # seconds without a byte; the client itself has no limit

Found = TypeVar("Found")

# It writes the addresses that it retries, which may be signed.
_LOGGER = logging.getLogger("huggingface_hub.utils._http")


class Client:
    """The Hub's client for the repositories of one address.

    Tokens are those of the client: from ``HF_TOKEN``, or as ``hf auth login`` left them.

    Parameters
    ----------
    address
        The organisation, and the kind of its repositories.
    offline
        Refuse to use the network.
    """

    def __init__(self, address: Address, *, offline: bool = False) -> None:
        self.address = address
        self.offline = offline

    @cached_property
    def api(self) -> HfApi:
        """The client's own interface; the client is imported when it is needed.

        Raises
        ------
        SettingsError
            If it is not installed.
        """
        try:
            from huggingface_hub import HfApi
        except ImportError as problem:
            raise SettingsError(
                f"{self.address} needs the package huggingface_hub", INSTALL
            ) from problem
        return HfApi(library_name="mlip-hub")

    def page(self, name: str) -> str:
        """Return the address of the web page of a repository."""
        return f"{self.api.endpoint}/{self.address.path(name)}"

    def ask(self, name: str, call: Callable[[], Found], retries: Retries | None = None) -> Found:
        """Return the result of a call that reads; a failure that may not recur is retried.

        Parameters
        ----------
        name
            The repository, for messages.
        call
            The call; safe to repeat.
        retries
            How often to retry.

        Raises
        ------
        OfflineError
            If the Hub cannot be reached, or the network is disabled.
        AccessError
            If it is gated, or the token does not suffice.
        NotFoundError
            If there is no such repository, revision or file.
        """
        retries = retries or Retries(attempts=3)
        failures = 0
        while True:
            try:
                return self.once(name, call)
            except TransientError as problem:
                failures += 1
                if failures >= retries.attempts:
                    raise unreachable(self.page(name), problem) from problem
                time.sleep(retries.pause(failures, problem.wait))

    def once(self, name: str, call: Callable[[], Found]) -> Found:
        """Return the result of a call; raises like `ask`, and `TransientError`."""
        page = self.page(name)
        if self.offline:
            raise offline(page, "HUB_OFFLINE")
        warn_if_unencrypted(page)
        try:
            with _LIMITS:
                return call()
        except Exception as problem:
            raise translated(problem, page) from problem

    def find(
        self, name: str, call: Callable[[], Found], retries: Retries | None = None
    ) -> Found | None:
        """Do as `ask`, but return None if there is no such repository, revision or file."""
        try:
            return self.ask(name, call, retries)
        except NotFoundError:
            return None


class _Limits:
    """Limit the wait for each answer, and what the client writes to the terminal.

    The session of the client belongs to the process: its limit is set while any thread needs it,
    and one that it has already stays.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._sessions: list[httpx2.Client] = []
        self._shows_bars = True

    def __enter__(self) -> None:
        import httpx2
        from huggingface_hub.utils._http import get_session
        from huggingface_hub.utils.tqdm import progress_bar_states

        with self._lock:
            if self._users == 0:
                _LOGGER.addFilter(_without_secrets)
                self._shows_bars = progress_bar_states.get("_global", True)
                progress_bar_states["_global"] = False
            self._users += 1
            session = get_session()
            if session.timeout == httpx2.Timeout(None):
                session.timeout = httpx2.Timeout(TIMEOUT, pool=None)
                self._sessions.append(session)

    def __exit__(self, *_: object) -> None:
        import httpx2
        from huggingface_hub.utils.tqdm import progress_bar_states

        with self._lock:
            self._users -= 1
            if self._users == 0:
                progress_bar_states["_global"] = self._shows_bars
                for session in self._sessions:
                    session.timeout = httpx2.Timeout(None)
                self._sessions.clear()


_LIMITS = _Limits()


def _without_secrets(record: logging.LogRecord) -> bool:
    record.msg, record.args = shortened(record.getMessage()), ()
    return True
