"""Registries, local stores and servers for tests, all in temporary folders."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from registry import download
from registry.builtin import Builtin
from registry.cards import Card, builtin_cards
from registry.catalogue import Catalogue
from registry.local import LocalStore
from registry.publishing import publish as publish_version
from registry.references import Reference
from registry.registry import Registry
from registry.shipped import ShippedRegistry
from registry.stores.directory import DirectoryStore
from registry.stores.http import HttpStore
from tests.registry.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from registry.trust import Seen

WEIGHTS = bytes(range(256)) * 2000
CARD = """---
name: toy
version: 1.0.0
kind: model
description: A toy
license: other
license_name: not-stated
citation: someone
source:
  repository: somebody/toys
  commit: abc
  path: models/toy.bin
  url: {url}
  size: {size}
  sha256: {sha256}
importer: toy
---

# toy
"""
SOURCE = b"published weights " * 1000


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr(download.Retries, "pause", lambda *_: 0.01)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """The files of a model that somebody would publish."""
    directory = tmp_path / "content"
    (directory / "extra").mkdir(parents=True)
    (directory / "weights.bin").write_bytes(WEIGHTS)
    (directory / "README.md").write_text("---\nlicense: mit\n---\n\n# A model\n")
    (directory / "extra" / "config.json").write_text("{}")
    return directory


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "cache")


@pytest.fixture
def toy_card(tmp_path: Path) -> Callable[[str], dict[str, Card]]:
    """Make the built-in cards: one toy, whose published file is at the URL."""

    def make(url: str) -> dict[str, Card]:
        folder = tmp_path / "cards" / "models"
        folder.mkdir(parents=True, exist_ok=True)
        sha256 = hashlib.sha256(SOURCE).hexdigest()
        text = CARD.format(url=url, size=len(SOURCE), sha256=sha256)
        (folder / "toy.md").write_text(text)
        return builtin_cards(folder.parent)

    return make


def import_toy(card: Card, sources: Sequence[Path], directory: Path) -> dict[str, Any]:
    """Do as an importer does: read the published files, write others."""
    content = b"".join(source.read_bytes() for source in sources)
    (directory / "weights.bin").write_bytes(content[::-1])
    return {"elements": ["C"]}


@pytest.fixture
def make_catalogue(local: LocalStore, tmp_path: Path) -> Callable[..., Catalogue]:
    nothing = Registry("builtin", DirectoryStore(tmp_path / "package"))
    nothing.begin()

    def make(
        *registries: Registry,
        cards: dict[str, Card] | None = None,
        mirror: str = "",
        offline: bool = False,
        store: LocalStore | None = None,
        shipped: Path | None = None,
        seen: Seen | None = None,
    ) -> Catalogue:
        builtin = Builtin(
            cards or {},
            {"toy": import_toy}.get,
            mirror,
            offline=offline,
            shipped=ShippedRegistry(shipped or tmp_path / "package"),
        )
        return Catalogue(store or local, registries, builtin, seen)

    return make


@pytest.fixture
def lab(tmp_path: Path) -> Registry:
    """An empty registry in a directory."""
    return Registry("lab", DirectoryStore(tmp_path / "lab"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serves the directory of `lab`."""
    with Server(tmp_path / "lab") as running:
        yield running


def ref(text):
    return Reference.parse(text)


def publish(catalogue, content, version="1.0.0", name="mine", **options):
    settings = {"kind": "model", "metadata": {"description": "My model"}, "licence": "MIT"}
    return publish_version(catalogue, content, name, version, **{**settings, **options})


@pytest.fixture
def published(make_catalogue, lab, content, tmp_path):
    """What somebody else published to `lab`, 1.0.0 and then 1.1.0."""
    author = make_catalogue(lab, store=LocalStore(tmp_path / "author"))
    first = publish(author, content, to="lab")
    (content / "extra" / "config.json").write_text('{"better": true}')
    second = publish(author, content, "1.1.0", to="lab")
    return [first, second]


@pytest.fixture
def remote(server):
    """`lab`, served over HTTP."""
    return Registry("lab", HttpStore(server.url, timeout=2.0))
