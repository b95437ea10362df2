"""Open a registry, of whatever layout, at the location that a user gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.huggingface.addresses import Address, is_address
from registry.registry import Registry
from registry.stores import open_store

if TYPE_CHECKING:
    from registry.stores.directory import DirectoryStore


def open_registry(
    name: str, location: str, files: DirectoryStore, *, offline: bool = False
) -> Registry:
    """Return the registry at a location. Nothing is read yet.

    Parameters
    ----------
    name
        Its name on this machine.
    location
        ``hf://org``, ``hf://datasets/org``, or what `open_store` accepts.
    files
        The local store.
    offline
        Refuse to use the network.

    Raises
    ------
    SettingsError
        If the kind of location is not supported.
    InvalidReferenceError
        If an address on the Hugging Face Hub is malformed.
    """
    if is_address(location):
        from registry.huggingface.registry import HuggingFaceRegistry

        return HuggingFaceRegistry(name, Address.parse(location), files, offline=offline)
    return Registry(name, open_store(location, offline=offline))
