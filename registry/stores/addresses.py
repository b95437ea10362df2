"""Addresses: hiding credentials, and warnings about unencrypted connections and redirects."""

from __future__ import annotations

import logging
import re
from functools import cache
from urllib.parse import urlsplit

# Of a scheme only the last letters are looked at: a server may send a long text without any.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)([^/?#\s]*@)?([^?#\s]*)([?#]\S*)?")
# Text without a value after it is not a name, but may be a secret that ends with "=" padding.
_PARAMETER = re.compile(r"(?<=[?&#])([^=&#]+=(?=[^=&#]))?[^&#]+")

logger = logging.getLogger(__name__)


def without_credentials(text: str) -> str:
    """Replace possible secrets in all addresses in a text by ``***``.

    These are the user information, the values of the query, and the fragment.
    """
    return _ADDRESS.sub(_masked, text)


def _masked(address: re.Match[str]) -> str:
    scheme, user, place, query = address.groups(default="")
    return f"{scheme}{user and '***@'}{place}" + _PARAMETER.sub(r"\1***", query)


def warn_if_unencrypted(url: str) -> None:
    """Warn, once per process and server, about ``http://`` to another machine."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        _warn_unencrypted(without_credentials(f"http://{parts.netloc}"))


def mention_other_host(asked: str, other: str) -> None:
    """Say, once per process and pair, that one host redirects to another."""
    if asked != other:
        _mention(asked, other)


@cache
def _warn_unencrypted(server: str) -> None:
    logger.warning(
        "the connection to %s is not encrypted: third parties can read it and replace what is "
        "pulled for the first time; use https:// if the server supports it",
        server,
    )


@cache
def _mention(asked: str, other: str) -> None:
    logger.warning("%s redirects to %s", asked, other)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    from ipaddress import ip_address  # slow to import, and needed for web addresses only

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
