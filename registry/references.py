"""What people write to name a version: ``name``, ``name@1.2.0``, ``lab/name@latest``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry.errors import InvalidReferenceError

LATEST = "latest"
DIGEST_PREFIX = "sha256:"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
_SERIES = re.compile(r"(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8}))?", re.ASCII)
_ALIAS = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
# Shorter prefixes can be found by trying, so that another version is made to fit.
_DIGEST = re.compile(r"sha256:[0-9a-f]{12,64}")
_RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE | re.DOTALL
)

FORMS = "name, name@1.2.0, name@1, name@latest, name@sha256:<12 or more digits> or registry/name"


def check_name(name: str) -> str:
    """Return `name`, or raise `InvalidReferenceError` if it cannot name anything in a registry."""
    if not _NAME.fullmatch(name) or is_reserved_name(name):
        raise InvalidReferenceError(
            f"{_shown(name)} is not a name",
            "Names are lower-case letters, digits, '-', '.' and '_', up to 100 of them, "
            "with a letter or digit at both ends, and none that Windows reserves.",
        )
    return name


def is_reserved_name(name: str) -> bool:
    """Whether Windows takes files of this name for devices, as ``con`` or ``aux.json``."""
    return _RESERVED.fullmatch(name) is not None


def check_alias(alias: str) -> str:
    """Return `alias`, or raise `InvalidReferenceError` if it is none, or looks like a version."""
    if not _ALIAS.fullmatch(alias):
        raise InvalidReferenceError(
            f"{_shown(alias)} is not an alias",
            "Aliases are lower-case letters, digits and '-', beginning with a letter.",
        )
    return alias


def check_version(version: str) -> str:
    """Return `version`, or raise `InvalidReferenceError` if it is not MAJOR.MINOR.PATCH."""
    if not is_version(version):
        raise InvalidReferenceError(
            f"{_shown(version)} is not a version", "Versions are MAJOR.MINOR.PATCH, as in 1.2.0."
        )
    return version


def is_version(text: str) -> bool:
    """Whether `text` is written MAJOR.MINOR.PATCH, without leading zeros."""
    return _VERSION.fullmatch(text) is not None


def covers(selector: str, version: str) -> bool:
    """Whether `selector` is this version, or a series that it belongs to: ``1`` covers 1.2.0."""
    is_series = _SERIES.fullmatch(selector) is not None
    return version == selector or (is_series and version.startswith(f"{selector}."))


# Not `packaging.version`: it takes 1.0, v1.0.0 and 1.0.0rc1 too, so the patterns above would stay.
def version_order(version: str) -> tuple[int, ...]:
    """Return what versions are sorted by: 1.10.0 comes after 1.9.0."""
    return tuple(int(part) for part in version.split("."))


@dataclass(frozen=True)
class Reference:
    """A name, and which version of it.

    Parameters
    ----------
    name
        The name within a registry.
    selector
        A version, the beginning of one (``1`` or ``1.2``: the newest of these), an alias or
        ``sha256:<prefix of the manifest's digest>``; empty means latest.
    registry
        The one registry to look in; empty means all of them, in order.

    Raises
    ------
    InvalidReferenceError
        If a part is not written as it must be.
    """

    name: str
    selector: str = ""
    registry: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.registry:
            check_name(self.registry)
        forms = (_VERSION, _SERIES, _ALIAS, _DIGEST)
        if self.selector and not any(form.fullmatch(self.selector) for form in forms):
            raise InvalidReferenceError(
                f"{_shown(self.selector)} is no version, alias or digest", f"Write {FORMS}."
            )

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read what a person wrote; ``str()`` of the result writes it back.

        Raises
        ------
        InvalidReferenceError
            If `text` is not a reference.
        """
        place, at, selector = text.partition("@")
        registry, slash, name = place.rpartition("/")
        if (at and not selector) or (slash and not registry):
            raise InvalidReferenceError(f"{_shown(text)} is not a reference", f"Write {FORMS}.")
        return cls(name=name, selector=selector, registry=registry)

    def __str__(self) -> str:
        registry = f"{self.registry}/" if self.registry else ""
        selector = f"@{self.selector}" if self.selector else ""
        return f"{registry}{self.name}{selector}"

    @property
    def alias(self) -> str:
        """The alias asked for; empty when a version or digest is."""
        selector = self.selector or LATEST
        return selector if _ALIAS.fullmatch(selector) else ""


def _shown(text: str) -> str:
    """Write what somebody gave, cut where nobody would read on."""
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}..."
