"""The settings, and the only place that reads the environment for them.

===================  ============================================================================
``HUB_HOME``         location of settings (``$XDG_CACHE_HOME/mlip-hub``, ``~/.cache/mlip-hub``)
``HUB_CACHE``        location of pulled versions (``HUB_HOME/cache``)
``HUB_OFFLINE``      1: never use the network
``HUB_MIRROR``       directory or URL with published files by repository name and path
``HUB_REGISTRIES``   further registries, as ``name=location,name=location``
``HUB_DEBUG``        1: show the Python traceback of an unexpected error, not a report
``HUB_GPU_KERNELS``  triton: compute on GPUs by kernels tested in Triton's interpreter only
``XDG_STATE_HOME``   location of seen digests and of reports (``~/.local/state``)
===================  ============================================================================

``HUB_CACHE`` to ``HUB_REGISTRIES`` can also be set in ``HUB_HOME/settings.json``, as ``cache``,
``offline``, ``mirror`` and ``registries``; the environment takes precedence.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from registry.documents import WRONG, damage, fit, parse_json, read_bounded
from registry.errors import InvalidReferenceError, SettingsError
from registry.paths import user_path
from registry.references import check_name
from registry.stores.addresses import without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "settings.json"
RESERVED_NAMES = ("local", "builtin")

_ON = ("1", "true", "yes", "on")
_OFF = ("", "0", "false", "no", "off")


class Settings(Struct, frozen=True):
    """The settings: locations of files and registries.

    Parameters
    ----------
    home
        Directory of the settings file.
    state
        Directory of files that must outlive the local store.
    cache
        Directory of the local store.
    offline
        Never use the network.
    mirror
        Directory or URL that is tried before the published addresses; empty for none.
    registries
        Locations by name, in the order in which they are searched.
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


class _Stored(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The content of the settings file."""

    cache: str = ""
    offline: bool = False
    mirror: str = ""
    registries: dict[str, str] = {}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment (this process's by default) and the settings file.

    Raises
    ------
    SettingsError
        If a setting is invalid; the message names it and where it is set.
    """
    given = os.environ if environment is None else environment
    home = _home(given)
    file = home / FILE_NAME
    stored = _read(file)
    cache = home / "cache"
    if given.get("HUB_CACHE"):
        cache = user_path(given["HUB_CACHE"], "HUB_CACHE").absolute()
    elif stored.cache:
        cache = user_path(stored.cache, f"{file}: 'cache'").absolute()
    offline, registries = stored.offline, stored.registries
    if "HUB_OFFLINE" in given:
        offline = _switch(given["HUB_OFFLINE"])
    if "HUB_REGISTRIES" in given:
        registries = _listed_registries(given["HUB_REGISTRIES"])
    return Settings(
        home=home,
        state=state_home(given),
        cache=cache,
        offline=offline,
        mirror=given.get("HUB_MIRROR", stored.mirror),
        registries=registries,
    )


def is_debugging() -> bool:
    """Whether ``HUB_DEBUG`` is on."""
    return os.environ.get("HUB_DEBUG", "").strip().lower() in _ON


def kernel_cache() -> Path:
    """Return where compiled kernels are kept; raise `RuntimeError` without a home folder."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is invalid, and would be in whichever folder is the current one.
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    return base / "mlip-hub-kernels"


def uses_gpu_kernels() -> bool:
    """Whether ``HUB_GPU_KERNELS`` asks for Triton's."""
    return os.environ.get("HUB_GPU_KERNELS", "").strip().lower() == "triton"


def state_home(environment: Mapping[str, str] | None = None) -> Path:
    """Return the directory of seen digests and reports, independently of the settings file."""
    given = os.environ if environment is None else environment
    states = user_path(given.get("XDG_STATE_HOME") or "~/.local/state", "XDG_STATE_HOME")
    return states.absolute() / "mlip-hub"


def store_registries(registries: Mapping[str, str]) -> Path:
    """Write the registries into the settings file, keep its other settings, and return its path.

    Raises
    ------
    SettingsError
        If a name is not valid for a registry, or the file is invalid.
    StorageError
        If the file cannot be written.
    """
    from registry.outputs import write_file

    file = _home(os.environ) / FILE_NAME
    for name in registries:
        _check_registry_name(name, str(file))
    content = to_builtins(replace(_read(file), registries=dict(registries)))
    write_file(file, (json.dumps(content, indent=2) + "\n").encode())
    return file


def _home(given: Mapping[str, str]) -> Path:
    if given.get("HUB_HOME"):
        return user_path(given["HUB_HOME"], "HUB_HOME").absolute()
    caches = given.get("XDG_CACHE_HOME") or "~/.cache"
    return user_path(caches, "XDG_CACHE_HOME").absolute() / "mlip-hub"


def _read(file: Path) -> _Stored:
    hint = "The settings are cache, offline, mirror and registries; correct or remove others."
    with damage(file, SettingsError, hint, WRONG):
        try:
            data = read_bounded(file)
        except (FileNotFoundError, NotADirectoryError):
            return _Stored()
        stored = fit(parse_json(data), _Stored)
    for name in stored.registries:
        _check_registry_name(name, str(file))
    return stored


def _switch(text: str) -> bool:
    if text.strip().lower() in _ON:
        return True
    if text.strip().lower() in _OFF:
        return False
    raise SettingsError(f"invalid value of HUB_OFFLINE: {text!r}", "Set it to 1 or 0.")


def _listed_registries(text: str) -> dict[str, str]:
    registries = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, location = (part.strip() for part in item.partition("="))
        if not equals or not location:
            raise SettingsError(
                f"HUB_REGISTRIES: expected name=location, got {without_credentials(item)!r}",
                "Write it as name=location,name=location.",
            )
        _check_registry_name(name, "HUB_REGISTRIES")
        registries[name] = location
    return registries


def _check_registry_name(name: str, place: str) -> None:
    if name in RESERVED_NAMES:
        raise SettingsError(
            f"{place}: '{name}' is reserved and cannot name a registry", "Choose another name."
        )
    try:
        check_name(name)
    except InvalidReferenceError as problem:
        raise SettingsError(f"{place}: {problem.message}", problem.hint) from problem
