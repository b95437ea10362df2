"""Publish the files of a directory as an immutable version in a registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.content import describe_directory
from registry.errors import (
    ExistsError,
    InvalidReferenceError,
    NotFoundError,
    OfflineError,
    SettingsError,
)
from registry.huggingface.addresses import is_address, split_address
from registry.huggingface.registry import HuggingFaceRegistry
from registry.origins import LOCAL, Origin
from registry.references import check_name, check_version
from registry.registry import Registry
from registry.stores import open_store
from registry.versions import LocalVersion, Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.catalogue import Catalogue
    from registry.download import Progress
    from registry.manifest import Kind, Parent


def publish(
    catalogue: Catalogue,
    directory: Path,
    name: str,
    version: str,
    *,
    kind: Kind,
    metadata: dict[str, Any],
    parents: Sequence[Parent] = (),
    licence: str = "",
    to: str = LOCAL,
    accept: bool = False,
    private: bool = False,
    progress: Progress | None = None,
) -> LocalVersion:
    """Publish the files of a directory as a version, and pull it back.

    Parameters
    ----------
    catalogue
        The catalogue with the registries to publish to and the names already taken.
    directory
        All files in it become part of the version.
    name, version
        The name and version to publish under.
    kind
        ``model`` or ``dataset``.
    metadata
        Any JSON; ``description`` is shown in listings.
    parents
        The versions from which it was made.
    licence
        The licence under which others may use it.
    to
        The name, directory or address of a registry, or ``hf://org``; the user's own by default.
    accept
        Publish even if this machine has seen different content there under this name and version.
    private
        Make a new repository on the Hugging Face Hub private.
    progress
        Called with the number of bytes as they are sent, and again as they are pulled back.

    Raises
    ------
    SubstitutedError
        If this machine has seen different content there under this name and version.
    ExistsError
        If the version already exists, or the name is a built-in one.
    InvalidReferenceError
        If the name or version is malformed.
    StorageError
        If the registry cannot be written.
    SettingsError
        If a registry elsewhere than on the Hugging Face Hub is to be private.
    """
    registry = _free_target(catalogue, name, version, to)
    if isinstance(registry, HuggingFaceRegistry):
        registry.private = private
    elif private:
        raise SettingsError(
            f"only repositories on the Hugging Face Hub can be private, not {registry.location}",
            "Leave out --private, or publish to hf://org/name.",
        )
    local = catalogue.local
    with local.in_use():
        manifest = describe_directory(
            directory,
            name,
            version,
            kind=kind,
            metadata=metadata,
            parents=parents,
            licence=licence,
        )
        published = Version(manifest.to_bytes(), registry.name)
        if registry is not local.own and not accept:
            catalogue.seen.require_same(published, registry.location)
        registry.publish(directory, manifest, progress)
        if registry is not local.own:
            registry.fetch(manifest.files, local.blobs, progress)
            local.record(Origin.of(registry), published.data, replace=True)
            catalogue.seen.note(published, registry.location)
        return LocalVersion(published.data, published.origin, local.check_out(published))


def check_free(catalogue: Catalogue, name: str, version: str, to: str = LOCAL) -> None:
    """Refuse a version that already exists, before any work on it; raises like `publish`."""
    registry = _free_target(catalogue, name, version, to)
    try:
        entry = registry.entry(name)
    except OfflineError:
        return  # A directory becomes a registry with the first publish.
    if entry and version in entry.versions:
        raise registry.existing(name, version)


def _free_target(catalogue: Catalogue, name: str, version: str, to: str) -> Registry:
    """Return the registry to publish a version to; raises like `publish`."""
    check_name(name)
    check_version(version)
    if is_address(to):
        to, repository = split_address(to)
        if repository not in ("", name):
            raise InvalidReferenceError(
                f"the name is {name}, but the repository {to}/{repository}",
                "Use the same name for both.",
            )
    registry = target(catalogue, to)
    registry.writable()
    if name in catalogue.builtin.names():
        raise ExistsError(f"{name} is a built-in name", "Publish under another name.")
    return registry


def target(catalogue: Catalogue, to: str) -> Registry:
    """Return the registry with this name, in this directory or at this address."""
    registries = (*catalogue.registries, catalogue.local.own, catalogue.builtin.shipped)
    known = {registry.name: registry for registry in registries}
    if to in known:
        return known[to]
    if is_address(to):
        return catalogue.addressed(split_address(to)[0])
    if not re.search(r"[/\\~]|^\.", to):
        raise NotFoundError(
            f"unknown registry '{to}' (known: {', '.join(known)})",
            "Add it (`hub registry add`), or give a directory as ./directory, or an address.",
        )
    store = open_store(to, offline=catalogue.builtin.offline)
    same = next((each for each in registries if each.location == store.location), None)
    name = re.sub(r"[^a-z0-9]+", "-", Path(store.location).name.lower()).strip("-")
    return same or Registry(name or "directory", store)
