"""Publishing, resolving and pulling, in directories and over HTTP."""

import logging
import shutil

import pytest

from registry.errors import (
    ExistsError,
    InvalidReferenceError,
    NotFoundError,
    OfflineError,
    StorageError,
    SubstitutedError,
)
from registry.listing import listings
from registry.local import LocalStore
from registry.manifest import Parent
from registry.publishing import target
from registry.registry import Registry
from registry.stores.http import HttpStore
from tests.registry.conftest import WEIGHTS, publish, ref
from tests.registry.server import Server


def files_of(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_publish_and_pull_are_inverse(make_catalogue, content, local):
    parent = Parent("c-ace-pretrained", "1.0.0", "a" * 64, "fine-tuned")
    version = publish(make_catalogue(), content, parents=[parent])
    assert files_of(version.path) == files_of(content)
    assert version.path.parent == local.root / "versions" / "mine"
    assert version.path.name == f"1.0.0-{version.digest[:12]}"
    again = make_catalogue().pull(ref("mine"))
    assert again == version
    assert again.manifest.parents == (parent,)
    assert again.manifest.licence == "MIT"
    assert str(again.reference) == "local/mine@1.0.0"


def test_a_version_is_immutable(make_catalogue, content, lab):
    catalogue = make_catalogue(lab)
    for to in ("local", "lab"):
        publish(catalogue, content, to=to)
        with pytest.raises(ExistsError, match="already exists") as refusal:
            publish(catalogue, content, to=to)
        assert "above 1.0.0" in refusal.value.hint


def test_what_cannot_be_published(make_catalogue, content, toy_card, remote, tmp_path):
    catalogue = make_catalogue(remote, cards=toy_card("http://localhost/toy.bin"))
    with pytest.raises(ExistsError, match="built-in"):
        publish(catalogue, content, name="toy")
    with pytest.raises(StorageError, match="read-only"):
        publish(catalogue, content, to="lab")
    with pytest.raises(NotFoundError, match="unknown registry 'lob'"):
        publish(catalogue, content, to="lob")
    with pytest.raises(InvalidReferenceError):
        publish(catalogue, content, "1.0")
    with pytest.raises(InvalidReferenceError):
        publish(catalogue, content, name="Mine")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no files"):
        publish(catalogue, tmp_path / "empty")


def test_publish_to_a_path(make_catalogue, content, tmp_path):
    version = publish(make_catalogue(), content, to=str(tmp_path / "new" / "Our Lab"))
    assert str(version.reference) == "our-lab/mine@1.0.0"
    other = Registry("theirs", target(make_catalogue(), str(tmp_path / "new" / "Our Lab")).store)
    catalogue = make_catalogue(other, store=LocalStore(tmp_path / "other"))
    assert catalogue.pull(ref("mine")).digest == version.digest


@pytest.mark.parametrize(
    ("text", "number"),
    [("mine", 1), ("mine@latest", 1), ("lab/mine", 1), ("mine@1.0.0", 0), ("lab/mine@1.1.0", 1)],
)
def test_a_second_machine_pulls_over_http(make_catalogue, published, remote, text, number):
    version = make_catalogue(remote).pull(ref(text))
    assert version.digest == published[number].digest
    assert files_of(version.path) == files_of(published[number].path)
    assert not any(path.stat().st_mode & 0o222 for path in version.path.glob("*.bin"))


def test_by_digest(make_catalogue, published, remote):
    text = f"mine@sha256:{published[0].digest[:12]}"
    assert make_catalogue(remote).pull(ref(text)).manifest.version == "1.0.0"


def test_shared_content_is_transferred_once(make_catalogue, published, remote, server):
    make_catalogue(remote).pull(ref("mine@1.0.0"))
    make_catalogue(remote).pull(ref("mine@1.1.0"))
    # Weights and README are the same in both; config.json is not.
    assert len(server.asked("/blobs/")) == 4


def test_the_cache_answers_without_the_network(make_catalogue, published, remote, server):
    first = make_catalogue(remote).pull(ref("mine"))
    server.requests.clear()
    for text in ("mine", "mine@latest", "lab/mine", "mine@1.1.0", f"mine@sha256:{first.digest}"):
        assert make_catalogue(remote).pull(ref(text)) == first
    assert server.requests == []


def test_update_asks_again(make_catalogue, published, remote, server, content, lab, tmp_path):
    make_catalogue(remote).pull(ref("mine"))
    publish(make_catalogue(lab, store=LocalStore(tmp_path / "author")), content, "2.0.0", to="lab")
    assert make_catalogue(remote).pull(ref("mine")).manifest.version == "1.1.0"
    assert make_catalogue(remote).pull(ref("mine"), update=True).manifest.version == "2.0.0"
    server.requests.clear()
    assert make_catalogue(remote).pull(ref("mine")).manifest.version == "2.0.0"
    assert server.requests == []


def test_a_pinned_version_is_not_taken_for_the_latest(make_catalogue, published, remote):
    make_catalogue(remote).pull(ref("mine@1.0.0"))
    assert make_catalogue(remote).pull(ref("mine")).manifest.version == "1.1.0"
    offline = Registry("lab", HttpStore(remote.location, offline=True))
    assert make_catalogue(offline).pull(ref("mine")).manifest.version == "1.1.0"


def test_offline_says_what_is_here(make_catalogue, published, remote):
    make_catalogue(remote).pull(ref("mine@1.0.0"))
    catalogue = make_catalogue(Registry("lab", HttpStore(remote.location, offline=True)))
    assert catalogue.pull(ref("mine@1.0.0")).manifest.version == "1.0.0"
    with pytest.raises(OfflineError, match="lab") as failure:
        catalogue.pull(ref("mine"))
    assert "lab has 1.0.0" in failure.value.hint


def test_the_first_registry_that_has_a_name_wins(make_catalogue, content, tmp_path, lab):
    other = Registry("other", target(make_catalogue(), str(tmp_path / "other")).store)
    author = make_catalogue(lab, other, store=LocalStore(tmp_path / "author"))
    publish(author, content, to="other", metadata={"description": "Other's"})
    publish(author, content, "0.9.0", to="lab")
    reader = make_catalogue(lab, other)
    assert str(reader.pull(ref("mine")).reference) == "lab/mine@0.9.0"
    assert str(reader.pull(ref("other/mine")).reference) == "other/mine@1.0.0"
    assert str(reader.pull(ref("mine@1.0.0")).reference) == "other/mine@1.0.0"
    with pytest.raises(NotFoundError):
        reader.pull(ref("lab/mine@1.0.0"))


def test_equal_versions_of_two_registries_are_kept_apart(make_catalogue, content, tmp_path, lab):
    other = Registry("other", target(make_catalogue(), str(tmp_path / "other")).store)
    author = make_catalogue(lab, other, store=LocalStore(tmp_path / "author"))
    publish(author, content, to="lab")
    (content / "weights.bin").write_bytes(b"different")
    publish(author, content, to="other")
    reader = make_catalogue(lab, other)
    digests = {reader.pull(ref(f"{name}/mine@1.0.0")).digest for name in ("lab", "other", "lab")}
    assert len(digests) == 2
    assert reader.pull(ref("mine")).origin == "lab"


def test_a_registry_that_moved_does_not_answer_from_its_old_place(
    make_catalogue, published, lab, tmp_path, content
):
    make_catalogue(lab).pull(ref("lab/mine@1.0.0"))
    elsewhere = Registry("lab", target(make_catalogue(), str(tmp_path / "elsewhere")).store)
    author = make_catalogue(elsewhere, store=LocalStore(tmp_path / "author2"))
    (content / "weights.bin").write_bytes(b"different")
    there = publish(author, content, to="lab")
    assert make_catalogue(elsewhere).pull(ref("lab/mine@1.0.0")).digest == there.digest
    # Taken off the list altogether, what was pulled from it still answers.
    assert make_catalogue().pull(ref("mine@1.0.0")).manifest.name == "mine"


def test_a_changed_version_is_refused(make_catalogue, published, lab, content, tmp_path):
    make_catalogue(lab).pull(ref("mine@1.0.0"))
    shutil.rmtree(tmp_path / "lab")
    (content / "weights.bin").write_bytes(b"swapped")
    publish(make_catalogue(lab, store=LocalStore(tmp_path / "thief")), content, to="lab")
    with pytest.raises(SubstitutedError, match=published[0].digest):
        make_catalogue(lab).pull(ref("mine@1.0.0"), update=True)
    taken = make_catalogue(lab).pull(ref("mine@1.0.0"), accept=True)
    assert (taken.path / "weights.bin").read_bytes() == b"swapped"
    assert make_catalogue(lab).pull(ref("mine@1.0.0")).digest == taken.digest


def test_near_names_and_versions_are_suggested(make_catalogue, published, remote, toy_card):
    catalogue = make_catalogue(remote, cards=toy_card("http://localhost/toy.bin"))
    for text, hint in {
        "mien": "Did you mean mine?",
        "toyy": "Did you mean toy?",
        "mine@3.0.0": "Versions of mine: lab has 1.0.0, 1.1.0.",
        "toy@3.0.0": "Versions of toy: builtin has 1.0.0. Other registries are not searched for a "
        "built-in name. To use one, write lab/toy",
        "qqqqqq": "List the known names: hub list",
    }.items():
        with pytest.raises(NotFoundError, match="not found") as failure:
            catalogue.pull(ref(text))
        assert failure.value.hint == hint


def test_an_unreachable_registry_is_not_an_absent_name(
    make_catalogue, published, lab, tmp_path, caplog
):
    with Server(tmp_path) as gone:
        pass
    broken = Registry("broken", HttpStore(gone.url))
    with caplog.at_level(logging.WARNING):
        assert make_catalogue(broken, lab).pull(ref("mine")).origin == "lab"
    assert "registry broken could not be queried" in caplog.text
    with pytest.raises(OfflineError, match="broken"):
        make_catalogue(broken, lab).pull(ref("unknown"))


def test_no_registry_at_a_location(make_catalogue, tmp_path):
    empty = Registry("empty", target(make_catalogue(), str(tmp_path / "unmounted")).store)
    with pytest.raises(OfflineError, match="no registry found at"):
        make_catalogue(empty).pull(ref("mine"))
    assert not (tmp_path / "unmounted").exists()


def test_files_of_ones_own(make_catalogue, published, lab, tmp_path, local):
    catalogue = make_catalogue(lab)
    version = catalogue.pull(ref("mine"), to=tmp_path / "deep" / "mine")
    assert version.path == tmp_path / "deep" / "mine"
    assert files_of(version.path) == files_of(published[1].path)
    assert catalogue.pull(ref("mine"), to=version.path).path == version.path
    (version.path / "weights.bin").write_bytes(b"edited")
    with pytest.raises(ExistsError, match="something other"):
        catalogue.pull(ref("mine"), to=version.path)
    assert (version.path / "weights.bin").read_bytes() == b"edited"
    assert (catalogue.pull(ref("mine")).path / "weights.bin").read_bytes() == WEIGHTS
    (tmp_path / "empty").mkdir()
    assert catalogue.pull(ref("mine"), to=tmp_path / "empty").path == tmp_path / "empty"


def test_listings(make_catalogue, published, remote, toy_card, content):
    cards = toy_card("http://localhost/toy.bin")
    catalogue = make_catalogue(remote, cards=cards)
    assert [(row.name, row.cached) for row in listings(catalogue)] == [("toy", False)]
    there = listings(catalogue, remote=True)
    assert [(r.name, r.version, r.origin, r.cached) for r in there] == [
        ("mine", "1.1.0", "lab", False),
        ("toy", "1.0.0", "builtin", False),
    ]
    catalogue.pull(ref("mine"))
    publish(catalogue, content, name="own")
    assert [(row.name, row.origin, row.cached) for row in listings(catalogue, remote=True)] == [
        ("mine", "lab", True),
        ("own", "local", True),
        ("toy", "builtin", False),
    ]


def test_readme(make_catalogue, published, remote, toy_card):
    cards = toy_card("http://localhost/toy.bin")
    catalogue = make_catalogue(remote, cards=cards)
    assert catalogue.readme(catalogue.resolve(ref("toy"))) == cards["toy"].text
    assert catalogue.readme(catalogue.resolve(ref("mine"))).endswith("# A model\n")
