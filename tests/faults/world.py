"""The worlds that are damaged: a registry, the machines that use it, and what is true of them.

Everything lies below one folder of the run's own::

    world/lab       the registry; world/cache, world/state, world/home: a machine that uses it
    world/fresh     a machine that has nothing yet
    content         the files of each version, as their authors have them
    precious        what lies elsewhere and must never change
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.documents import digest_of
from registry.index import parse_index_1
from registry.local import LocalStore
from registry.manifest import Manifest, parse_manifest
from registry.origins import LOCAL, Origin
from registry.publishing import publish
from registry.references import Reference
from registry.registry import Registry
from registry.shipped import ShippedRegistry
from registry.stores.base import blob_path, manifest_path
from registry.stores.directory import DirectoryStore
from registry.stores.http import HttpStore
from registry.trust import Seen
from tests.faults.snapshot import Snapshot, clear, fingerprint
from tests.registry.server import Server

if TYPE_CHECKING:
    from registry.versions import LocalVersion

FORMAT_1 = Path(__file__).parents[1] / "registry" / "data" / "format-1"
LAB = "lab"
Key = tuple[str, str]  # name, version


@dataclass(frozen=True)
class Known:
    """A version as it was published: its place (LAB or LOCAL), its manifest, its files."""

    place: str
    data: bytes = field(repr=False)
    files: dict[str, bytes] = field(repr=False)

    @cached_property
    def manifest(self) -> Manifest:
        return parse_manifest(self.data)

    @cached_property
    def digest(self) -> str:
        return digest_of(self.data)

    @property
    def key(self) -> Key:
        return self.manifest.name, self.manifest.version

    @property
    def reference(self) -> Reference:
        return Reference(self.manifest.name, self.manifest.version, self.place)

    def paths(self) -> dict[str, bytes]:
        """Return where its bytes lie in a store."""
        blobs = {blob_path(e.sha256): self.files[e.path] for e in self.manifest.files}
        return {manifest_path(self.digest): self.data, **blobs}


class World:
    """One prepared world, which is made anew for each fault.

    Parameters
    ----------
    folder
        The run's own folder.
    url
        Where `lab` is served; empty if its users reach the directory.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        self.root = folder / "world"
        self.precious = folder / "precious"
        self.url = url
        self.server = Server(self.root / LAB)  # running, if there is a URL
        self.patience = 5.0  # seconds that a client of the server waits
        self.older = Snapshot()
        self.template = Snapshot()
        self.versions: dict[Key, Known] = {}
        # What may be there, or not: a publish of it was killed, or has failed.
        self.possible: dict[Key, Known] = {}
        self._elsewhere: dict[str, object] = {}

    def begin(self) -> None:
        """Make everything as it was before any fault."""
        self.template.restore(self.root)
        self.possible = {}
        self.patience = 5.0
        if fingerprint(self.precious) != self._elsewhere or not self._elsewhere:
            _make_precious(self.precious)
            self._elsewhere = fingerprint(self.precious)

    def has_changed_elsewhere(self) -> bool:
        """Whether anything that lay elsewhere is gone or other; what is added harms nobody."""
        now = fingerprint(self.precious)
        return any(path not in now or now[path] != what for path, what in self._elsewhere.items())

    def lab(self) -> Registry:
        """Return the registry as its users reach it."""
        if self.url:
            return Registry(LAB, HttpStore(self.url, timeout=self.patience))
        return self.lab_directory()

    def lab_directory(self) -> Registry:
        return Registry(LAB, DirectoryStore(self.root / LAB))

    def lab_on(self, local: LocalStore) -> Registry:
        """Return the registry as the users of a machine reach it."""
        return self.lab()

    def machine(self, cache: str = "cache") -> Catalogue:
        """Return what a new process on a machine has at hand."""
        local = LocalStore(self.root / cache)
        shipped = ShippedRegistry(self.folder / "package")
        seen = Seen(self.root / ("state" if cache == "cache" else f"{cache}-state") / "seen")
        builtin = Builtin({}, {}.get, shipped=shipped)
        return Catalogue(local, [self.lab_on(local)], builtin, seen)

    def store(self, place: str) -> Path:
        """Return the folder that a place keeps its versions in."""
        return self.root / (LAB if place == LAB else "cache")

    def content(self, known: Known) -> Path:
        """Return a folder with the files of a version, as its author has them."""
        folder = self.folder / "content" / known.digest[:16]
        if not folder.exists():
            _write(folder, known.files)
        return folder

    def publish(self, known: Known, cache: str = "cache") -> LocalVersion:
        """Publish a version as its author does, for the first time or again."""
        return _publish(self.machine(cache), self.content(known), known)

    def intact(self) -> dict[str, bytes]:
        """Return the files of versions that are as they were, by their paths below the root."""
        found = {}
        for known in self.versions.values():
            store = self.store(known.place)
            for path, data in known.paths().items():
                place = f"{store}/{path}"
                if _is_real(place, str(self.root)) and Path(place).read_bytes() == data:
                    found[f"{store.name}/{path}"] = data
        return found

    def is_intact(self, known: Known, intact: dict[str, bytes]) -> bool:
        store = self.store(known.place).name
        return all(f"{store}/{path}" in intact for path in known.paths())


def _is_real(path: str, root: str) -> bool:
    """Whether there is a regular file, and no link on the way to it."""
    if not os.path.isfile(path):  # noqa: PTH113 - much faster than pathlib
        return False
    while path != root:
        if os.path.islink(path):  # noqa: PTH114
            return False
        path = os.path.dirname(path)  # noqa: PTH120
    return True


def new_version(name: str, version: str, place: str, text: str) -> Known:
    """Return a version that nobody has published yet."""
    from registry.manifest import FileEntry

    files = {"README.md": b"---\nlicense: mit\n---\n", "extra/weights.bin": text.encode() * 20}
    entries = tuple(FileEntry(path, len(d), digest_of(d)) for path, d in files.items())
    metadata = {"description": f"The {name} model"}
    manifest = Manifest("model", name, version, entries, metadata, (), "MIT")
    return Known(place, manifest.to_bytes(), files)


def current_world(folder: Path, url: str = "") -> World:
    """Return a prepared world of today's format."""
    world = World(folder, url)
    prepare_current(world)
    return world


def prepare_current(world: World) -> None:
    """Prepare a world of today's format."""
    _prepare(world)
    first = [new_version("mine", "1.0.0", LAB, "first"), new_version("own", "1.0.0", LOCAL, "mine")]
    later = [
        new_version("mine", "1.1.0", LAB, "better"),
        new_version("yours", "1.0.0", LAB, "other"),
        new_version("own", "1.1.0", LOCAL, "improved"),
    ]
    for known in first:
        _publish_at_home(world, known)
    world.machine().pull(Reference.parse("mine"))
    world.older = Snapshot.of(world.root)
    for known in later:
        _publish_at_home(world, known)
    world.machine().pull(Reference.parse("lab/mine@1.1.0"))
    world.machine().pull(Reference.parse("yours"), only="README.md".__eq__)
    _leave_parts(world, later[1])
    _finish(world, [*first, *later])


def old_world(folder: Path) -> World:
    """Prepare a world whose registry and cache are of the first format."""
    world = World(folder)
    _prepare(world)
    shutil.copytree(FORMAT_1 / "registry", world.root / LAB)
    shutil.copytree(FORMAT_1 / "cache", world.root / "cache")
    (old_list,) = (world.root / "cache" / "origins").iterdir()
    old_list.rename(old_list.with_name(f"{Origin.of(world.lab()).key}.json"))
    world.older = Snapshot.of(world.root)
    versions = [
        *_published(world.root / LAB, LAB),
        *_published(world.root / "cache", LOCAL),
    ]
    _finish(world, versions)
    return world


def _prepare(world: World) -> None:
    clear(world.root)
    nothing = Registry("builtin", DirectoryStore(world.folder / "package"))
    nothing.begin()


def _finish(world: World, versions: list[Known]) -> None:
    world.versions = {known.key: known for known in versions}
    for name in ("author", "author-state"):
        shutil.rmtree(world.root / name, ignore_errors=True)
    world.template = Snapshot.of(world.root)


def _publish_at_home(world: World, known: Known) -> None:
    """Publish to the directory itself, which nobody can do through a server."""
    url, world.url = world.url, ""
    world.publish(known, "author" if known.place == LAB else "cache")
    world.url = url


def _publish(catalogue: Catalogue, content: Path, known: Known) -> LocalVersion:
    manifest = known.manifest
    return publish(
        catalogue,
        content,
        manifest.name,
        manifest.version,
        kind=manifest.kind,
        metadata=manifest.metadata,
        parents=manifest.parents,
        licence=manifest.licence,
        to=known.place,
    )


def _published(store: Path, place: str) -> list[Known]:
    """Return what an index of the first format lists."""
    found = []
    for entry in parse_index_1((store / "index.json").read_bytes(), "index.json").values():
        for row in entry.versions.values():
            data = (store / manifest_path(row.digest)).read_bytes()
            manifest = parse_manifest(data)
            files = {e.path: (store / blob_path(e.sha256)).read_bytes() for e in manifest.files}
            found.append(Known(place, data, files))
    return found


def _leave_parts(world: World, known: Known) -> None:
    """Leave what a pull and a publish leave that were killed."""
    parts = world.root / "cache" / "parts"
    weights = next(e for e in known.manifest.files if "weights" in e.path)
    (parts / f"{weights.sha256}.part").write_bytes(known.files[weights.path][:30])
    for store in ("cache", LAB):
        scratch = world.root / store / "parts"
        (scratch / f"{'0a' * 16}.tmp").mkdir(parents=True)
        (scratch / f"{'0a' * 16}.tmp" / "weights.bin").write_bytes(b"left over")
        (scratch / f"{'0b' * 16}.tmp").write_bytes(b"left over")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def _make_precious(folder: Path) -> None:
    """Make what others have: some of it under names that ours also have."""
    clear(folder)
    sha256 = digest_of(b"precious")
    _write(
        folder,
        {
            "thesis.tex": b"years of work",
            f"{sha256[:2]}/{sha256}": b"a blob of somebody else",
            f"{sha256}": b"a blob as well",
            f"{sha256}.json": b"{}",
            f"{sha256}.part": b"a part",
            f"{'0c' * 16}.tmp": b"temporary, they say",
            "1.0.0-0123456789ab/weights.bin": b"weights",
            "mine/1.0.0-0123456789ab/weights.bin": b"weights",
            "mine.json": b"{}",
            "lab-01234567/mine.json": b"{}",
        },
    )
