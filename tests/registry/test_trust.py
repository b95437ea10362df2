"""What this machine has seen before, and whom a bare name means."""

import logging
import shutil

import pytest

from registry.errors import NotFoundError, SubstitutedError
from registry.index import page_bytes
from registry.local import LocalStore
from registry.registry import Registry
from registry.shipped import ShippedRegistry
from registry.stores.directory import DirectoryStore
from registry.trust import Seen
from registry.upkeep import prune
from tests.registry.conftest import SOURCE, publish, ref


@pytest.fixture
def swapped(make_catalogue, published, lab, content, tmp_path):
    """Put other content under the same names and versions at the place of `lab`."""

    def swap():
        shutil.rmtree(lab.store.root)
        (content / "weights.bin").write_bytes(b"swapped")
        thief = make_catalogue(lab, store=LocalStore(tmp_path / "thief"))
        return publish(thief, content, to="lab")

    return swap


def test_it_survives_a_pruned_and_a_deleted_cache(
    make_catalogue, published, lab, local, swapped, tmp_path
):
    seen = Seen(tmp_path / "state")
    catalogue = make_catalogue(lab, seen=seen)
    catalogue.pull(ref("mine@1.0.0"))
    other = swapped()
    prune(local, everything=True)
    with pytest.raises(SubstitutedError, match=other.digest) as refused:
        catalogue.pull(ref("mine@1.0.0"))
    assert published[0].digest in refused.value.message
    assert "hub pull lab/mine@1.0.0 --accept" in refused.value.hint
    shutil.rmtree(local.root)
    with pytest.raises(SubstitutedError):
        catalogue.pull(ref("mine@1.0.0"))
    assert catalogue.pull(ref("mine@1.0.0"), accept=True).digest == other.digest
    shutil.rmtree(local.root)
    assert catalogue.pull(ref("mine@1.0.0")).digest == other.digest


def test_who_publishes_has_seen_it_too(make_catalogue, lab, content, tmp_path):
    seen = Seen(tmp_path / "state")
    catalogue = make_catalogue(lab, seen=seen)
    first = publish(catalogue, content, to="lab")
    shutil.rmtree(lab.store.root)
    (content / "weights.bin").write_bytes(b"other")
    with pytest.raises(SubstitutedError, match=first.digest):
        publish(catalogue, content, to="lab")
    again = publish(catalogue, content, to="lab", accept=True)
    assert catalogue.pull(ref("lab/mine")).digest == again.digest


def test_versions_that_a_registry_has_lost_are_reported(
    make_catalogue, published, lab, tmp_path, caplog
):
    catalogue = make_catalogue(lab, seen=Seen(tmp_path / "state"))
    catalogue.pull(ref("mine@1.1.0"))
    entry = lab.entry("mine")
    del entry.versions["1.1.0"]
    entry.aliases["latest"] = "1.0.0"
    (lab.store.root / "index" / "mine.json").write_bytes(page_bytes("mine", entry))
    with caplog.at_level(logging.WARNING):
        catalogue.pull(ref("mine"), update=True)
    assert "no longer lists mine@1.1.0" in caplog.text


def test_a_damaged_memory_says_nothing(make_catalogue, published, lab, tmp_path, caplog):
    catalogue = make_catalogue(lab, seen=Seen(tmp_path / "state"))
    catalogue.pull(ref("mine"))
    for path in (tmp_path / "state").glob("*/*"):
        path.write_bytes(path.read_bytes()[:-9])
    assert catalogue.pull(ref("mine"), update=True).digest == published[1].digest
    assert "cannot be read" in caplog.text


def test_a_memory_of_another_version_says_nothing(make_catalogue, published, lab, tmp_path, caplog):
    seen = Seen(tmp_path / "state")
    catalogue = make_catalogue(lab, seen=seen)
    for number in ("1.0.0", "1.1.0"):
        catalogue.pull(ref(f"mine@{number}"))
    first, second = sorted((tmp_path / "state").glob("*/*"))
    shutil.copyfile(first, second)
    assert seen.digest(lab.location, "mine", "1.1.0") == ""
    assert "another version" in caplog.text
    assert catalogue.pull(ref("mine@1.1.0"), update=True).digest == published[1].digest


def test_a_registry_does_not_stand_in_for_a_built_in_name(
    make_catalogue, toy_card, lab, content, tmp_path
):
    publish(make_catalogue(lab), content, name="toy", to="lab")
    other = tmp_path / "mirror" / "toys" / "models" / "toy.bin"
    other.parent.mkdir(parents=True)
    other.write_bytes(SOURCE)
    cards = toy_card("http://127.0.0.1:9/toy.bin")
    fresh = LocalStore(tmp_path / "fresh")
    catalogue = make_catalogue(lab, cards=cards, mirror=str(tmp_path / "mirror"), store=fresh)
    assert catalogue.pull(ref("lab/toy")).origin == "lab"
    for text in ("toy", "toy@1.0.0", "toy@latest"):
        assert catalogue.pull(ref(text)).origin == "builtin"
    with pytest.raises(NotFoundError, match=r"'toy@3\.0\.0' not found") as failure:
        catalogue.pull(ref("toy@3.0.0"))
    assert "lab/toy" in failure.value.hint


def test_nor_for_what_comes_with_the_package(make_catalogue, lab, content, tmp_path):
    package = Registry("package", DirectoryStore(tmp_path / "shipped"))
    author = make_catalogue(package, lab, store=LocalStore(tmp_path / "author"))
    publish(author, content, name="gift", to="package")
    publish(author, content, "9.0.0", name="gift", to="lab")
    catalogue = make_catalogue(lab, shipped=tmp_path / "shipped")
    assert ShippedRegistry(tmp_path / "shipped").names() == {"gift"}
    assert catalogue.pull(ref("gift")).manifest.version == "1.0.0"
    assert catalogue.pull(ref("gift"), update=True).origin == "builtin"
    assert catalogue.pull(ref("lab/gift")).manifest.version == "9.0.0"


@pytest.mark.parametrize("kept", [False, True])
def test_other_content_under_the_same_name_is_a_warning(
    make_catalogue, content, lab, tmp_path, caplog, kept
):
    other = Registry("other", DirectoryStore(tmp_path / "other"))
    author = make_catalogue(lab, other, store=LocalStore(tmp_path / "author"))
    first = publish(author, content, to="lab")
    (content / "weights.bin").write_bytes(b"different")
    second = publish(author, content, to="other")
    reader = make_catalogue(lab, other)
    if kept:
        reader.pull(ref("other/mine"))
        reader.pull(ref("lab/mine"))
        shutil.rmtree(tmp_path / "other")
    caplog.clear()
    assert reader.pull(ref("mine")).digest == first.digest
    assert f"mine@1.0.0 was taken from lab (sha256:{first.digest[:16]})" in caplog.text
    assert second.digest[:16] in caplog.text
