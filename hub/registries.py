"""The registries that names are looked for in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.library import catalogue
from hub.settings import load_settings, store_registries
from registry.copying import copy_versions
from registry.errors import ExistsError, NotFoundError, OfflineError
from registry.opening import open_registry
from registry.publishing import target
from registry.repair import repair
from registry.stores.addresses import without_credentials
from registry.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Collection

    from registry.copying import Copies
    from registry.download import Progress
    from registry.repair import Repair


class RegistryPlace(NamedTuple):
    """A registry and its directory or address, without what must not be shown of that."""

    name: str
    location: str


class AddedRegistry(NamedTuple):
    """A registry that was added.

    Attributes
    ----------
    names
        How many names it has; None if it cannot be read.
    problem
        Why it cannot be read yet.
    """

    names: int | None
    problem: str = ""


def add_registry(name: str, location: str) -> AddedRegistry:
    """Add a registry to those that names are looked for in.

    Parameters
    ----------
    name
        Any name of your choice.
    location
        A directory, or an address that begins with ``file://``, ``http://``, ``https://``,
        ``s3://``, ``gs://``, ``az://`` or ``hf://`` or is of a kind that another package adds. A
        directory or bucket becomes a registry when something is first published to it.

    Raises
    ------
    ExistsError
        If there is a registry of this name.
    SettingsError
        If the name or the location cannot be used.
    DamagedRegistryError
        If the registry is damaged.
    StorageError
        If the settings cannot be written.
    """
    settings = load_settings()
    if name in settings.registries:
        raise ExistsError(
            f"there is a registry '{name}' at {without_credentials(settings.registries[name])}",
            f"Remove it first: hub registry remove {name}",
        )
    files = catalogue().local.files
    registry = open_registry(name, location, files, offline=settings.offline)
    # A relative path would mean another place tomorrow; of an address, what may be shown is less.
    is_directory = isinstance(registry.store, DirectoryStore)
    store_registries({**settings.registries, name: registry.location if is_directory else location})
    try:
        return AddedRegistry(len(registry.names()))
    except OfflineError as problem:
        return AddedRegistry(None, problem.message)


def list_registries() -> list[RegistryPlace]:
    """Return the registries in the order in which they are asked.

    Raises
    ------
    SettingsError
        If the settings cannot be read.
    """
    stored = load_settings().registries
    return [RegistryPlace(name, without_credentials(place)) for name, place in stored.items()]


def remove_registry(name: str) -> None:
    """Stop asking a registry. What was pulled from it stays on this machine.

    Raises
    ------
    NotFoundError
        If there is no such registry.
    StorageError
        If the settings cannot be written.
    """
    registries = load_settings().registries
    if name not in registries:
        raise NotFoundError(
            f"registry '{name}' not found", f"Known registries: {', '.join(registries) or 'none'}."
        )
    store_registries({key: place for key, place in registries.items() if key != name})


def repair_registry(name: str, versions: Collection[str] = ()) -> Repair:
    """Mend a registry, and bring it to the present format. Nothing is deleted.

    Parameters
    ----------
    name
        Name of the registry, its directory as ``./directory``, its address, or ``local``.
    versions
        Versions to list, as ``name@version``, that the index does not because their publishing was
        killed.

    Returns
    -------
    What was found and done, versions as ``name@version``.

    Raises
    ------
    NotFoundError
        If there is no such registry or unlisted version.
    StorageError
        If it can only be read, or somebody publishes to it at the same time.
    IncompatibleError
        If a newer release made it.
    """
    names = catalogue()
    registry = target(names, name)
    local = names.local if registry is names.local.own else None
    return repair(registry, versions, local=local)


def copy(
    names: str | Collection[str], *, from_: str, to: str, progress: Progress | None = None
) -> Copies:
    """Copy versions with all their parents from one registry to another.

    Digests stay the same, files that the target has are not sent again, and a copy that was
    interrupted is continued by the next call.

    Parameters
    ----------
    names
        One or more of ``name`` (its newest version), ``name@1.2.0``, ``name@1`` and ``name@*`` (all
        versions); the name may be a pattern such as ``c-*``.
    from_, to
        Name of a registry, its directory or address, or ``local`` for this machine's own.
    progress
        Called with the bytes sent so far and in total.

    Returns
    -------
    The versions, parents first, and the parents that the source does not have.

    Raises
    ------
    NotFoundError
        If there is no such registry, name or version.
    ExistsError
        If the target has other content under one of the versions; nothing is copied then.
    IntegrityError
        If a file of the source is damaged; its version is not listed then.
    OfflineError
        If a registry cannot be reached.
    SettingsError
        If both are the same registry.
    StorageError
        If the target cannot be written.
    """
    wanted = [names] if isinstance(names, str) else names
    return copy_versions(catalogue(), wanted, from_, to, progress)
