"""Recover a damaged index from manifests and readable pages. Nothing is deleted."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct, field

from registry.documents import digest_of, is_sha256
from registry.errors import (
    IncompatibleError,
    IntegrityError,
    InvalidReferenceError,
    StorageError,
)
from registry.index import (
    Entry,
    Row,
    is_index_1,
    names_bytes,
    page_bytes,
    parse_index_1,
    parse_names,
    parse_page,
)
from registry.manifest import Manifest, parse_manifest
from registry.pages import swap_until_done
from registry.references import LATEST, check_name, version_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry.pages import Pages
    from registry.stores.base import RepairableStore, WritableStore

SET_ASIDE = "set-aside"


class Survey(Struct):
    """The parts of an index that can still be read.

    Attributes
    ----------
    entries
        The names whose pages, or whose parts of an index of format 1, are intact.
    lost
        The names whose pages are corrupted or missing.
    damaged
        The paths of documents that cannot be read.
    knows_all_names
        Whether the list of names is intact.
    pages
        The bytes of all pages, damaged or not, by path.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    damaged: list[str] = field(default_factory=list)
    knows_all_names: bool = True
    pages: dict[str, bytes] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged or lost."""
        return not self.lost and not self.damaged and self.knows_all_names


def survey(pages: Pages, store: RepairableStore) -> Survey:
    """Read an index as far as possible.

    Raises
    ------
    IncompatibleError
        If a newer release wrote part of it.
    """
    found, listed = Survey(), set[str]()
    data = store.peek(pages.list_path)
    try:
        if data is not None:
            if is_index_1(data, pages.list_path):
                found.entries = parse_index_1(data, pages.list_path)
            listed = parse_names(data, pages.list_path)
        elif pages.required or store.list(pages.prefix):
            found.knows_all_names = False
    except IntegrityError:
        found.damaged.append(pages.list_path)
        found.knows_all_names = False
    for path in store.list(pages.prefix):
        name = PurePosixPath(path).stem
        found.pages[path] = store.peek(path) or b""
        try:
            found.entries[name] = parse_page(found.pages[path], check_name(name), path)
        except IntegrityError:
            found.damaged.append(path)
            found.entries.pop(name, None)
            listed.add(name)
        except InvalidReferenceError:
            continue  # A file that is not ours.
    found.lost = listed - set(found.entries)
    return found


def readable_manifests(store: RepairableStore) -> dict[str, Manifest]:
    """Return the manifests in a store that match their digests, by digest."""
    found = {}
    for path in store.list("manifests"):
        digest = PurePosixPath(path).stem
        data = store.peek(path) if is_sha256(digest) else None
        if data is not None and digest_of(data) == digest:
            try:
                found[digest] = parse_manifest(data)
            except (IntegrityError, IncompatibleError):
                continue
    return found


def entry_of(versions: Iterable[tuple[str, Manifest]]) -> Entry:
    """Return the entry of a name with these versions; ``latest`` is the newest of them."""
    by_number = {manifest.version: (digest, manifest) for digest, manifest in versions}
    newest = max(by_number, key=version_order)
    rows = {number: Row(digest, each.size) for number, (digest, each) in by_number.items()}
    manifest = by_number[newest][1]
    return Entry(manifest.kind, manifest.description, rows, {LATEST: newest})


def set_aside(store: RepairableStore, path: str, *, keep: bool = False) -> str:
    """Move a document out of the way, or copy it; return its new place.

    Raises
    ------
    StorageError
        If it is reached through a link, or the store cannot be written.
    """
    data = store.peek(path)
    if data is None:
        store.remove(path)  # which refuses a link or a folder
        data = b""
    name = f"{SET_ASIDE}/{path.replace('/', '-')}.{digest_of(data)[:12]}"
    store.put_bytes(name, data)
    if not keep:
        store.remove(path)
    return f"{store.location}/{name}"


def write_entries(
    pages: Pages, store: RepairableStore, found: Survey, entries: dict[str, Entry]
) -> None:
    """Write the given pages, and a list of all names that have one.

    Raises
    ------
    StorageError
        If another process has written a page since the survey found it.
    """
    for name, entry in entries.items():
        _write_page(pages, store, found, name, entry)
    write_list(pages, store, pages.paged)


def write_list(pages: Pages, store: WritableStore, names: Callable[[], set[str]]) -> None:
    """Write a list of names, obtained anew whenever another process has written it first."""
    swap_until_done(store, pages.list_path, lambda _: names_bytes(names()))


def _write_page(
    pages: Pages, store: RepairableStore, found: Survey, name: str, entry: Entry
) -> None:
    path, data = pages.page_path(name), page_bytes(name, entry)
    seen = found.pages.get(path)
    # In a store without locks somebody may publish at the same time. What is damaged is set aside.
    if seen != data and not (store.swap(path, data, seen) or store.swap(path, data, None)):
        raise StorageError(
            f"{pages.place(path)} was written by another process during the repair",
            "Repeat the repair when nobody is publishing.",
        )
