"""Importers of other packages, found by the entry points ``mlip_hub.importers``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from registry.plugins import plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.datasets.importing import Source
    from registry.builtin import Importer as VersionImporter
    from registry.plugins import Plugin

KIND = "importers"
READERS = ("ase", "datasets", "npz-labels")


@dataclass(frozen=True)
class Importer:
    """An importer for the files of one program, paper or project; has one or both functions.

    Attributes
    ----------
    source
        Opens files of structures, for ``hub import --reader NAME``: takes their names, and the
        entries that the user named as energy and as forces or None, like
        `hub.datasets.importing.file_source`.
    version
        Turns published files into a version, for built-in cards with its name as ``importer``:
        takes the card, the files and an empty folder to write to, and returns metadata for the
        manifest.
    """

    source: Callable[[Sequence[str], str | None, str | None], Source] | None = None
    version: VersionImporter | None = None


def readers() -> list[str]:
    """Return the choices of ``hub import --reader``: ours, then the importers of other packages."""
    return [*READERS, *sorted(plugins(KIND, READERS))]


def plugin_source(
    reader: str, files: Sequence[str], energy_key: str | None, forces_key: str | None
) -> Source:
    """Open files with the importer of another package.

    Raises
    ------
    PluginError
        If it is broken, or does not read structures.
    RegistryError
        If the importer raises one of our errors.
    """
    from hub.datasets.importing import Source  # with numpy and ASE

    plugin = plugins(KIND, READERS)[reader]
    look = _loaded(plugin).source
    if look is None:
        raise plugin.broken("it does not read structures")
    source = plugin.call(look, files, energy_key, forces_key)
    if not isinstance(source, Source):
        raise plugin.broken("it does not return a Source")
    return source


def version_importer(name: str) -> VersionImporter | None:
    """Return the function that turns published files into a version; None if there is none.

    Raises
    ------
    PluginError
        If it is broken, or does not make versions.
    """
    plugin = plugins(KIND).get(name)
    if plugin is None:
        return None
    make = _loaded(plugin).version
    if make is None:
        raise plugin.broken("it does not make versions")
    return partial(plugin.call, make)


def _loaded(plugin: Plugin) -> Importer:
    importer = plugin.load()
    if not isinstance(importer, Importer):
        raise plugin.broken(f"{plugin.target} is not an Importer")
    return importer
