"""The settings, and the only place that reads the environment for them.

==================  =============================================================================
``HUB_HOME``        where settings are kept (``$XDG_CACHE_HOME/mlip-hub``, ``~/.cache/mlip-hub``)
``HUB_CACHE``       where versions are kept (``HUB_HOME/cache``)
``HUB_OFFLINE``     1: never use the network
``HUB_MIRROR``      directory or URL that holds published files by repository name and path
``HUB_REGISTRIES``  further registries, as ``name=location,name=location``
``HUB_DEBUG``       1: show the Python traceback of an unexpected error, instead of writing a report
``XDG_STATE_HOME``  where digests that were seen, and reports, are kept (``~/.local/state``)
==================  =============================================================================

``HUB_CACHE`` to ``HUB_REGISTRIES`` can also stand in ``HUB_HOME/settings.json``, as ``cache``,
``offline``, ``mirror`` and ``registries``; the environment wins.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import InvalidReferenceError, SettingsError
from registry.references import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "settings.json"
RESERVED_NAMES = ("local", "builtin")

_ON = ("1", "true", "yes", "on")
_OFF = ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """Where things are kept and looked for.

    Parameters
    ----------
    home
        Directory of the settings file.
    state
        Directory of what must outlive the local store.
    cache
        Directory of the local store.
    offline
        Never use the network.
    mirror
        Directory or URL that is asked before the published addresses; empty for none.
    registries
        Location by name, in the order in which they are asked.
    """

    home: Path
    state: Path
    cache: Path
    offline: bool
    mirror: str
    registries: dict[str, str]

    @property
    def file(self) -> Path:
        """The settings file; it need not exist."""
        return self.home / FILE_NAME


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment (this process's by default) and the settings file.

    Raises
    ------
    SettingsError
        If one of them cannot be understood; the message names the setting and where it stands.
    """
    given = os.environ if environment is None else environment
    home = _home(given)
    file = home / FILE_NAME
    stored = _read(file)
    cache = given.get("HUB_CACHE") or _text(stored, "cache", file)
    offline = stored.get("offline", False)
    if not isinstance(offline, bool):
        raise _wrong(file, "offline", "true or false")
    if "HUB_OFFLINE" in given:
        offline = _switch(given["HUB_OFFLINE"])
    registries = _stored_registries(stored, file)
    if "HUB_REGISTRIES" in given:
        registries = _listed_registries(given["HUB_REGISTRIES"])
    return Settings(
        home=home,
        state=state_home(given),
        cache=Path(cache).expanduser().absolute() if cache else home / "cache",
        offline=offline,
        mirror=given.get("HUB_MIRROR", _text(stored, "mirror", file)),
        registries=registries,
    )


def is_debugging() -> bool:
    """Whether ``HUB_DEBUG`` is on."""
    return os.environ.get("HUB_DEBUG", "").strip().lower() in _ON


def state_home(environment: Mapping[str, str] | None = None) -> Path:
    """Return where what happened on this machine is kept, whatever the settings file holds."""
    given = os.environ if environment is None else environment
    states = given.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(states).expanduser().absolute() / "mlip-hub"


def store_registries(registries: Mapping[str, str]) -> Path:
    """Write the registries into the settings file, leave the rest of it, and return its path.

    Raises
    ------
    SettingsError
        If a name cannot be a registry's, or the file cannot be understood.
    StorageError
        If the file cannot be written.
    """
    from registry.outputs import write_file

    file = _home(os.environ) / FILE_NAME
    for name in registries:
        _check_registry_name(name, str(file))
    content = {**_read(file), "registries": dict(registries)}
    write_file(file, (json.dumps(content, indent=2) + "\n").encode())
    return file


def _home(given: Mapping[str, str]) -> Path:
    if given.get("HUB_HOME"):
        return Path(given["HUB_HOME"]).expanduser().absolute()
    caches = given.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser().absolute() / "mlip-hub"


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as problem:
        raise SettingsError(f"{file} cannot be read: {problem}") from problem
    if not isinstance(content, dict):
        raise SettingsError(f"{file} is not a JSON object")
    unknown = set(content) - {"cache", "offline", "mirror", "registries"}
    if unknown:
        raise SettingsError(
            f"{file}: there is no setting {', '.join(sorted(unknown))}",
            "Settings are cache, offline, mirror and registries.",
        )
    return content


def _text(stored: Mapping[str, Any], key: str, file: Path) -> str:
    value = stored.get(key, "")
    if not isinstance(value, str):
        raise _wrong(file, key, "a text")
    return value


def _switch(text: str) -> bool:
    if text.strip().lower() in _ON:
        return True
    if text.strip().lower() in _OFF:
        return False
    raise SettingsError(f"HUB_OFFLINE is {text!r}", "Set it to 1 or 0.")


def _stored_registries(stored: Mapping[str, Any], file: Path) -> dict[str, str]:
    registries = stored.get("registries", {})
    if not isinstance(registries, dict) or not all(isinstance(v, str) for v in registries.values()):
        raise _wrong(file, "registries", "an object of names and locations")
    for name in registries:
        _check_registry_name(name, str(file))
    return registries


def _listed_registries(text: str) -> dict[str, str]:
    registries = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, location = (part.strip() for part in item.partition("="))
        if not equals or not location:
            raise SettingsError(
                f"HUB_REGISTRIES: {item!r} is not name=location",
                "Write it as name=location,name=location.",
            )
        _check_registry_name(name, "HUB_REGISTRIES")
        registries[name] = location
    return registries


def _check_registry_name(name: str, place: str) -> None:
    if name in RESERVED_NAMES:
        raise SettingsError(f"{place}: no registry can be called '{name}'", "Choose another name.")
    try:
        check_name(name)
    except InvalidReferenceError as problem:
        raise SettingsError(f"{place}: {problem.message}", problem.hint) from problem


def _wrong(file: Path, key: str, wanted: str) -> SettingsError:
    return SettingsError(f"{file}: {key!r} must be {wanted}")
