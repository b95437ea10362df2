"""The index of a registry: for each name its versions with digests and sizes, and its aliases.

In format 2 each name has its own page, and a registry has a list of the names. Both include a
checksum of themselves. In format 1 all names were in one document.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from registry.documents import (
    MalformedError,
    fit,
    open_sealed,
    parse_document,
    sealed,
)
from registry.errors import ExistsError, IncompatibleError, IntegrityError, InvalidReferenceError
from registry.manifest import Kind, Manifest, Sha256, Size
from registry.references import (
    DIGEST_PREFIX,
    LATEST,
    check_alias,
    check_name,
    check_version,
    covers,
    version_order,
)

FORMAT = 2


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version in an index: the digest of its manifest, and the size of its files in bytes."""

    digest: Sha256
    size: Size


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One name in an index: its kind, a one-line description, its versions and its aliases."""

    kind: Kind
    description: str
    versions: Annotated[dict[str, Row], msgspec.Meta(min_length=1)]
    aliases: dict[str, str] = {}

    @property
    def newest(self) -> str:
        """The highest version."""
        return max(self.versions, key=version_order)

    def select(self, selector: str) -> str | None:
        """Return the version that `selector` (version, series, alias, digest prefix or "") selects.

        Raises
        ------
        InvalidReferenceError
            If a digest prefix matches several versions.
        """
        selector = selector or LATEST
        if selector.startswith(DIGEST_PREFIX):
            prefix = selector.removeprefix(DIGEST_PREFIX)
            fits = [v for v, row in self.versions.items() if row.digest.startswith(prefix)]
            if len(fits) > 1:
                raise InvalidReferenceError(
                    f"'{selector}' matches {len(fits)} versions: {', '.join(sorted(fits))}",
                    "Give more digits of the digest, or the version.",
                )
            return fits[0] if fits else None
        if selector in self.aliases:
            return self.aliases[selector]
        covered = [version for version in self.versions if covers(selector, version)]
        return max(covered, key=version_order, default=None)

    def with_aliases(self, aliases: dict[str, str]) -> Entry:
        """Return the entry with these aliases added."""
        return msgspec.structs.replace(self, aliases={**self.aliases, **aliases})


def with_version(
    entry: Entry | None, manifest: Manifest, digest: str, *, replace: bool = False
) -> Entry:
    """Return the entry of a name with one more version.

    Parameters
    ----------
    entry
        The current entry of the name, if any.
    manifest, digest
        The version.
    replace
        Replace different content under the same version.

    Raises
    ------
    ExistsError
        If the version exists with different content, or the name has another kind.
    """
    name, version = manifest.name, manifest.version
    row = Row(digest, manifest.size)
    if entry is None:
        return Entry(manifest.kind, manifest.description, {version: row})
    existing = entry.versions.get(version)
    if existing and existing.digest != digest and not replace:
        raise ExistsError(f"{name}@{version} already exists with different content")
    if manifest.kind != entry.kind:
        raise ExistsError(f"{name} is a {entry.kind} and cannot also be a {manifest.kind}")
    versions = {**entry.versions, version: row}
    is_newest = version == max(versions, key=version_order)
    description = manifest.description if is_newest else entry.description
    return Entry(entry.kind, description, versions, entry.aliases)


def page_bytes(name: str, entry: Entry) -> bytes:
    """Write the page of a name."""
    return sealed({**msgspec.to_builtins(entry), "format": FORMAT, "name": name})


def parse_page(data: bytes, name: str, place: str) -> Entry:
    """Read the page of `name`, located at `place`.

    Raises
    ------
    IntegrityError
        If the bytes are not that page.
    IncompatibleError
        If a newer release wrote it.
    """
    content = open_sealed(data, f"index page {place}", FORMAT)
    if content.pop("format") != FORMAT or content.pop("name", None) != name:
        raise IntegrityError(f"the index page {place} belongs to another name or format")
    return _entry(content, f"index page {place}")


def names_bytes(names: set[str]) -> bytes:
    """Write a list of names."""
    return sealed({"format": FORMAT, "names": sorted(names)})


def parse_names(data: bytes, place: str) -> set[str]:
    """Read a list of names, or the names in an index of format 1; raises like `parse_page`."""
    what = f"list of names {place}"
    if is_index_1(data, place):
        return set(parse_index_1(data, place))
    content = open_sealed(data, what, FORMAT)
    try:
        return {check_name(name) for name in fit(content.get("names"), list[str])}
    except (MalformedError, InvalidReferenceError) as problem:
        raise IntegrityError(f"malformed {what}: {problem}") from problem


def parse_index_1(data: bytes, place: str) -> dict[str, Entry]:
    """Read an index of format 1, every name with its entry; raises like `parse_page`."""
    what = f"index {place}"
    content = parse_document(data, what, FORMAT)
    names = content.get("names")
    if content["format"] != 1 or not isinstance(names, dict):
        raise IntegrityError(f"malformed {what}: not an index of format 1")
    try:
        return {check_name(name): _entry(raw, what) for name, raw in names.items()}
    except InvalidReferenceError as problem:
        raise IntegrityError(f"malformed {what}: {problem.message}") from problem


def is_index_1(data: bytes, place: str) -> bool:
    """Whether these bytes, a list of names or an index, are an index of format 1."""
    what = f"list of names {place}"
    try:
        return bool(parse_document(data, what, FORMAT)["format"] == 1)
    except IncompatibleError:
        open_sealed(data, what, FORMAT)  # distinguishes damage from a newer format
        raise


def _entry(content: Any, what: str) -> Entry:
    try:
        entry = fit(content, Entry)
        for version in entry.versions:
            check_version(version)
        for alias in entry.aliases:
            check_alias(alias)
    except (MalformedError, InvalidReferenceError) as problem:
        raise IntegrityError(f"malformed {what}: {problem}") from problem
    if not set(entry.aliases.values()) <= set(entry.versions):
        raise IntegrityError(f"malformed {what}: an alias refers to a version that does not exist")
    return entry
