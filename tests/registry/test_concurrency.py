"""Pulls, publishes and prunes at once, in threads and processes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.content import damaged_files
from registry.errors import ExistsError, IntegrityError
from registry.index import with_version
from registry.local import LocalStore
from registry.lock import alone, in_use
from registry.manifest import Manifest
from registry.pages import Pages
from registry.registry import Registry
from registry.stores.directory import DirectoryStore
from registry.upkeep import prune, verify
from tests.registry.conftest import publish, ref


def test_users_share_a_lock_and_the_cleaner_waits(tmp_path):
    path, order = tmp_path / "locks" / "use.lock", []

    def clean():
        with alone(path, lambda: order.append("waiting")):
            order.append("alone")

    with in_use(path), in_use(path):
        cleaner = threading.Thread(target=clean)
        cleaner.start()
        deadline = time.monotonic() + 10
        while order != ["waiting"] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert order == ["waiting"]
        order.append("used")
    cleaner.join(10)
    assert order == ["waiting", "used", "alone"]


def test_prune_takes_nothing_that_a_pull_has_returned(make_catalogue, published, lab, tmp_path):
    stores = [LocalStore(tmp_path / "cache") for _ in range(4)]
    stop = threading.Event()

    def prune_on():
        count = 0
        while not stop.is_set():
            prune(LocalStore(tmp_path / "cache"))
            count += 1
        return count

    with ThreadPoolExecutor(5) as pool:
        pruned = pool.submit(prune_on)
        for _ in range(5):
            pulls = [
                pool.submit(make_catalogue(lab, store=store).pull, ref(f"mine@{number}"))
                for store, number in zip(stores, ["1.0.0", "1.1.0"] * 2, strict=True)
            ]
            for pulled in pulls:
                version = pulled.result()
                assert damaged_files(version.path, version.manifest.files) == []
        stop.set()
        assert pruned.result() > 0


def test_prune_takes_no_blob_that_a_publish_reuses(make_catalogue, content, local):
    """The blobs are there, old, and needed by no version when the publish finds them."""
    catalogue = make_catalogue()
    stop = threading.Event()

    def prune_on():
        while not stop.is_set():
            prune(local, everything=True)

    with ThreadPoolExecutor(2) as pool:
        pruning = pool.submit(prune_on)
        for number in range(8):
            (content / "weights.bin").write_bytes(b"w" * 100_000 + bytes([number // 2]))
            publish(catalogue, content, f"1.{number}.0")
        stop.set()
        pruning.result()
    findings = verify(catalogue, repair=False)
    assert len(findings) == 8
    assert not any(finding.damaged for finding in findings)


def test_blobs_that_vanish_before_the_row_is_written_are_put_back(
    make_catalogue, content, lab, monkeypatch
):
    really_change = Pages.change

    def change(pages, name, new):
        for blob in lab.store.root.glob("blobs/*/*"):
            blob.unlink()
        really_change(pages, name, new)

    monkeypatch.setattr(Pages, "change", change)
    version = publish(make_catalogue(lab), content, to="lab")
    assert damaged_files(version.path, version.manifest.files) == []


def test_all_of_many_publishers_at_once_are_listed(make_catalogue, content, tmp_path):
    def one(number):
        registry = Registry("lab", DirectoryStore(tmp_path / "lab"))
        catalogue = make_catalogue(registry, store=LocalStore(tmp_path / f"author-{number}"))
        name, version = f"name-{number % 3}", f"1.{number}.0"
        return publish(catalogue, content, version, name=name, to="lab").digest

    with ThreadPoolExecutor(12) as pool:
        digests = list(pool.map(one, range(12)))
    entries = Registry("lab", DirectoryStore(tmp_path / "lab")).entries()
    rows = [row.digest for entry in entries.values() for row in entry.versions.values()]
    assert sorted(rows) == sorted(digests)


def test_a_name_that_is_added_while_it_is_looked_up_is_found(tmp_path):
    new = with_version(None, Manifest("model", "m", "1.0.0", (), {}), "ab" * 32)
    store = DirectoryStore(tmp_path)

    class AddedMeanwhile(Pages):
        def _listed(self):
            Pages(store, "index").change("m", lambda _: new)
            return super()._listed()

    assert AddedMeanwhile(store, "index").entry("m") == new
    (tmp_path / "index" / "m.json").unlink()
    with pytest.raises(IntegrityError, match=r"index page .*m.json is missing"):
        Pages(store, "index").entry("m")


def test_nothing_but_compare_and_swap_is_needed(make_catalogue, content, tmp_path, monkeypatch):
    """Two writers with no lock between them, as on a store that knows only conditional writes."""
    store = DirectoryStore(tmp_path / "lab")
    registry = Registry("lab", store)
    publish(make_catalogue(registry), content, to="lab")
    really_swap, interrupted = DirectoryStore.swap, []

    def swap(self, path, data, expected):
        if path == "index/mine.json" and not interrupted:
            interrupted.append(path)
            other = make_catalogue(registry, store=LocalStore(tmp_path / "other"))
            publish(other, content, "2.0.0", to="lab")
        return really_swap(self, path, data, expected)

    monkeypatch.setattr(DirectoryStore, "swap", swap)
    publish(make_catalogue(registry), content, "3.0.0", to="lab")
    assert list(registry.entry("mine").versions) == ["1.0.0", "2.0.0", "3.0.0"]
    assert registry.entry("mine").aliases == {"latest": "3.0.0"}
    with pytest.raises(ExistsError):
        publish(make_catalogue(registry), content, "2.0.0", to="lab")
