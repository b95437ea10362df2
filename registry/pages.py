"""An index in a store: a list of names, and a page for each of them.

The page of a name is authoritative and is changed by one conditional write, without a lock. The
list makes names discoverable over plain HTTP. It is written after the page of a new name, so that
a listed name without a page means damage, not a publish that was killed.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from registry.download import read
from registry.errors import IntegrityError, NotFoundError, StorageError
from registry.index import (
    is_index_1,
    names_bytes,
    page_bytes,
    parse_index_1,
    parse_names,
    parse_page,
)
from registry.stores.base import as_writable, writable
from registry.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from registry.index import Entry
    from registry.stores.base import Store, WritableStore

AT_ONCE = 8
_FEW = 16  # pages on a disk, for which starting threads takes longer than reading
ATTEMPTS = 200


class Pages:
    """The index under one prefix of a store: ``PREFIX.json`` and ``PREFIX/NAME.json``.

    Parameters
    ----------
    store
        The store that contains it.
    prefix
        For example ``index``.
    required
        Whether a missing list means damage rather than an empty index.
    """

    def __init__(self, store: Store, prefix: str, *, required: bool = False) -> None:
        self.store = store
        self.prefix = prefix
        self.required = required

    @property
    def list_path(self) -> str:
        """The path of the list of names."""
        return f"{self.prefix}.json"

    def page_path(self, name: str) -> str:
        """Return the path of the page of a name."""
        return f"{self.prefix}/{name}.json"

    def place(self, path: str) -> str:
        """Return a path with its store, for messages."""
        return f"{self.store.location}/{path}"

    def names(self) -> set[str]:
        """Return the names in the list.

        Raises
        ------
        OfflineError
            If the store cannot be reached.
        IntegrityError
            If the list is corrupted, or missing although it is required.
        """
        return parse_names(self._listed(), self.place(self.list_path))

    def is_empty(self) -> bool:
        """Whether there is no list, or an empty one; raises like `names`."""
        data = self._read(self.list_path)
        return data is None or not parse_names(data, self.place(self.list_path))

    def entry(self, name: str) -> Entry | None:
        """Return the entry of a name, or None.

        Raises
        ------
        OfflineError
            If the store cannot be reached.
        IntegrityError
            If the page is corrupted, or missing although the list has the name.
        """
        path = self.page_path(name)
        data = self._read(path)
        if data is None:
            listed, place = self._listed(), self.place(self.list_path)
            if is_index_1(listed, place):
                return parse_index_1(listed, place).get(name)
            if name not in parse_names(listed, place):
                return None
            # A process that added it in the meantime wrote the page before the list.
            data = self._read(path)
            if data is None:
                raise IntegrityError(f"the index page {self.place(path)} is missing")
        return parse_page(data, name, self.place(path))

    def entries(self, names: Iterable[str] | None = None) -> dict[str, Entry]:
        """Return the entries of several names, or of all listed names; raises like `entry`."""
        listed, place = self._listed(), self.place(self.list_path)
        wanted = sorted(parse_names(listed, place) if names is None else names)
        if is_index_1(listed, place):
            old = parse_index_1(listed, place)
            return {name: old[name] for name in wanted if name in old}
        pages = zip(wanted, self._pages(wanted), strict=True)
        return {name: entry for name, entry in pages if entry is not None}

    def _pages(self, names: Sequence[str]) -> list[Entry | None]:
        """Return the entry of each name; many, or those behind a network, are read at once."""
        if isinstance(as_writable(self.store), DirectoryStore) and len(names) <= _FEW:
            return list(map(self.entry, names))
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.entry, names))

    def change(self, name: str, new: Callable[[Entry | None], Entry | None]) -> None:
        """Replace the page of a name by the result of `new`; None leaves it unchanged.

        If another process writes in between, `new` is called again with what it wrote. The name
        is added to the list afterwards.
        """
        store, path = self._writable(), self.page_path(name)

        def page(data: bytes | None) -> bytes | None:
            old = None if data is None else parse_page(data, name, self.place(path))
            entry = new(old)
            return None if entry is None else page_bytes(name, entry)

        swap_until_done(store, path, page)
        self.add_names({name})

    def add_names(self, names: set[str]) -> bool:
        """Add names to the list, and all others that have a page; return whether any was new."""
        store, is_new = self._writable(), True

        def listed(data: bytes | None) -> bytes | None:
            nonlocal is_new
            known = set() if data is None else parse_names(data, self.place(self.list_path))
            is_new = data is None or not names <= known
            if not is_new:
                return None
            # Only what can be read: a listing that came over the network has no checksum.
            others = {each for each in self.paged() - known - names if self._has_page(each)}
            return names_bytes(known | names | others)

        swap_until_done(store, self.list_path, listed)
        return is_new

    def paged(self) -> set[str]:
        """Return the names that have a page, listed or not; only for writable stores."""
        paths = map(PurePosixPath, self._writable().list(self.prefix))
        return {path.stem for path in paths if path.suffix == ".json"}

    def upgrade(self) -> None:
        """Write a page for every name of an index of format 1; write the list last."""
        store = self._writable()
        listed = self._read(self.list_path)
        place = self.place(self.list_path)
        if listed is None or not is_index_1(listed, place):
            return
        old = parse_index_1(listed, place)
        for name, entry in old.items():
            store.swap(self.page_path(name), page_bytes(name, entry), None)
        swap_until_done(store, self.list_path, lambda _: names_bytes(set(old) | self.paged()))

    def _listed(self) -> bytes:
        data = self._read(self.list_path)
        if data is None and self.required:
            raise IntegrityError(f"the list of names {self.place(self.list_path)} is missing")
        return names_bytes(set()) if data is None else data

    def _has_page(self, name: str) -> bool:
        return self._read(self.page_path(name)) is not None

    def _read(self, path: str) -> bytes | None:
        try:
            return read(self.store, path)
        except NotFoundError:
            return None

    def _writable(self) -> WritableStore:
        return writable(self.store)


def swap_until_done(
    store: WritableStore, path: str, new: Callable[[bytes | None], bytes | None]
) -> None:
    """Replace a document by the result of `new`; repeat if another process wrote in between.

    Parameters
    ----------
    store, path
        The location of the document.
    new
        Takes the current bytes (or None) and returns the bytes to write (or None).

    Raises
    ------
    StorageError
        If other processes always write first.
    """
    for _ in range(ATTEMPTS):
        try:
            old: bytes | None = read(store, path)
        except NotFoundError:
            old = None
        data = new(old)
        if data is None or data == old or store.swap(path, data, old):
            return
    raise StorageError(f"{store.location}/{path} is constantly modified by others", "Try again.")
