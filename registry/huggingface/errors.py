"""What the client of the Hugging Face Hub raises, in the words of this package."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from registry.errors import (
    AccessError,
    IncompatibleError,
    InvalidReferenceError,
    NotFoundError,
    OfflineError,
    RegistryError,
    SettingsError,
    StorageError,
)
from registry.stores.addresses import without_credentials
from registry.stores.base import TransientError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

INSTALL = "Install it: pip install 'mlip-hub[huggingface]'"
LOG_IN = "log in (`hf auth login`) or set HF_TOKEN"

_LONGEST = 300  # characters quoted from a message
_TOKEN = re.compile(r"\bhf_\w+|\bBearer\s+\S+")
# Statuses after which a retry may succeed, with what they mean if that is worth saying.
_TRANSIENT = dict.fromkeys((408, 425, 500, 502, 503, 504), "") | {412: "others commit to it"}

_Row = tuple[type[Exception], Callable[[Any], RegistryError | TransientError | None]]


def translated(problem: Exception, page: str) -> RegistryError | TransientError:
    """Return the exception to raise in place of what the client raised.

    Parameters
    ----------
    problem
        What the client raised: `OSError` for an answer, but not for a broken connection.
    page
        The web page of the repository.

    Returns
    -------
    A `TransientError` if a retry may succeed.
    """
    import httpx2
    from huggingface_hub import errors

    if isinstance(problem, RegistryError | TransientError):
        return problem
    cause = problem.__cause__
    # The client hides the answer of the storage, or of the first of its requests.
    hides = isinstance(problem, errors.LocalEntryNotFoundError | RuntimeError)
    if hides and isinstance(cause, Exception):
        return translated(cause, page)
    table: tuple[_Row, ...] = (
        (errors.OfflineModeIsEnabled, lambda _: offline(page, "HF_HUB_OFFLINE")),
        (errors.HfHubHTTPError, lambda each: _refused(each, page)),
        (httpx2.TransportError, lambda each: TransientError(shortened(each) or "it hung up")),
        (ConnectionError, lambda each: _no_storage(each, page)),
        (OSError, lambda each: _of_system(each, page)),
        (errors.HFValidationError, lambda each: InvalidReferenceError(shortened(each))),
        (ValueError, lambda each: _of_card(each, page)),
    )
    found = (make(problem) for kind, make in table if isinstance(problem, kind))
    return next(found, None) or _not_understood(problem, page)


def unreachable(page: str, problem: TransientError) -> OfflineError:
    """Return the error to raise when no retry helped."""
    return OfflineError(
        f"cannot reach {page}: {problem}", "Check the connection, and try again later."
    )


def offline(page: str, setting: str) -> OfflineError:
    """Return the error for a network that a setting switches off."""
    return OfflineError(
        f"{page} is needed, but the network is disabled", f"Unset {setting} to use it."
    )


def missing(page: str) -> NotFoundError:
    """Return the error for a repository that the Hub does not show."""
    return NotFoundError(
        f"{page} does not exist, or is private and you have no access to it",
        f"Check the name; if it is private, {LOG_IN}.",
    )


def shortened(problem: object) -> str:
    """Return a message on one line, without tokens and the queries of addresses."""
    line = without_credentials(" ".join(str(problem).split()))
    return _TOKEN.sub("***", line)[:_LONGEST]


def _refused(problem: HfHubHTTPError, page: str) -> RegistryError | TransientError:
    """Return the exception for an answer other than 2xx."""
    from huggingface_hub import errors

    status = problem.response.status_code
    said = shortened(problem.server_message or problem)
    if status == 429:
        return _limited(problem, page)
    if status in _TRANSIENT:
        return TransientError(_TRANSIENT[status] or f"it answers {status} ({said})")
    table: tuple[tuple[bool, RegistryError], ...] = (
        (
            isinstance(problem, errors.GatedRepoError),
            AccessError(
                f"access to {page} has to be requested first: it is gated",
                f"Visit {page}, accept the conditions, and {LOG_IN}.",
            ),
        ),
        (isinstance(problem, errors.RepositoryNotFoundError), missing(page)),
        (
            isinstance(problem, errors.RevisionNotFoundError | errors.RemoteEntryNotFoundError),
            NotFoundError(f"{page}: {said}", "Look at its files and tags on this page."),
        ),
        (
            status in (401, 403),
            AccessError(
                f"the Hub refuses access to {page} ({status}): {said}",
                f"To use a token that allows it, {LOG_IN}; tokens are made at "
                "https://huggingface.co/settings/tokens.",
            ),
        ),
    )
    other = AccessError(f"the Hub refuses the request for {page} ({status}): {said}")
    return next((error for applies, error in table if applies), other)


def _limited(problem: HfHubHTTPError, page: str) -> OfflineError:
    wait = problem.response.headers.get("Retry-After", "")
    again = f"in {wait} s" if wait.isdecimal() else "in a few minutes"
    return OfflineError(
        f"the Hub limits the number of requests, and refused {page} (429)",
        f"Try again {again}. The limit is higher if you {LOG_IN}.",
    )


def _no_storage(problem: Exception, page: str) -> OfflineError:
    return OfflineError(
        f"cannot reach the storage of {page}: {shortened(problem)}",
        "If your network blocks Xet, the Hub's storage, set HF_HUB_DISABLE_XET=1.",
    )


def _of_system(problem: OSError, page: str) -> RegistryError | TransientError:
    if problem.errno is None:  # "Consistency check failed", for example
        return TransientError(shortened(problem))
    return StorageError(f"{problem.filename or page}: {problem.strerror}")


def _of_card(problem: Exception, page: str) -> RegistryError | None:
    if "metadata" not in str(problem):
        return None
    return SettingsError(
        f"the Hub refuses the card for {page}: {shortened(problem)}",
        "Correct the YAML between the two --- lines of the card.",
    )


def _not_understood(problem: Exception, page: str) -> IncompatibleError:
    return IncompatibleError(
        f"{page} does not answer as the client of the Hugging Face Hub expects: "
        f"{type(problem).__name__}: {shortened(problem)}",
        "Check HF_ENDPOINT, if it is set, and whether huggingface_hub is up to date.",
    )
