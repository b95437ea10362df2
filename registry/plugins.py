"""Plug-ins of other installed packages, found by their entry points and imported when used.

A package declares them in its ``pyproject.toml``, in the group of their kind::

    [project.entry-points."mlip_hub.teachers"]
    morse = "hub_morse.teacher:FAMILY"

The declarations of installed packages are in their ``entry_points.txt``. `importlib.metadata` could
read them, but takes longer to import than everything else that ``hub --help`` does.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from registry.errors import PluginError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

Part = TypeVar("Part")

OURS = "mlip-hub"
_GROUP = "mlip_hub."
_FOLDERS = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class Plugin:
    """One plug-in of a package, not imported yet.

    Attributes
    ----------
    kind
        Its kind, e.g. ``teachers``.
    name
        The name by which users refer to it.
    target
        Its location as ``module:attribute``.
    package
        The distribution that provides it.
    """

    kind: str
    name: str
    target: str
    package: str

    def __str__(self) -> str:
        return f"the {self.kind.removesuffix('s')} '{self.name}' of the package {self.package}"

    def load(self) -> Any:
        """Import it.

        Raises
        ------
        PluginError
            If that fails.
        """
        try:
            return load_target(self.target)
        except (Exception, SystemExit) as problem:  # foreign code raises anything
            raise self.broken(f"{self.target} cannot be imported: {_reason(problem)}") from problem

    def call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function of it.

        Raises
        ------
        PluginError
            If it raises an error that is not one of ours.
        """
        try:
            return function(*arguments, **options)
        except RegistryError:
            raise
        except Exception as problem:
            raise self.broken(_reason(problem)) from problem

    def broken(self, reason: str) -> PluginError:
        """Return the error that explains why it cannot be used."""
        hint = f"Update {self.package}, or uninstall it: pip uninstall {self.package}"
        if self.package == OURS:
            hint = "Reinstall mlip-hub."
        return PluginError(f"{self} cannot be used: {reason}", hint)


def load_target(target: str) -> Any:
    """Import the object named by ``module:attribute``."""
    module, _, attribute = target.partition(":")
    return attrgetter(attribute)(import_module(module))


def plugins(kind: str, shipped: Collection[str] = ()) -> dict[str, Plugin]:
    """Return the plug-ins of installed packages by name, without importing them.

    If several have the same name, ours is taken, else that of the alphabetically first package,
    with a warning about the others.

    Parameters
    ----------
    kind
        The end of the entry points' group: ``architectures``, ``stores``, ``teachers``,
        ``checks``, ``importers`` or ``commands``.
    shipped
        Names of built-in parts that have no entry point.
    """
    found: dict[str, Plugin] = {}
    declared = (each for each in _declared(tuple(sys.path)) if each.kind == kind)
    for each in sorted(declared, key=lambda each: (each.package != OURS, each.package, each.name)):
        if each.name in shipped:
            _warn(f"{each} is ignored: mlip-hub has its own")
        elif each.name in found:
            _warn(f"{each} is ignored in favour of {found[each.name]}")
        else:
            found[each.name] = each
    return found


def usable(
    kind: str, load: Callable[[Plugin], Part], shipped: Collection[str] = ()
) -> dict[str, Part]:
    """Return the result of `load` for each plug-in by name; warn about broken plug-ins."""
    parts = {}
    for name, plugin in plugins(kind, shipped).items():
        try:
            parts[name] = load(plugin)
        except RegistryError as problem:
            known = problem if isinstance(problem, PluginError) else plugin.broken(problem.message)
            _warn(f"{known.message}. {known.hint}")
    return parts


@cache
def _declared(places: tuple[str, ...]) -> tuple[Plugin, ...]:
    """Return the plug-ins declared by the packages installed in these folders.

    If a package is installed several times, the first one counts, as in an import.
    """
    files: dict[str, str] = {}
    for place in places:
        for name in _metadata_folders(place):
            package = name.partition("-")[0].lower().replace("_", "-").replace(".", "-")
            files.setdefault(package, f"{place or '.'}/{name}/entry_points.txt")
    return tuple(each for package, file in files.items() for each in _read(file, package))


def _metadata_folders(place: str) -> list[str]:
    try:
        with os.scandir(place or ".") as entries:
            names = [each.name for each in entries if each.name.endswith(_FOLDERS)]
    except OSError:
        return []  # an archive, or not a folder at all
    # pip prefixes the name of a package that it is about to replace with ~.
    return sorted(name for name in names if not name.startswith("~"))


def _read(file: str, package: str) -> Iterator[Plugin]:
    try:
        with open(file, "rb") as opened:  # noqa: PTH123 - two hundred Paths cost `hub --help` 3 ms
            data = opened.read()
    except OSError:
        return  # most packages declare nothing
    if _GROUP.encode() not in data:
        return
    group = ""
    for line in map(str.strip, data.decode(errors="replace").splitlines()):
        if line.startswith("["):
            group = line.strip("[] ")
        elif group.startswith(_GROUP) and "=" in line and not line.startswith(("#", ";")):
            name, target = (part.strip() for part in line.split("=", 1))
            yield Plugin(group.removeprefix(_GROUP), name, target, package)


def _reason(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"


@cache
def _warn(text: str) -> None:
    """Warn, once per process."""
    import logging

    logging.getLogger(__name__).warning("%s", text)
