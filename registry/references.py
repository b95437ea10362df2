"""References to versions as users write them: ``name``, ``name@1.2.0``, ``lab/name@latest``."""

from __future__ import annotations

import re

from msgspec import Struct

from registry.errors import InvalidReferenceError
from registry.huggingface.addresses import FORMS as HUB_FORMS
from registry.huggingface.addresses import is_address, split_address

LATEST = "latest"
DIGEST_PREFIX = "sha256:"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
_SERIES = re.compile(r"(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8}))?", re.ASCII)
_ALIAS = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
# For a shorter prefix, a different version that matches it could be made by brute force.
_DIGEST = re.compile(r"sha256:[0-9a-f]{12,64}")
_RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE | re.DOTALL
)

FORMS = (
    "name, name@1.2.0, name@1, name@latest, name@sha256:<12 or more digits>, registry/name, "
    f"{HUB_FORMS}"
)


def check_name(name: str) -> str:
    """Return `name`, or raise `InvalidReferenceError` if it is not a valid name in a registry."""
    if not _NAME.fullmatch(name) or is_reserved_name(name):
        raise InvalidReferenceError(
            f"{_shown(name)} is not a valid name",
            "A name has up to 100 lower-case letters, digits, '-', '.' and '_', begins and ends "
            "with a letter or digit, and is not reserved by Windows.",
        )
    return name


def is_reserved_name(name: str) -> bool:
    """Whether Windows treats files of this name as devices, e.g. ``con`` or ``aux.json``."""
    return _RESERVED.fullmatch(name) is not None


def check_alias(alias: str) -> str:
    """Return `alias`, or raise `InvalidReferenceError` if it is invalid or looks like a version."""
    if not _ALIAS.fullmatch(alias):
        raise InvalidReferenceError(
            f"{_shown(alias)} is not a valid alias",
            "An alias consists of lower-case letters, digits and '-', and begins with a letter.",
        )
    return alias


def check_version(version: str) -> str:
    """Return `version`, or raise `InvalidReferenceError` if it is not MAJOR.MINOR.PATCH."""
    if not is_version(version):
        raise InvalidReferenceError(
            f"{_shown(version)} is not a valid version", "Write MAJOR.MINOR.PATCH, e.g. 1.2.0."
        )
    return version


def is_version(text: str) -> bool:
    """Whether `text` is written MAJOR.MINOR.PATCH, without leading zeros."""
    return _VERSION.fullmatch(text) is not None


def covers(selector: str, version: str) -> bool:
    """Whether `selector` is this version, or a series that it belongs to: ``1`` covers 1.2.0."""
    is_series = _SERIES.fullmatch(selector) is not None
    return version == selector or (is_series and version.startswith(f"{selector}."))


# Not `packaging.version`: it also accepts 1.0, v1.0.0 and 1.0.0rc1, so the patterns would stay.
def version_order(version: str) -> tuple[int, ...]:
    """Return the sort key of a version: 1.10.0 comes after 1.9.0."""
    return tuple(int(part) for part in version.split("."))


class Reference(Struct, frozen=True):
    """A name and a selector of its version.

    Parameters
    ----------
    name
        The name within a registry.
    selector
        A version, a series (``1`` or ``1.2``: the newest of these), an alias or
        ``sha256:<prefix of the manifest's digest>``; empty means latest.
    registry
        The registry to search, or an address on the Hugging Face Hub such as ``hf://org``; empty
        means all registries, in order.

    Raises
    ------
    InvalidReferenceError
        If a part is malformed.
    """

    name: str
    selector: str = ""
    registry: str = ""

    def __post_init__(self) -> None:
        if is_address(self.registry):
            # Repositories of others have names that ours must not have, e.g. upper-case letters.
            split_address(f"{self.registry}/{self.name}")
        else:
            check_name(self.name)
            if self.registry:
                check_name(self.registry)
        forms = (_VERSION, _SERIES, _ALIAS, _DIGEST)
        if self.selector and not any(form.fullmatch(self.selector) for form in forms):
            raise InvalidReferenceError(
                f"{_shown(self.selector)} is not a version, alias or digest", f"Write {FORMS}."
            )

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse what a user wrote; ``str()`` of the result writes it back.

        Raises
        ------
        InvalidReferenceError
            If `text` is not a reference.
        """
        place, at, selector = text.partition("@")
        registry, slash, name = place.rpartition("/")
        if is_address(place):
            registry, name = split_address(place)
            if is_version(selector.removeprefix("v")):
                selector = selector.removeprefix("v")  # as the tag is called there
        if (at and not selector) or (slash and not registry) or not name:
            raise InvalidReferenceError(
                f"{_shown(text)} is not a valid reference", f"Write {FORMS}."
            )
        return cls(name=name, selector=selector, registry=registry)

    def __str__(self) -> str:
        registry = f"{self.registry}/" if self.registry else ""
        selector = f"@{self.selector}" if self.selector else ""
        return f"{registry}{self.name}{selector}"

    @property
    def alias(self) -> str:
        """The requested alias; empty if a version or digest is requested."""
        selector = self.selector or LATEST
        return selector if _ALIAS.fullmatch(selector) else ""


def _shown(text: str) -> str:
    """Quote user input, truncated if it is very long."""
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}..."
