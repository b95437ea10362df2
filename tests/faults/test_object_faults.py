"""A few faults to a registry in an object store; `python -m tests.faults --store s3` has all."""

import pytest

from registry.download import Retries
from registry.errors import OfflineError
from registry.stores.objects import ObjectStore
from tests.faults.proxy import Proxy, asks_moto, corrupted, passed
from tests.faults.sample import assert_a_sample_leads_to_nothing_bad
from tests.registry.cloud_servers import AMAZON, BUCKET, has_moto, location

pytestmark = pytest.mark.skipif(not has_moto(), reason="moto or obstore is not installed")


@pytest.mark.slow
def test_a_sample_of_faults_leads_to_nothing_bad():
    assert_a_sample_leads_to_nothing_bad("s3")


@pytest.fixture
def proxy(monkeypatch):
    monkeypatch.setattr(Retries, "pause", lambda *_: 0.001)
    with Proxy(asks_moto()) as running:
        # Who has no credentials may write, too.
        running.ask("PUT", f"/{BUCKET}?acl", {"x-amz-acl": "public-read-write"}, b"")
        yield running


@pytest.mark.parametrize("is_signed", [True, False])
def test_a_connection_that_changes_bytes_damages_no_document(proxy, monkeypatch, is_signed):
    for name, value in AMAZON.items():
        if is_signed:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    store = ObjectStore(location("s3", proxy.url, f"signed-{is_signed}"))
    assert store.bucket.clients.is_tamper_proof == is_signed
    assert store.swap("index/mine.json", b"old", None)
    proxy.writes = [corrupted(0.5)] * 500
    with pytest.raises(OfflineError):
        store.swap("index/mine.json", b"new", b"old")
    proxy.mend()
    assert store.peek("index/mine.json") == b"old"
    proxy.writes = [corrupted(0.5), passed, corrupted(0.5)]
    assert store.swap("index/mine.json", b"new", b"old")
    assert store.peek("index/mine.json") == b"new"
    proxy.mend()
    store.sweep()
    assert store.list("") == ["index/mine.json"]


def test_what_a_killed_writer_tried_is_swept(proxy, monkeypatch):
    for name in AMAZON:
        monkeypatch.delenv(name, raising=False)
    store = ObjectStore(location("s3", proxy.url, "swept"))
    store.put_bytes("trials/index/mine.json.0", b"left over")
    store.put_bytes("index/mine.json", b"page")
    store.sweep()
    assert store.list("") == ["index/mine.json"]
