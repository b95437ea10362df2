"""What a registry holds: names, their versions with digests and sizes, and their aliases."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from registry.documents import canonical_json, is_sha256, parse_document
from registry.errors import ExistsError, IntegrityError, InvalidReferenceError
from registry.references import (
    DIGEST_PREFIX,
    LATEST,
    check_name,
    check_version,
    covers,
    version_order,
)

if TYPE_CHECKING:
    from registry.manifest import Manifest

FORMAT = 1


@dataclass(frozen=True)
class Row:
    """One version in an index: the digest of its manifest, and the bytes of its files."""

    digest: str
    size: int


@dataclass
class Entry:
    """One name in an index."""

    kind: str
    description: str
    versions: dict[str, Row] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def newest(self) -> str:
        """The highest version there is."""
        return max(self.versions, key=version_order)

    def select(self, selector: str) -> str | None:
        """Return the version that `selector` (version or series, alias, digest prefix or "") means.

        Raises
        ------
        InvalidReferenceError
            If a digest prefix fits several versions.
        """
        selector = selector or LATEST
        if selector.startswith(DIGEST_PREFIX):
            prefix = selector.removeprefix(DIGEST_PREFIX)
            fits = [v for v, row in self.versions.items() if row.digest.startswith(prefix)]
            if len(fits) > 1:
                raise InvalidReferenceError(
                    f"'{selector}' fits {len(fits)} versions: {', '.join(sorted(fits))}",
                    "Give more digits of the digest, or the version.",
                )
            return fits[0] if fits else None
        if selector in self.aliases:
            return self.aliases[selector]
        covered = [version for version in self.versions if covers(selector, version)]
        return max(covered, key=version_order, default=None)


@dataclass
class Index:
    """All names of one registry."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, manifest: Manifest, digest: str, *, aliases: tuple[str, ...] = ()) -> None:
        """Add a version, and let `aliases` point at it.

        Raises
        ------
        ExistsError
            If the version is there with other content.
        """
        name, version = manifest.name, manifest.version
        description = str(manifest.metadata.get("description", ""))
        entry = self.entries.setdefault(name, Entry(manifest.kind, description))
        existing = entry.versions.get(version)
        if existing and existing.digest != digest:
            raise ExistsError(f"{name}@{version} exists already, with other content")
        if manifest.kind != entry.kind:
            raise ExistsError(
                f"{name} is a {entry.kind} here, and cannot also be a {manifest.kind}"
            )
        entry.versions[version] = Row(digest, manifest.size)
        entry.aliases.update(dict.fromkeys(aliases, version))
        if version == entry.newest:
            entry.description = description

    def remove(self, name: str, version: str) -> None:
        """Forget a version, if it is there, and the aliases that point at it."""
        entry = self.entries.get(name)
        if entry is None:
            return
        entry.versions.pop(version, None)
        entry.aliases = {a: v for a, v in entry.aliases.items() if v != version}
        if not entry.versions:
            del self.entries[name]

    def to_bytes(self) -> bytes:
        """Write canonical JSON."""
        names = {name: asdict(entry) for name, entry in self.entries.items()}
        return canonical_json({"format": FORMAT, "names": names})


def parse_index(data: bytes) -> Index:
    """Read an index.

    Raises
    ------
    IntegrityError
        If the bytes are not a well-formed index.
    IncompatibleError
        If a newer release wrote it.
    """
    content = parse_document(data, "index", FORMAT)
    try:
        return Index({check_name(name): _entry(raw) for name, raw in content["names"].items()})
    except (KeyError, TypeError, ValueError, AttributeError, InvalidReferenceError) as problem:
        raise IntegrityError(f"malformed index: {type(problem).__name__}: {problem}") from problem


def _entry(raw: dict[str, Any]) -> Entry:
    versions = {check_version(version): Row(**row) for version, row in raw["versions"].items()}
    entry = Entry(raw["kind"], raw["description"], versions, dict(raw["aliases"]))
    if not versions:
        raise ValueError("a name without versions")
    if not isinstance(entry.kind, str) or not isinstance(entry.description, str):
        raise TypeError("kind and description must be strings")
    for row in versions.values():
        if not is_sha256(row.digest) or type(row.size) is not int:
            raise ValueError(f"digest {row.digest!r} or size {row.size!r} is malformed")
    if any(version not in versions for version in entry.aliases.values()):
        raise ValueError("an alias points at no version")
    return entry
