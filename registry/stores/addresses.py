"""Addresses: how they may be shown, and which of them deserve a warning."""

from __future__ import annotations

import logging
import re
from functools import cache
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#\s]*@)?([^?#\s]*)([?#]\S*)?")
# What has no value after it is no name, but may be a secret that ends with a padding of "=".
_PARAMETER = re.compile(r"(?<=[?&#])([^=&#]+=(?=[^=&#]))?[^&#]+")

logger = logging.getLogger(__name__)


def without_credentials(text: str) -> str:
    """Replace what may be secret in every address in a text by ``***``.

    That is the user information, the values of the query, and the fragment.
    """
    return _ADDRESS.sub(_masked, text)


def _masked(address: re.Match[str]) -> str:
    scheme, user, place, query = address.groups(default="")
    return f"{scheme}{user and '***@'}{place}" + _PARAMETER.sub(r"\1***", query)


def warn_if_unencrypted(url: str) -> None:
    """Warn, once in a process for each server, of ``http://`` to another machine."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        _warn_unencrypted(without_credentials(f"http://{parts.netloc}"))


def mention_other_host(asked: str, other: str) -> None:
    """Say, once in a process for each pair, that one host sends us on to another."""
    if asked != other:
        _mention(asked, other)


@cache
def _warn_unencrypted(server: str) -> None:
    logger.warning(
        "the connection to %s is not encrypted: others on the way can read and replace what is "
        "pulled for the first time; use https:// if the server has it",
        server,
    )


@cache
def _mention(asked: str, other: str) -> None:
    logger.warning("%s sends requests on to %s", asked, other)


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address  # slow to import, and needed for web addresses only

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
