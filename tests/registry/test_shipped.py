"""What comes with the package: offline, read-only, and whole or refused."""

import shutil
from pathlib import Path

import pytest

from registry.errors import ExistsError, IntegrityError, NotFoundError, StorageError
from registry.listing import listings
from registry.local import LocalStore
from registry.publishing import publish
from registry.references import Reference
from registry.registry import Registry
from registry.shipped import ShippedRegistry
from registry.stores.http import HttpStore
from registry.upkeep import prune, verify
from tests.registry.conftest import WEIGHTS
from tests.shipping import ship


def ref(text):
    return Reference.parse(text)


@pytest.fixture
def author(make_catalogue, lab, content, tmp_path):
    """Somebody who published ``gift`` to `lab` in two versions, of unequal weights."""
    catalogue = make_catalogue(lab, store=LocalStore(tmp_path / "author"))
    for version, weights in (("1.0.0", WEIGHTS), ("1.1.0", WEIGHTS[::-1])):
        (content / "weights.bin").write_bytes(weights)
        metadata = {"description": "A gift"}
        publish(
            catalogue, content, "gift", version, kind="model", metadata=metadata,
            licence="MIT", to="lab",
        )  # fmt: skip
    return catalogue


@pytest.fixture
def shipped(author, lab, tmp_path):
    """The folder of a package that ``gift@1.0.0`` comes with."""
    ship(["gift@1.0.0"], [lab.store.root], tmp_path / "shipped")
    return tmp_path / "shipped"


@pytest.fixture
def unreachable():
    return Registry("away", HttpStore("http://127.0.0.1:9", offline=True))


@pytest.mark.parametrize("text", ["gift", "gift@1", "builtin/gift", "gift@1.0.0", "gift@latest"])
def test_it_is_pulled_without_a_network(make_catalogue, shipped, unreachable, author, text, caplog):
    catalogue = make_catalogue(unreachable, shipped=shipped, offline=True)
    version = catalogue.pull(ref(text))
    assert str(version.reference) == "builtin/gift@1.0.0"
    assert version.digest == author.pull(ref("gift@1.0.0")).digest
    assert (version.path / "weights.bin").read_bytes() == WEIGHTS
    assert catalogue.pull(ref(text)) == version
    assert catalogue.readme(catalogue.resolve(ref(text))).endswith("# A model\n")
    assert caplog.text == ""


def test_it_is_listed_as_built_in(make_catalogue, shipped, toy_card):
    catalogue = make_catalogue(shipped=shipped, cards=toy_card("http://localhost/toy.bin"))
    rows = [(row.name, row.origin, row.cached) for row in listings(catalogue)]
    assert rows == [("gift", "builtin", False), ("toy", "builtin", False)]
    catalogue.pull(ref("gift"))
    assert [row.cached for row in listings(catalogue, remote=True)] == [True, False]
    with pytest.raises(NotFoundError) as failure:
        catalogue.pull(ref("gitf"))
    assert failure.value.hint == "Did you mean gift?"
    with pytest.raises(NotFoundError) as failure:
        catalogue.pull(ref("gift@2"))
    assert failure.value.hint == "Versions of gift: builtin has 1.0.0."


def test_a_new_release_brings_a_new_version(make_catalogue, shipped, lab, tmp_path):
    old = make_catalogue(shipped=shipped).pull(ref("gift"))
    assert ship(["gift@1.1.0"], [lab.store.root], tmp_path / "next") > len(WEIGHTS)
    catalogue = make_catalogue(shipped=tmp_path / "next")
    for text in ("gift", "gift@1", "gift@latest"):
        assert catalogue.pull(ref(text)).manifest.version == "1.1.0"
    # What came with the old release is still in the cache.
    assert catalogue.pull(ref("gift@1.0.0")) == old
    assert [row.version for row in listings(catalogue)] == ["1.1.0"]


def test_the_cache_is_repaired_and_pruned(make_catalogue, shipped):
    catalogue = make_catalogue(shipped=shipped)
    version = catalogue.pull(ref("gift"))
    shutil.rmtree(version.path)
    entry = next(e for e in version.manifest.files if e.path == "weights.bin")
    blob = catalogue.local.blobs.path(entry.sha256)
    blob.unlink()
    blob.write_bytes(b"?" * entry.size)
    (finding,) = verify(catalogue)
    assert (finding.damaged, finding.repaired) == (("weights.bin",), True)
    assert (version.path / "weights.bin").read_bytes() == WEIGHTS
    assert prune(catalogue.local, everything=True) >= len(WEIGHTS)
    assert make_catalogue(shipped=shipped).pull(ref("gift")) == version


@pytest.mark.parametrize("place", ["index.json", "registry.json", "manifests/*", "blobs/*/*"])
@pytest.mark.parametrize("how", ["removed", "altered"])
def test_damage_is_named(make_catalogue, shipped, place, how):
    for path in shipped.glob(place):
        content = path.read_bytes()
        path.unlink()
        if how == "altered":
            path.write_bytes(content[:-1] + b"?")
    with pytest.raises(IntegrityError, match="the installation of mlip-hub is damaged") as failure:
        make_catalogue(shipped=shipped).pull(ref("gift"))
    assert "pip install --force-reinstall" in failure.value.hint
    assert str(shipped) in failure.value.message or "malformed" in failure.value.message


def test_it_cannot_be_published_to(make_catalogue, shipped, content):
    catalogue = make_catalogue(shipped=shipped)
    before = {path: path.read_bytes() for path in shipped.rglob("*") if path.is_file()}
    for to in ("builtin", str(shipped)):
        with pytest.raises(StorageError, match="read-only"):
            publish(catalogue, content, "mine", "1.0.0", kind="model", metadata={}, to=to)
    with pytest.raises(ExistsError, match="gift is a built-in name"):
        publish(catalogue, content, "gift", "2.0.0", kind="model", metadata={})
    assert before == {path: path.read_bytes() for path in shipped.rglob("*") if path.is_file()}


def test_a_read_only_registry_is_refused_before_anything_is_done(make_catalogue, unreachable):
    with pytest.raises(StorageError, match="read-only"):
        publish(
            make_catalogue(unreachable), Path("nowhere"), "mine", "1.0.0",
            kind="model", metadata={}, to="away",
        )  # fmt: skip


def test_shipping_makes_the_registry_anew(shipped, lab):
    ship(["gift@1.0.0", "gift@1.1.0"], [lab.store.root], shipped)
    assert list(ShippedRegistry(shipped).entries()["gift"].versions) == ["1.0.0", "1.1.0"]
    # What is shipped already need not be had from elsewhere.
    ship(["gift@1.1.0"], [], shipped)
    assert list(ShippedRegistry(shipped).entries()["gift"].versions) == ["1.1.0"]
    assert len(list(shipped.glob("blobs/*/*"))) == 3
    assert {path.name for path in shipped.iterdir()} == {
        "blobs", "index", "index.json", "manifests", "registry.json",
    }  # fmt: skip


def test_what_is_not_shipped(lab, author, shipped, content):
    publish(author, content, "bare", "1.0.0", kind="model", metadata={}, to="lab")
    with pytest.raises(SystemExit, match="no licence"):
        ship(["bare@1.0.0"], [lab.store.root], shipped)
    with pytest.raises(NotFoundError):
        ship(["gift@9.0.0"], [lab.store.root], shipped)
    (content / "weights.bin").write_bytes(bytes(9_000_000))
    publish(
        author, content, "large", "1.0.0", kind="model", metadata={}, licence="MIT", to="lab"
    )  # fmt: skip
    with pytest.raises(SystemExit, match=r"9\.0 MB are too much"):
        ship(["large@1.0.0"], [lab.store.root], shipped)
    assert list(ShippedRegistry(shipped).entries()) == ["gift"]


def test_the_registry_of_this_tree_is_whole(make_catalogue, tmp_path):
    """Every version that comes with the package is intact, licensed and small."""
    registry = ShippedRegistry()
    names = registry.names()
    store = LocalStore(tmp_path / "cache of this tree")
    catalogue = make_catalogue(store=store, shipped=registry.store.root)
    for name in names:
        assert catalogue.pull(ref(f"builtin/{name}")).manifest.licence
    assert len([row for row in listings(catalogue) if row.cached]) == len(names)
    stored = [path for path in registry.store.root.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in stored) < 8e6
