"""Damaged indexes: refused by whoever meets them, mended by repair, never emptied."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from registry.content import put_content
from registry.documents import sealed
from registry.errors import (
    DamagedRegistryError,
    ExistsError,
    IncompatibleError,
    IntegrityError,
    NotFoundError,
    StorageError,
)
from registry.index import Row, names_bytes, page_bytes
from registry.listing import listings
from registry.local import LocalStore
from registry.registry import Registry
from registry.repair import repair
from registry.stores.base import manifest_path
from registry.stores.directory import DirectoryStore
from registry.upkeep import prune, verify
from registry.versions import Version
from tests.registry.conftest import publish, ref

FORMAT_1 = Path(__file__).parent / "data" / "format-1"


@pytest.fixture
def shared(make_catalogue, lab, content, tmp_path):
    """A registry with `mine` in two versions and `yours` in one."""
    author = make_catalogue(lab, store=LocalStore(tmp_path / "author"))
    publish(author, content, to="lab")
    publish(author, content, name="yours", to="lab")
    (content / "weights.bin").write_bytes(b"better")
    publish(author, content, "1.1.0", to="lab")
    return lab.store.root


def listed(registry):
    return {name: sorted(entry.versions) for name, entry in registry.entries().items()}


ALL = {"mine": ["1.0.0", "1.1.0"], "yours": ["1.0.0"]}
LOSSES = [
    ["registry.json"],
    ["index.json"],
    ["index/mine.json"],
    ["index"],
    ["index", "index.json"],
    ["registry.json", "index.json"],
    ["registry.json", "index", "index.json"],
]


@pytest.mark.parametrize("lost", LOSSES)
@pytest.mark.parametrize("how", ["deleted", "flipped"])
def test_a_damaged_registry_is_refused_and_repaired(
    make_catalogue, lab, shared, content, lost, how
):
    before = {path for path in shared.rglob("*") if "blobs" in path.parts}
    for path in (path for name in lost for path in _files(shared / name)):
        data = bytearray(path.read_bytes())
        path.unlink()
        if how == "flipped":
            data[len(data) // 2] ^= 4
            path.write_bytes(data)
    (content / "weights.bin").write_bytes(b"third")
    with pytest.raises(DamagedRegistryError, match="damaged") as refused:
        listed(lab)
    if lost != ["index"]:
        # Of a name whose page is gone, publishing says so; the others need the list or marker.
        with pytest.raises(DamagedRegistryError, match="damaged"):
            publish(make_catalogue(lab), content, "2.0.0", to="lab")
    assert "hub registry repair lab" in refused.value.hint
    done = repair(lab)
    assert listed(lab) == ALL
    assert not done.unlisted
    assert make_catalogue(lab).pull(ref("mine")).manifest.version == "1.1.0"
    publish(make_catalogue(lab), content, "2.0.0", to="lab")
    assert listed(lab)["mine"] == ["1.0.0", "1.1.0", "2.0.0"]
    assert before <= set(shared.rglob("*"))
    if how == "flipped":
        assert all(Path(path).exists() for path in done.set_aside)
        assert done.set_aside


def _files(path):
    return sorted(path.glob("*")) if path.is_dir() else [path]


def test_a_marker_that_is_gone_does_not_empty_the_index(make_catalogue, lab, shared, content):
    (shared / "registry.json").unlink()
    pages = {path: path.read_bytes() for path in shared.glob("index*/**/*") if path.is_file()}
    with pytest.raises(DamagedRegistryError):
        publish(make_catalogue(lab), content, "2.0.0", to="lab")
    assert {path: path.read_bytes() for path in pages} == pages
    repair(lab)
    assert listed(lab) == ALL


def test_a_killed_publish_is_named_and_restored_only_if_asked(lab, shared, content):
    manifest = Version((shared / manifest_path(_digest(lab, "yours"))).read_bytes(), "lab").manifest
    (content / "weights.bin").write_bytes(b"never listed")
    killed = _described(content, manifest.name, "3.0.0")
    put_content(lab.store, content, killed)
    new = _described(content, "new", "1.0.0")
    put_content(lab.store, content, new)
    done = repair(lab)
    assert sorted(done.unlisted) == ["new@1.0.0", "yours@3.0.0"]
    assert done.restored == []
    assert listed(lab) == ALL
    with pytest.raises(NotFoundError, match=r"yours@4\.0\.0") as refused:
        repair(lab, ["yours@4.0.0"])
    assert "yours@3.0.0" in refused.value.hint
    assert repair(lab, ["yours@3.0.0"]).restored == ["yours@3.0.0"]
    assert listed(lab) == {**ALL, "yours": ["1.0.0", "3.0.0"]}
    assert lab.entry("yours").aliases == {"latest": "3.0.0"}


def _described(content, name, version):
    from registry.content import describe_directory

    return describe_directory(content, name, version, kind="model", metadata={}, licence="MIT")


def _digest(registry, name):
    entry = registry.entry(name)
    return entry.versions[entry.newest].digest


def test_what_is_not_whole_is_not_restored(lab, shared):
    entry = lab.entry("yours")
    version = lab.version("yours", entry, "1.0.0")
    sha256 = version.manifest.files[-1].sha256
    (shared / "blobs" / sha256[:2] / sha256).unlink()
    (shared / "index" / "yours.json").unlink()
    done = repair(lab)
    assert "yours@1.0.0" in done.incomplete
    assert "yours" not in listed(lab)
    assert listed(lab)["mine"] == ALL["mine"]


def test_a_row_of_another_manifest_is_refused_and_withdrawn(make_catalogue, lab, shared):
    mine, yours = lab.entry("mine"), lab.entry("yours")
    mine.versions["1.0.0"] = yours.versions["1.0.0"]
    (shared / "index" / "mine.json").write_bytes(page_bytes("mine", mine))
    with pytest.raises(DamagedRegistryError, match=r"yours@1\.0\.0 \(model\) as mine@1"):
        make_catalogue(lab).pull(ref("mine@1.0.0"))
    done = repair(lab)
    assert done.withdrawn == ["mine@1.0.0"]
    assert done.unlisted == ["mine@1.0.0"]
    assert listed(lab)["mine"] == ["1.1.0"]


def test_a_row_of_a_lost_manifest_gives_way_to_what_is_named(lab, shared):
    before = lab.entry("mine")
    rows = {**before.versions, "1.0.0": Row("0" * 64, 3)}
    page = page_bytes("mine", msgspec.structs.replace(before, versions=rows))
    (shared / "index" / "mine.json").write_bytes(page)
    assert repair(lab).unlisted == ["mine@1.0.0"]
    assert repair(lab, ["mine@1.0.0"]).restored == ["mine@1.0.0"]
    assert lab.entry("mine") == before


def test_a_row_whose_manifest_is_there_gives_way_to_nothing(lab, shared, content):
    before = lab.entry("mine")
    put_content(lab.store, content, _described(content, "mine", "1.0.0"))
    with pytest.raises(ExistsError, match="different content"):
        repair(lab, ["mine@1.0.0"])
    assert lab.entry("mine") == before


def test_what_cannot_be_repaired(make_catalogue, remote, tmp_path, lab, shared):
    with pytest.raises(StorageError, match="cannot be repaired remotely"):
        repair(remote)
    with pytest.raises(NotFoundError, match="no registry found"):
        repair(Registry("empty", DirectoryStore(tmp_path / "empty")))
    assert not (tmp_path / "empty").exists()
    (shared / "registry.json").write_text('{"format": 9}')
    with pytest.raises(IncompatibleError):
        repair(lab)
    with pytest.raises(IncompatibleError):
        publish(make_catalogue(lab), tmp_path / "content", "2.0.0", to="lab")


def test_publishing_the_same_again_puts_back_what_is_lost(make_catalogue, lab, shared, content):
    author = make_catalogue(lab, store=LocalStore(content.parent / "author"))
    with pytest.raises(ExistsError):
        publish(author, content, "1.1.0", to="lab")
    for path in [*shared.glob("blobs/*/*"), *shared.glob("manifests/*")]:
        path.unlink()
    publish(author, content, "1.1.0", to="lab")
    fresh = make_catalogue(lab, store=LocalStore(content.parent / "fresh"))
    assert fresh.pull(ref("mine@1.1.0")).manifest.version == "1.1.0"
    (content / "weights.bin").write_bytes(b"other content")
    with pytest.raises(ExistsError):
        publish(fresh, content, "1.1.0", to="lab", accept=True)


class TestFormat1:
    """A registry and a cache of the last release that wrote format 1."""

    @pytest.fixture
    def old(self, tmp_path):
        shutil.copytree(FORMAT_1, tmp_path / "old")
        return tmp_path / "old"

    def test_it_is_read(self, make_catalogue, old):
        lab = Registry("lab", DirectoryStore(old / "registry"))
        assert listed(lab) == {"other": ["0.1.0"], "theirs": ["1.0.0", "1.1.0"]}
        version = make_catalogue(lab).pull(ref("theirs"))
        assert (version.path / "weights.bin").read_text() == "weights 1"

    def test_it_is_upgraded_by_repair_before_it_is_written(self, make_catalogue, old, content):
        lab = Registry("lab", DirectoryStore(old / "registry"))
        before = (old / "registry" / "index.json").read_bytes()
        with pytest.raises(IncompatibleError, match="format 1") as refused:
            publish(make_catalogue(lab), content, to="lab")
        assert "hub registry repair lab" in refused.value.hint
        done = repair(lab)
        assert [Path(path).read_bytes() for path in done.set_aside] == [before]
        publish(make_catalogue(lab), content, to="lab")
        assert listed(lab) == {"mine": ["1.0.0"], "other": ["0.1.0"], "theirs": ["1.0.0", "1.1.0"]}
        assert lab.entry("theirs").aliases == {"latest": "1.1.0"}

    @pytest.mark.parametrize("name", ["registry.json", "index.json"])
    def test_the_old_release_is_asked_to_update(self, old, name):
        """It looked at a number in each of these, and at no more."""
        repair(Registry("lab", DirectoryStore(old / "registry")))
        assert json.loads((old / "registry" / name).read_bytes())["format"] == 2

    def test_a_damaged_one_is_mended(self, old):
        lab = Registry("lab", DirectoryStore(old / "registry"))
        (old / "registry" / "index.json").write_bytes(b'{"format": 1, "names"')
        with pytest.raises(DamagedRegistryError, match=r"index\.json"):
            listed(lab)
        repair(lab)
        assert listed(lab) == {"other": ["0.1.0"], "theirs": ["1.0.0", "1.1.0"]}

    def test_the_cache_goes_on(self, make_catalogue, old, content):
        store = LocalStore(old / "cache")
        catalogue = make_catalogue(store=store)
        assert (catalogue.pull(ref("own")).path / "weights.bin").read_text() == "weights 3"
        assert (catalogue.pull(ref("lab/theirs")).path / "weights.bin").read_text() == "weights 1"
        rows = {(row.name, row.origin) for row in listings(catalogue)}
        assert rows == {("own", "local"), ("theirs", "lab"), ("other", "lab")}
        publish(catalogue, content)
        assert json.loads((old / "cache" / "registry.json").read_bytes())["format"] == 2
        assert not any(finding.damaged for finding in verify(catalogue, repair=False))
        assert len(verify(catalogue, repair=False)) == 5
        prune(store)
        assert len(verify(catalogue, repair=False)) == 5


class TestLocalIndexes:
    """Damage to what this machine keeps of its own and of others."""

    @pytest.fixture
    def here(self, make_catalogue, lab, shared, content):
        catalogue = make_catalogue(lab)
        publish(catalogue, content, name="own")
        for name in ("mine", "yours"):
            catalogue.pull(ref(name))
        return catalogue

    def everything(self, catalogue):
        return {
            (index.name, name, version)
            for index in catalogue.local.indexes()
            for name, entry in index.entries().items()
            for version in entry.versions
        }

    @pytest.mark.parametrize("how", ["deleted", "flipped", "emptied"])
    @pytest.mark.parametrize(
        "what", ["registry.json", "index.json", "index/own.json", "origins/*.json",
                 "origins/*/mine.json", "index/*", "origins/*/*"],
    )  # fmt: skip
    def test_it_is_put_aside_and_rebuilt(self, here, caplog, what, how):
        root = here.local.root
        before = self.everything(here)
        assert len(before) == 3
        for path in list(root.glob(what)):
            data = bytearray(path.read_bytes())
            path.unlink()
            if how != "deleted":
                data[3] ^= 1
                path.write_bytes(data if how == "flipped" else b"")
        assert self.everything(here) == before
        prune(here.local)
        assert not any(finding.damaged for finding in verify(here, repair=False))
        assert self.everything(here) == before
        assert here.pull(ref("own")).manifest.name == "own"
        if how == "flipped":
            assert str(root / "set-aside") in caplog.text

    def test_a_damaged_manifest_stops_nothing(self, here, caplog):
        entry = here.local.indexes()[1].entry("mine")
        path = here.local.root / manifest_path(entry.versions[entry.newest].digest)
        path.write_bytes(b"{}")
        prune(here.local)
        assert "manifest" in caplog.text
        assert here.pull(ref("mine")).manifest.name == "mine"
        assert not any(finding.damaged for finding in verify(here))

    def test_prune_leaves_everything_where_one_s_own_manifest_is_damaged(self, here):
        entry = here.local.index().entry("own")
        path = here.local.root / manifest_path(entry.versions["1.0.0"].digest)
        path.write_bytes(b"{}")
        before = sorted(here.local.root.glob("blobs/*/*"))
        with pytest.raises(IntegrityError, match=str(path)):
            prune(here.local, everything=True)
        assert sorted(here.local.root.glob("blobs/*/*")) == before


def test_duplicate_keys_and_other_names_are_no_index(lab, shared):
    (shared / "index.json").write_bytes(b'{"format":2,"format":2}')
    with pytest.raises(DamagedRegistryError, match="duplicate key"):
        lab.names()
    (shared / "index.json").write_bytes(sealed({"format": 2, "names": ["../mine"]}))
    with pytest.raises(DamagedRegistryError, match="not a valid name"):
        lab.names()
    (shared / "index.json").write_bytes(names_bytes({"mine", "yours"}))
    assert listed(lab) == ALL
