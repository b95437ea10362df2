"""Read everything that a site shows from registries: manifests and cards, and what is wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.cards import FILE_NAME, LARGEST_CARD, Card, split_front_matter
from registry.documents import digest_of
from registry.download import read
from registry.errors import (
    DamagedRegistryError,
    IntegrityError,
    OfflineError,
    RegistryError,
    SettingsError,
)
from registry.origins import BUILTIN, LOCAL
from registry.publishing import target
from registry.references import version_order
from registry.stores.base import blob_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from registry.catalogue import Catalogue
    from registry.index import Entry
    from registry.registry import Registry
    from registry.versions import Version

_AT_ONCE = 8


class Problem(NamedTuple):
    """Something that could not be read, and why, for whoever builds the site."""

    where: str
    message: str


@dataclass(frozen=True)
class Item:
    """One version in one registry.

    Attributes
    ----------
    registry, name, version, kind
        Its reference, and ``model`` or ``dataset``.
    description
        One line for people.
    size
        Of all files, in bytes.
    is_newest
        Whether it is the newest version of its name in this registry.
    digest
        sha256 of the manifest; of a built-in card that is not imported yet, empty.
    found
        The version or card; None if its manifest cannot be read.
    front_matter, text
        The two parts of its card; empty where there is none.
    faults
        What is wrong with it, for visitors of the site.
    """

    registry: str
    name: str
    version: str
    kind: str
    description: str
    size: int
    is_newest: bool = True
    digest: str = ""
    found: Version | Card | None = field(default=None, repr=False)
    front_matter: dict[str, Any] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    faults: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """``registry/name@version``."""
        return f"{self.registry}/{self.name}@{self.version}"

    @property
    def path(self) -> str:
        """The path of its page in the site. Its parts are checked names, or from our own."""
        return f"versions/{self.registry}/{self.name}/{self.version}.html"

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of its manifest."""
        if self.found is None or isinstance(self.found, Card):
            return {}
        return self.found.manifest.metadata


@dataclass(frozen=True)
class Gathered:
    """Everything that a site shows.

    Attributes
    ----------
    items
        All versions, by registry in the given order, name, and version from new to old.
    addresses
        By the name of each registry, where others find it; empty for a folder of this machine.
    unreachable
        The registries that could not be read.
    problems
        What could not be read.
    """

    items: tuple[Item, ...]
    addresses: dict[str, str]
    unreachable: tuple[str, ...]
    problems: tuple[Problem, ...]


def registries_of(names: Catalogue, wanted: Sequence[str]) -> list[Registry]:
    """Return the registries to show: those that are named, or the built-in and configured ones.

    Raises
    ------
    NotFoundError
        If there is no registry of one of these names.
    """
    if not wanted:
        return [names.builtin.shipped, *names.registries]
    found: dict[str, Registry] = {}
    for each in wanted:
        registry = target(names, each)
        known = {other.location for other in found.values()}
        if registry.location in known:
            continue
        name, number = registry.name, 1
        while registry.name in found:
            number += 1
            registry.name = f"{name}-{number}"
        found[registry.name] = registry
    return list(found.values())


def gather(
    names: Catalogue,
    registries: Iterable[Registry],
    progress: Callable[[int, int | None], None] | None = None,
) -> Gathered:
    """Read all versions of registries, with their cards; nothing is pulled.

    Parameters
    ----------
    names
        For the built-in cards.
    registries
        The registries to read.
    progress
        Called with the number of versions read so far, and their total in this registry.
    """
    items: list[Item] = []
    addresses, unreachable = {}, []
    problems: list[Problem] = []
    for registry in registries:
        addresses[registry.name] = registry.location if "://" in registry.location else ""
        try:
            entries, damaged = _entries(registry)
        except RegistryError as problem:
            if registry.name == LOCAL and isinstance(problem, OfflineError):
                continue  # nothing was published on this machine yet
            problems.append(Problem(registry.name, problem.message))
            unreachable.append(registry.name)
            continue
        problems += damaged
        rows = list(_versions(entries))
        own: list[Item] = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for item, found in pool.map(partial(_item, registry), rows):
                own.append(item)
                problems += found
                if progress is not None:
                    progress(len(own), len(rows))
        if registry.name == BUILTIN:
            own += map(_of_card, names.builtin.cards.values())
            own.sort(key=lambda item: item.name)
        items += own
    return Gathered(tuple(items), addresses, tuple(unreachable), tuple(problems))


def _entries(registry: Registry) -> tuple[dict[str, Entry], list[Problem]]:
    """Return the entries that can be read, and why others cannot."""
    try:
        return registry.entries(), []
    except DamagedRegistryError:
        found, problems = {}, []
        for name in sorted(registry.names()):
            try:
                entry = registry.entry(name)
            except RegistryError as problem:
                problems.append(Problem(f"{registry.name}/{name}", problem.message))
                continue
            if entry is not None:
                found[name] = entry
        return found, problems


def _versions(entries: dict[str, Entry]) -> Iterator[tuple[str, Entry, str]]:
    for name, entry in sorted(entries.items()):
        for number in sorted(entry.versions, key=version_order, reverse=True):
            yield name, entry, number


def _item(registry: Registry, row: tuple[str, Entry, str]) -> tuple[Item, tuple[Problem, ...]]:
    """Read one version; where something of it cannot be read, its page says so."""
    name, entry, number = row
    item = Item(
        registry=registry.name,
        name=name,
        version=number,
        kind=entry.kind,
        description=entry.description,
        size=entry.versions[number].size,
        is_newest=number == entry.newest,
        digest=entry.versions[number].digest,
    )
    try:
        found = registry.version(name, entry, number)
    except RegistryError as problem:
        return _faulty(
            item, "The manifest of this version could not be read when the site was built.", problem
        )
    item = replace(item, description=found.manifest.description, found=found)
    try:
        card = _card(registry, found)
    except RegistryError as problem:
        return _faulty(
            item, "The card of this version could not be read when the site was built.", problem
        )
    if not card.startswith("---"):  # none, or one of its own style
        return replace(item, text=card), ()
    try:
        front_matter, text = split_front_matter(card, "the card")
    except SettingsError as problem:
        return _faulty(
            replace(item, text=card),
            "The front matter of the card is invalid, so the page shows only its text.",
            problem,
        )
    return replace(item, front_matter=front_matter, text=text), ()


def _faulty(item: Item, fault: str, problem: RegistryError) -> tuple[Item, tuple[Problem, ...]]:
    """Note what is wrong with a version: in plain words for visitors, in full for the builder."""
    return replace(item, faults=(fault,)), (Problem(item.reference, problem.message),)


def _card(registry: Registry, version: Version) -> str:
    """Read the card of a version from its registry; empty if it has none."""
    entry = next((each for each in version.manifest.files if each.path == FILE_NAME), None)
    if entry is None:
        return ""
    if entry.size > LARGEST_CARD:
        raise IntegrityError(f"its card has {entry.size:,} bytes, more than {LARGEST_CARD:,}")
    data = read(registry.store, blob_path(entry.sha256))
    if digest_of(data) != entry.sha256:
        raise IntegrityError("its card is corrupted", "Repair the registry: hub registry repair.")
    return data.decode(errors="replace")


def _of_card(card: Card) -> Item:
    """Return the item of a built-in card, whose version is made when it is first pulled."""
    return Item(
        registry=BUILTIN,
        name=card.name,
        version=card.version,
        kind=card.kind,
        description=card.description,
        size=card.size,
        found=card,
        front_matter=card.front_matter,
        text=split_front_matter(card.text, str(card.path))[1],
    )
