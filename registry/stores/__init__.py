"""The places that registries are kept in, one file a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.errors import SettingsError
from registry.paths import user_path
from registry.stores.addresses import without_credentials
from registry.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from registry.stores.http import HttpStore

_KNOWN = "Give a directory, or an address that begins with file://, http:// or https://."


def open_store(location: str, *, offline: bool = False) -> DirectoryStore | HttpStore:
    """Return the store at a directory, ``file://`` or ``http(s)://`` location.

    Nothing is read yet, and the location need not exist.

    Raises
    ------
    SettingsError
        If the location is of no kind that is known.
    """
    if "://" not in location:
        return DirectoryStore(user_path(location).absolute())
    try:
        url = urlsplit(location)
    except ValueError as problem:
        shown = without_credentials(location)
        raise SettingsError(f"{shown!r} is no address: {problem}", _KNOWN) from problem
    if url.scheme == "file" and url.netloc in ("", "localhost"):
        from urllib.request import url2pathname  # with all of HTTP, which is slow to import

        return DirectoryStore(user_path(url2pathname(url.path)))
    if url.scheme not in ("http", "https") or not url.hostname:
        raise SettingsError(
            f"{url.scheme}://{url.hostname or ''} is no place that a registry can be kept",
            _KNOWN,
        )
    if "@" in url.netloc:
        raise SettingsError(
            f"the address at {url.hostname} contains a user name or password",
            "Addresses are stored and shown: leave credentials out of them.",
        )
    from registry.stores.http import HttpStore

    return HttpStore(location, offline=offline)
