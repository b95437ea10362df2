"""List models and datasets, and filter them."""

from __future__ import annotations

import logging
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Literal

from msgspec.structs import asdict

from hub.facts import Facts, listed_facts
from hub.library import catalogue
from registry.errors import RegistryError, SettingsError
from registry.listing import Listing, listings
from registry.origins import BUILTIN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from registry.catalogue import Catalogue

_SYMBOL = re.compile("[A-Z][a-z]?")

logger = logging.getLogger(__name__)


class Listed(Listing, frozen=True):
    """One name in one registry, as its newest version; `size` in bytes.

    The attributes of `hub.facts.Facts` are empty for a version that was never pulled from a
    registry, unless a filter needs them.
    """

    elements: tuple[str, ...] = ()
    architecture: str = ""
    licence: str = ""
    level_of_theory: str = ""


def list_versions(
    pattern: str = "",
    *,
    kind: Literal["model", "dataset"] | None = None,
    elements: Collection[str] = (),
    architecture: str | None = None,
    license: str | None = None,  # noqa: A002 - the option's name
    remote: bool = False,
    failed: Callable[[str, RegistryError], None] | None = None,
) -> list[Listed]:
    """List the built-in models and datasets, and those on this machine.

    All filters must fit. The manifest of a version that was never pulled from a registry is
    fetched if a filter needs it.

    Parameters
    ----------
    pattern
        Part of the name, or a pattern such as ``c-*``.
    kind
        ``model`` or ``dataset``.
    elements
        Chemical symbols, such as ``["C", "H"]``: models and datasets that cover all of them.
    architecture
        Name of a model's architecture.
    license
        Licence identifier or pattern, such as ``cc-by*``, in any case.
    remote
        Also ask the configured registries.
    failed
        Called with the name of each registry that cannot be asked, and why. It is left out then.

    Raises
    ------
    SettingsError
        If one of `elements` is not a chemical symbol.
    RegistryError
        If a registry cannot be asked, and `failed` is not given.
    """
    for symbol in elements:
        if not _SYMBOL.fullmatch(symbol):
            raise SettingsError(
                f"'{symbol}' is not a chemical symbol", "Separate symbols by commas, e.g. C,H."
            )
    names = catalogue()
    needs_facts = bool(elements) or architecture is not None or license is not None
    found = []
    for row in listings(names, remote=remote, failed=failed):
        if not (_is_called(row, pattern) and kind in (None, row.kind)):
            continue
        is_here = row.cached or row.origin == BUILTIN
        facts = _facts(names, row) if is_here or needs_facts else Facts()
        if (
            set(elements) <= set(facts.elements)
            and architecture in (None, facts.architecture)
            and (license is None or fnmatch(facts.licence.lower(), license.lower()))
        ):
            found.append(Listed(**asdict(row), **asdict(facts)))
    return found


def _is_called(row: Listing, pattern: str) -> bool:
    return fnmatch(row.name, pattern if any(c in pattern for c in "*?[") else f"*{pattern}*")


def _facts(names: Catalogue, row: Listing) -> Facts:
    """Return what is known of a version; nothing, with a warning, where it is damaged."""
    try:
        return listed_facts(names, row)
    except RegistryError as problem:
        logger.warning("%s@%s: %s", row.name, row.version, problem.message)
        return Facts()
