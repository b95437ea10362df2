"""Last resort: turn an unexpected error into a report file and one line."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from hub._version import __version__
from hub.settings import state_home
from registry.errors import RegistryError
from registry.stores.addresses import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGES = ("ase", "click", "nequip", "numpy", "scipy", "torch", "zarr")
_LONGEST_REASON = 200


def describe_crash(problem: BaseException, arguments: Iterable[str]) -> str:
    """Write a report of an unexpected error, and return the line to print."""
    try:
        kept = f"with {_write(_report(problem, arguments))}, which contains the details"
    except Exception as further:  # noqa: BLE001 - nobody else would catch it
        kept = f"(its details cannot be written: {type(further).__name__})"
    reason = without_credentials(" ".join(str(problem).split())[:_LONGEST_REASON])
    told = f"{type(problem).__name__}: {reason}" if reason else type(problem).__name__
    return f"unexpected {told}; please report it {kept}"


def _report(problem: BaseException, arguments: Iterable[str]) -> str:
    versions = [f"mlip-hub {__version__}", f"Python {sys.version}", platform.platform()]
    versions += [f"{name} {_version_of(name)}" for name in _PACKAGES]
    trace = "".join(traceback.format_exception(problem))
    command = shlex.join(["hub", *arguments])
    return without_credentials("\n".join([command, *versions, "", trace]))


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _write(report: str) -> Path:
    """Write a new file that only its owner can read, if need be in the temporary folder."""
    name = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{os.getpid()}-"
    try:
        folder = state_home() / "crashes"
        folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(".txt", name, folder)
    except (OSError, RuntimeError, RegistryError):
        handle, path = tempfile.mkstemp(".txt", f"mlip-hub-{name}")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(report)
    return Path(path)
