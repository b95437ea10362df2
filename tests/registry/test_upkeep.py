import os
import shutil
import time

import pytest

from registry.errors import NotFoundError
from registry.files import STALE_AFTER
from registry.local import LocalStore
from registry.publishing import publish
from registry.references import Reference
from registry.upkeep import MANIFEST, prune, usage, verify
from tests.registry.conftest import SOURCE, WEIGHTS


@pytest.fixture
def catalogue(make_catalogue, lab, content, tmp_path, toy_card):
    """A machine with one version of its own, one of a registry and an imported one."""
    cards = toy_card("http://127.0.0.1:9/toy.bin")
    mirrored = tmp_path / "mirror" / "toys" / "models" / "toy.bin"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(SOURCE)
    author = make_catalogue(lab, store=LocalStore(tmp_path / "author"))
    publish(author, content, "theirs", "1.0.0", kind="model", metadata={}, to="lab")
    here = make_catalogue(lab, cards=cards, mirror=str(tmp_path / "mirror"))
    (content / "weights.bin").write_bytes(b"my own weights")
    publish(here, content, "own", "1.0.0", kind="model", metadata={})
    here.pull(Reference("theirs"))
    here.pull(Reference("toy"))
    return here


def path_of(catalogue, text, path):
    """Where a file of a version lies, as a blob and in the plain directory."""
    version = catalogue.resolve(Reference.parse(text))
    entry = next(e for e in version.manifest.files if e.path == path)
    directory = catalogue.local.directory(version)
    return catalogue.local.blobs.path(entry.sha256), directory / path


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)


def by_name(findings):
    return {finding.reference.name: finding for finding in findings}


def test_all_is_well(catalogue):
    findings = by_name(verify(catalogue))
    assert set(findings) == {"own", "theirs", "toy"}
    assert not any(finding.damaged for finding in findings.values())


@pytest.mark.parametrize("name", ["theirs", "toy"])
@pytest.mark.parametrize("where", ["blob", "directory", "both", "missing"])
def test_damage_is_named_and_repaired(catalogue, name, where):
    blob, placed = path_of(catalogue, name, "weights.bin")
    right = blob.read_bytes()
    if where in ("blob", "both"):
        damage(blob)
    if where in ("directory", "both"):
        damage(placed)
    if where == "missing":
        blob.unlink()
        placed.unlink()
    found = by_name(verify(catalogue, repair=False))
    assert found[name].damaged == ("weights.bin",)
    assert not found[name].repaired
    assert not found["own"].damaged
    repaired = by_name(verify(catalogue))[name]
    assert repaired.repaired
    assert not by_name(verify(catalogue))[name].damaged
    assert placed.read_bytes() == blob.read_bytes() == right


@pytest.mark.parametrize("name", ["theirs", "toy"])
def test_a_damaged_manifest_is_repaired(catalogue, name):
    version = catalogue.resolve(Reference(name))
    manifest = catalogue.local.root / "manifests" / f"{version.digest}.json"
    damage(manifest)
    assert by_name(verify(catalogue, repair=False))[name].damaged == (MANIFEST,)
    assert by_name(verify(catalogue))[name].repaired
    assert not by_name(verify(catalogue))[name].damaged


def test_what_has_no_other_copy_stays_damaged(catalogue):
    blob, placed = path_of(catalogue, "own", "weights.bin")
    damage(blob)
    damage(placed)
    found = by_name(verify(catalogue, Reference("own")))["own"]
    assert found.damaged == ("weights.bin",)
    assert not found.repaired
    assert "no configured registry has them" in found.problem


def test_verify_takes_references(catalogue):
    digest = catalogue.resolve(Reference("own")).digest
    for text in ("own", "local/own", "own@1.0.0", f"own@sha256:{digest[:12]}"):
        (finding,) = verify(catalogue, Reference.parse(text))
        assert finding.digest == digest
    for text in ("owm", "own@2.0.0", "lab/own", "own@sha256:000000000000"):
        with pytest.raises(NotFoundError, match="on this machine"):
            verify(catalogue, Reference.parse(text))


def test_usage(catalogue):
    used = usage(catalogue.local)
    assert used.versions == 3
    assert used.parts == 0
    assert len(WEIGHTS) + 2 * len(SOURCE) < used.size < len(WEIGHTS) + 2 * len(SOURCE) + 20_000


def test_prune_keeps_what_versions_need(catalogue):
    local = catalogue.local
    published = local.blobs.path(toy_sha256 := catalogue.builtin.cards["toy"].source.sha256)
    part = local.blobs.part("f" * 64)
    part.write_bytes(bytes(1000))
    prune(local)
    assert part.exists()
    assert published.exists()
    long_ago = time.time() - 2 * STALE_AFTER
    for path in (part, published):
        os.utime(path, (long_ago, long_ago))
    freed = prune(local)
    assert not part.exists()
    assert not local.blobs.path(toy_sha256).exists()
    assert freed == 1000 + len(SOURCE)
    assert not any(finding.damaged for finding in verify(catalogue, repair=False))
    assert usage(local).versions == 3


def test_prune_everything_keeps_ones_own(catalogue, lab):
    local = catalogue.local
    assert prune(local, everything=True) > len(SOURCE)
    assert [finding.reference.name for finding in verify(catalogue)] == ["own"]
    assert sorted(
        path.name for path in (local.root / "versions").iterdir() if any(path.iterdir())
    ) == ["own"]
    shutil.rmtree(lab.store.root)
    assert catalogue.pull(Reference("own")).path.is_dir()
