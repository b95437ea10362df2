"""What other packages can import, by the entry points ``mlip_hub.importers``."""

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
    """How the files of one program, paper or project are imported; one of the two or both.

    Attributes
    ----------
    source
        Looks into files of structures, for ``hub import --reader NAME``: takes their names, and
        the entries that a person named as energy and as forces or None, as
        `hub.datasets.importing.file_source` does.
    version
        Turns published files into a version, for built-in cards whose ``importer`` is its name:
        takes the card, the files and an empty folder to write to, and returns what the manifest
        is to say of it.
    """

    source: Callable[[Sequence[str], str | None, str | None], Source] | None = None
    version: VersionImporter | None = None


def readers() -> list[str]:
    """Return what ``hub import --reader`` may be: ours, then the importers of other packages."""
    return [*READERS, *sorted(plugins(KIND, READERS))]


def plugin_source(
    reader: str, files: Sequence[str], energy_key: str | None, forces_key: str | None
) -> Source:
    """Look into files by the importer of another package.

    Raises
    ------
    PluginError
        If it is broken, or reads no structures.
    RegistryError
        What the importer raises of our errors.
    """
    from hub.datasets.importing import Source  # with numpy and ASE

    plugin = plugins(KIND, READERS)[reader]
    look = _loaded(plugin).source
    if look is None:
        raise plugin.broken("it reads no structures")
    source = plugin.call(look, files, energy_key, forces_key)
    if not isinstance(source, Source):
        raise plugin.broken("it returns no Source")
    return source


def version_importer(name: str) -> VersionImporter | None:
    """Return what turns published files into a version; None if no other package has it.

    Raises
    ------
    PluginError
        If it is broken, or makes no versions.
    """
    plugin = plugins(KIND).get(name)
    if plugin is None:
        return None
    make = _loaded(plugin).version
    if make is None:
        raise plugin.broken("it makes no versions")
    return partial(plugin.call, make)


def _loaded(plugin: Plugin) -> Importer:
    importer = plugin.load()
    if not isinstance(importer, Importer):
        raise plugin.broken(f"{plugin.target} is no Importer")
    return importer
