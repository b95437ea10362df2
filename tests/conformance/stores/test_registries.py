"""What is done with a whole registry, on every store in which it can be repaired."""

from __future__ import annotations

import pytest

from registry.copying import copy_versions
from registry.errors import AccessError, DamagedRegistryError, OfflineError, StorageError
from registry.references import Reference
from registry.registry import Registry
from registry.repair import repair
from registry.stores.base import RepairableStore
from registry.stores.bucket import Bucket
from registry.stores.directory import DirectoryStore
from tests.registry.cloud_servers import AMAZON
from tests.registry.conftest import publish


@pytest.fixture
def published(place, machine, content):
    if not isinstance(place.store(), RepairableStore):
        pytest.skip("a store need not be repairable")
    return publish(machine("author"), content, to="lab")


@pytest.mark.parametrize("path", ["index/mine.json", "index.json", "registry.json"])
def test_a_damaged_document_is_repaired(place, machine, published, path):
    store = place.store()
    data = store.peek(path)
    store.remove(path)
    store.put_bytes(path, b"{" + data[1:-5])
    with pytest.raises(DamagedRegistryError):
        place.registry().entries()
    done = repair(place.registry())
    assert done.set_aside
    assert all(each.startswith(store.location) for each in done.set_aside)
    assert machine("reader").pull(Reference("mine", "")).digest == published.digest


def test_a_publisher_during_a_repair_is_not_overwritten(
    place, machine, content, published, monkeypatch
):
    """Somebody publishes between the survey of a repair and its writes."""
    from registry import repair as module

    store = place.store()
    store.remove("index.json")
    survey = module.survey

    def slow_survey(pages, surveyed):
        found = survey(pages, surveyed)
        found.pages["index/mine.json"] = b"what was there before"
        return found

    monkeypatch.setattr(module, "survey", slow_survey)
    before = store.peek("index/mine.json")
    with pytest.raises(StorageError, match="during the repair"):
        repair(place.registry())
    assert store.peek("index/mine.json") == before


def test_versions_are_copied_from_and_to_it(place, machine, published, tmp_path):
    catalogue = machine("author")
    other = Registry("other", DirectoryStore(tmp_path / "other"))
    catalogue.registries = (*catalogue.registries, other)
    copies = copy_versions(catalogue, ["mine"], "lab", "other")
    assert [each.digest for each in copies.versions] == [published.digest]
    assert list(other.entry("mine").versions) == ["1.0.0"]


def test_who_may_not_list_a_bucket_is_told_what_is_missing(place, published, monkeypatch):
    """Amazon then answers 403 for what is missing, too."""
    if place.kind != "s3":
        pytest.skip("as Amazon answers")
    from registry.errors import AccessError, NotFoundError

    really = Bucket.open

    def forbidden(self, path, start=0):
        try:
            return really(self, path, start)
        except NotFoundError as problem:
            raise AccessError("403") from problem

    monkeypatch.setattr(Bucket, "open", forbidden)
    assert place.registry().entry("nothing") is None


def test_who_has_no_credentials_is_told(place, published, monkeypatch):
    if place.kind != "s3":
        pytest.skip("as Amazon's tools find them")
    for name in AMAZON:
        monkeypatch.delenv(name)
    with pytest.raises(AccessError, match="is refused") as caught:
        place.registry().entry("mine")
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint


def test_a_store_that_ignores_conditions_is_refused(place, monkeypatch):
    if place.kind not in ("s3", "az"):
        pytest.skip("a directory has locks")
    monkeypatch.setattr(Bucket, "write_if", lambda self, path, data, _: self.write(path, data))
    with pytest.raises(StorageError, match="would overwrite each other"):
        place.registry().begin()
    with pytest.raises(OfflineError):
        place.registry().names()
