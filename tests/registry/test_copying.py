"""Copies of versions between registries: whole, with their parents, and through kills."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from registry.content import damaged_files
from registry.copying import copy_versions
from registry.documents import digest_of
from registry.errors import (
    ExistsError,
    IntegrityError,
    NotFoundError,
    OfflineError,
    SettingsError,
    StorageError,
    SubstitutedError,
)
from registry.index import page_bytes
from registry.local import LocalStore
from registry.manifest import Parent
from registry.origins import LOCAL
from registry.registry import Registry
from registry.stores.base import blob_path
from registry.stores.directory import DirectoryStore
from tests.registry.conftest import publish, ref

ROOT = Path(__file__).parents[2]

CHILD = """
import sys
from pathlib import Path
from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.copying import copy_versions
from registry.local import LocalStore
from registry.registry import Registry
from registry.stores import open_store
from tests.killing import die_before_move

root = Path(sys.argv[1])
die_before_move(int(sys.argv[2]))
registries = [Registry(name, open_store(str(root / name))) for name in ("lab", "other")]
catalogue = Catalogue(LocalStore(root / "cache"), registries, Builtin({}, {}.get))
copy_versions(catalogue, ["child"], "lab", "other")
print("DONE")
"""


def version_of(published):
    manifest = published.manifest
    return Parent(manifest.name, manifest.version, published.digest, "fine-tuned")


@pytest.fixture
def other(tmp_path):
    """The registry to copy to; it does not exist yet."""
    return Registry("other", DirectoryStore(tmp_path / "other"))


@pytest.fixture
def family(make_catalogue, lab, content, tmp_path):
    """A model, its parent, and the parent's own, which is nowhere in `lab`."""
    author = make_catalogue(lab, store=LocalStore(tmp_path / "author"))
    stranger = Parent("grandparent", "1.0.0", digest_of(b"nobody has it"), "fine-tuned")
    parent = publish(author, content, name="parent", to="lab", parents=[stranger])
    (content / "weights.bin").write_bytes(b"tuned" * 1000)
    child = publish(author, content, name="child", to="lab", parents=[version_of(parent)])
    return parent, child


@pytest.fixture
def known(make_catalogue, lab, other):
    return make_catalogue(lab, other)


def damage(registry, path):
    """Change a byte of a file in a registry."""
    file = registry.store.path(path)
    file.chmod(0o644)
    data = bytearray(file.read_bytes())
    data[1] ^= 1
    file.write_bytes(data)


def listed(registry):
    """The versions that others see, all of whose files must be there and right."""
    found = {}
    for name, entry in registry.entries().items():
        for number, row in entry.versions.items():
            manifest = registry.version(name, entry, number).manifest
            for file in manifest.files:
                blob = registry.store.path(blob_path(file.sha256))
                assert digest_of(blob.read_bytes()) == file.sha256
            found[f"{name}@{number}"] = row.digest
    return found


def test_a_version_comes_with_its_parents(known, family, lab, other):
    parent, child = family
    told = []
    done = copy_versions(known, ["child"], "lab", "other", lambda *each: told.append(each))
    assert [each.name for each in done.versions] == ["parent", "child"]
    assert done.missing == {"grandparent@1.0.0": ("parent@1.0.0",)}
    assert listed(other) == {"parent@1.0.0": parent.digest, "child@1.0.0": child.digest}
    assert other.entry("child").aliases == {"latest": "1.0.0"}
    total = sum(each.sent for each in done.versions)
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    again = copy_versions(known, ["child"], "lab", "other")
    assert all(each.was_there and each.sent == 0 for each in again.versions)
    # The card and the configuration are the same in both, and are kept once.
    child_weights = next(f for f in child.manifest.files if f.path == "weights.bin")
    assert done.versions[1].sent == child_weights.size


def test_what_names_mean(known, published, lab, other):
    (one,) = copy_versions(known, ["mine"], "lab", "other").versions
    assert one.version == "1.1.0"
    (one,) = copy_versions(known, ["mine@1.0.0"], "lab", "other").versions
    assert one.version == "1.0.0"
    assert other.entry("mine").aliases == {"latest": "1.1.0"}
    every = copy_versions(known, ["m*@*", "mine"], "lab", "other").versions
    assert {each.version for each in every} == {"1.0.0", "1.1.0"}
    for wrong, hint in (("mone", "Did you mean mine?"), ("mine@2", "mine@1.0.0"), ("z*", "")):
        with pytest.raises(NotFoundError) as refused:
            copy_versions(known, [wrong], "lab", "other")
        assert hint in refused.value.hint
    with pytest.raises(NotFoundError, match="unknown registry 'nowhere'"):
        copy_versions(known, ["mine"], "nowhere", "other")
    with pytest.raises(SettingsError, match="the same registry"):
        copy_versions(known, ["mine"], "lab", lab.location)


def test_from_a_server_and_to_this_machine(make_catalogue, published, remote, server):
    catalogue = make_catalogue(remote)
    copy_versions(catalogue, ["mine"], "lab", LOCAL)
    assert catalogue.pull(ref("local/mine")).digest == published[1].digest
    server.requests.clear()
    copy_versions(catalogue, ["mine"], server.url, LOCAL)
    assert not server.asked("/blobs/")
    with pytest.raises(StorageError, match="read-only"):
        copy_versions(catalogue, ["mine"], LOCAL, "lab")


class Elsewhere:
    """A store that is no directory, as far as anybody can see."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    @property
    def location(self):
        return f"elsewhere:{self._store.location}"


def test_to_what_is_no_directory(make_catalogue, family, lab, other, local):
    elsewhere = Registry("other", Elsewhere(other.store))
    told = []
    done = copy_versions(
        make_catalogue(lab, elsewhere), ["child"], "lab", "other", lambda *each: told.append(each)
    )
    assert len(listed(other)) == 2
    total = sum(each.sent for each in done.versions)
    assert told[-1] == (total, total)
    assert not list(local.files.parts.iterdir())


def test_a_registry_that_is_not_there(make_catalogue, lab, other):
    with pytest.raises(OfflineError, match="no registry found at"):
        copy_versions(make_catalogue(lab, other), ["mine"], "lab", "other")
    assert not Path(other.location).exists()


def test_other_content_is_not_replaced(known, family, make_catalogue, other, content, tmp_path):
    author = make_catalogue(other, store=LocalStore(tmp_path / "somebody"))
    (content / "weights.bin").write_bytes(b"something else")
    mine = publish(author, content, name="child", to="other")
    with pytest.raises(ExistsError, match=r"child@1\.0\.0 already exists in other"):
        copy_versions(known, ["child"], "lab", "other")
    assert listed(other) == {"child@1.0.0": mine.digest}


def test_a_damaged_file_is_not_passed_on(known, family, lab, other):
    _, child = family
    weights = next(f for f in child.manifest.files if f.path == "weights.bin")
    damage(lab, blob_path(weights.sha256))
    with pytest.raises(IntegrityError, match=r"weights\.bin should be"):
        copy_versions(known, ["child"], "lab", "other")
    assert set(listed(other)) == {"parent@1.0.0"}


def test_a_damaged_manifest_is_not_passed_on(known, family, lab, other):
    damage(lab, f"manifests/{family[0].digest}.json")
    with pytest.raises(IntegrityError, match="is corrupted"):
        copy_versions(known, ["child"], "lab", "other")
    assert not Path(other.location).exists()


def test_what_the_target_has_lost_is_put_back(known, family, other):
    copy_versions(known, ["child"], "lab", "other")
    sha256 = family[0].manifest.files[0].sha256
    other.store.path(blob_path(sha256)).unlink()
    done = copy_versions(known, ["child"], "lab", "other")
    assert sum(each.sent for each in done.versions) == family[0].manifest.files[0].size
    assert len(listed(other)) == 2


def test_content_that_was_exchanged_is_refused(known, family, lab, other, make_catalogue, content):
    known.pull(ref("child"))
    entry = lab.entry("child")
    row = entry.versions["1.0.0"]
    manifest = json.loads(lab.manifest_bytes(row.digest))
    data = json.dumps({**manifest, "licence": "other"}, sort_keys=True).encode()
    digest = digest_of(data)
    lab.store.put_bytes(f"manifests/{digest}.json", data)
    page = lab.store.path("index/child.json")
    versions = {"1.0.0": replace(row, digest=digest)}
    page.write_bytes(page_bytes("child", replace(entry, versions=versions)))
    with pytest.raises(SubstitutedError):
        copy_versions(known, ["child"], "lab", "other")


def copy_in_a_process(tmp_path, moves):
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), str(moves)],
        cwd=ROOT, text=True, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


# The marker and list of a new registry, then blobs, manifest and page of parent and child.
@pytest.mark.parametrize("moves", [1, 3, 4, 6, 7, 8, 9, 10, 11])
def test_a_killed_copy_is_continued(known, family, other, tmp_path, moves):
    assert copy_in_a_process(tmp_path, moves).returncode == -signal.SIGKILL
    blobs = tmp_path / "other" / "blobs"
    before = {path.name: path.stat().st_ino for path in blobs.glob("*/*")}
    if (tmp_path / "other" / "registry.json").exists():
        seen = listed(other)
        assert "parent@1.0.0" in seen or "child@1.0.0" not in seen
    done = copy_in_a_process(tmp_path, 0)
    assert done.stdout == "DONE\n", done.stderr
    assert len(listed(other)) == 2
    assert {name: (blobs / name[:2] / name).stat().st_ino for name in before} == before


def test_copies_at_once(known, family, other):
    with ThreadPoolExecutor(4) as pool:
        copies = [pool.submit(copy_versions, known, ["child"], "lab", "other") for _ in range(4)]
        for each in copies:
            assert [one.name for one in each.result().versions] == ["parent", "child"]
    assert len(listed(other)) == 2


def test_a_copy_can_be_pulled(known, family, other, make_catalogue, tmp_path):
    copy_versions(known, ["child"], "lab", "other")
    reader = make_catalogue(other, store=LocalStore(tmp_path / "reader"))
    version = reader.pull(ref("child"))
    assert version.digest == family[1].digest
    assert damaged_files(version.path, version.manifest.files) == []
