"""The stores in which registries can be kept, one file per kind."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.errors import SettingsError
from registry.paths import user_path
from registry.stores.addresses import without_credentials
from registry.stores.base import LateStore, Store
from registry.stores.directory import DirectoryStore
from registry.stores.places import KINDS, Place
from registry.stores.places import SCHEMES as OBJECTS

if TYPE_CHECKING:
    from registry.plugins import Plugin

_SHOWN = ("file", "http", "https", *KINDS)
_ELSEWHERE = ("http", "https", *OBJECTS)
_SCHEMES = ("file", *_ELSEWHERE)


def open_store(location: str, *, offline: bool = False) -> Store:
    """Return the store for a directory or an address (built in, or provided by a plug-in).

    Nothing is read yet, and the location need not exist.

    Raises
    ------
    SettingsError
        If the kind of location is not supported.
    """
    if "://" not in location:
        return DirectoryStore(user_path(location).absolute())
    try:
        url = urlsplit(location)
    except ValueError as problem:
        shown = without_credentials(location)
        raise SettingsError(f"{shown!r} is not a valid address: {problem}", _known()) from problem
    if url.scheme == "file" and url.netloc in ("", "localhost"):
        from urllib.request import url2pathname  # with all of HTTP, which is slow to import

        return DirectoryStore(user_path(url2pathname(url.path)))
    added = _added().get(url.scheme) if url.scheme not in _SCHEMES else None
    if added is None and (url.scheme not in _ELSEWHERE or not url.hostname):
        raise SettingsError(
            f"{url.scheme}://{url.hostname or ''} is not a supported location of a registry",
            _known(),
        )
    if "@" in url.netloc:
        raise SettingsError(
            f"the address at {url.hostname} contains a user name or password",
            "Addresses are stored and displayed: do not put credentials into them.",
        )
    if added is not None:
        return LateStore(
            without_credentials(location), lambda: _made_by(added, location, offline=offline)
        )
    if url.scheme in OBJECTS:
        place = str(Place.parse(location))
        return LateStore(place, lambda: _objects(place, offline=offline))
    from registry.stores.http import HttpStore

    return HttpStore(location, offline=offline)


def _objects(location: str, *, offline: bool) -> Store:
    from registry.stores.objects import ObjectStore  # slow to import

    return ObjectStore(location, offline=offline)


def _added() -> dict[str, Plugin]:
    from registry.plugins import plugins  # seldom needed

    return plugins("stores", _SCHEMES)


def _made_by(plugin: Plugin, location: str, *, offline: bool) -> Store:
    store = plugin.call(plugin.load(), location, offline=offline)
    if not isinstance(store, Store):
        raise plugin.broken(f"{plugin.target} does not return a store")
    return store


def _known() -> str:
    beginnings = [f"{name}://" for name in (*_SHOWN, *_added())]
    return (
        f"Give a directory, or an address that begins with {', '.join(beginnings[:-1])} or "
        f"{beginnings[-1]}."
    )
