"""An organisation on the Hub as a registry: publish, and pull what was published."""

from __future__ import annotations

import json
import shutil
import sys
from types import SimpleNamespace

import pytest

from registry.errors import (
    AccessError,
    ExistsError,
    IncompatibleError,
    IntegrityError,
    InvalidReferenceError,
    NotFoundError,
    OfflineError,
    SettingsError,
    SubstitutedError,
)
from registry.huggingface.uploads import Uploads
from registry.local import LocalStore
from registry.references import Reference
from tests.hugging_face.repositories import Kept

MODEL = Reference.parse("hf://lab/carbon")


def test_what_is_published_is_pulled_elsewhere(put, yours, hugging_face, content):
    done = put()
    assert str(done.reference) == "hf://lab/carbon@1.0.0"
    repository = hugging_face.repository("lab/carbon")
    assert list(repository.tags) == ["v1.0.0"]
    assert len(repository.commits) == 2  # the first one is the Hub's
    assert not repository.private
    assert repository.head.files["README.md"].data == (content / "README.md").read_bytes()
    manifest = json.loads(repository.head.files["mlip-hub.json"].data)
    assert (manifest["name"], manifest["version"]) == ("carbon", "1.0.0")

    seen = []
    pulled = yours.pull(MODEL, progress=lambda done, total: seen.append((done, total)))
    assert pulled.digest == done.digest
    assert pulled.reference == done.reference
    for path in content.rglob("*"):
        if path.is_file():
            assert (pulled.path / path.relative_to(content)).read_bytes() == path.read_bytes()
    assert seen[-1] == (pulled.manifest.size, pulled.manifest.size)
    assert not hugging_face.leaks
    before = len(hugging_face.requests)
    assert yours.pull(MODEL).path == pulled.path
    assert yours.pull(Reference.parse("hf://lab/carbon@v1.0.0")).path == pulled.path
    assert len(hugging_face.requests) == before  # this machine has it


def test_one_commit_and_one_tag_a_version(put, yours, hugging_face, content):
    put()
    shutil.rmtree(content / "extra")
    (content / "weights.bin").write_bytes(b"other weights")
    second = put("1.1.0")
    repository = hugging_face.repository("lab/carbon")
    assert sorted(repository.tags) == ["v1.0.0", "v1.1.0"]
    assert len(repository.commits) == 3
    assert "extra/config.json" not in repository.head.files
    assert yours.pull(MODEL).digest == second.digest
    assert yours.pull(Reference.parse("hf://lab/carbon@1.0.0")).manifest.version == "1.0.0"
    by_digest = Reference.parse(f"hf://lab/carbon@sha256:{second.digest[:12]}")
    assert yours.pull(by_digest).digest == second.digest
    with pytest.raises(NotFoundError, match=r"carbon@2' not found"):
        yours.pull(Reference.parse("hf://lab/carbon@2"))


def test_a_version_on_the_hub_never_changes(put, hugging_face, content):
    put()
    with pytest.raises(ExistsError, match=r"carbon@1.0.0 already exists"):
        put()
    (content / "weights.bin").write_bytes(b"other weights")
    with pytest.raises(SubstitutedError):
        put()
    with pytest.raises(ExistsError, match=r"carbon@1.0.0 already exists"):
        put(accept=True)
    assert len(hugging_face.repository("lab/carbon").commits) == 2


def test_a_dataset_goes_to_a_dataset_repository(put, yours, hugging_face):
    with pytest.raises(InvalidReferenceError, match="carbon is a dataset"):
        put(kind="dataset")
    done = put(kind="dataset", to="hf://datasets/lab")
    assert str(done.reference) == "hf://datasets/lab/carbon@1.0.0"
    assert hugging_face.repository("lab/carbon", "dataset").tags
    assert yours.pull(done.reference).digest == done.digest


def test_a_large_file_is_sent_in_parts(put, yours, hugging_face, content):
    weights = bytes(range(256)) * 6000
    (content / "weights.safetensors").write_bytes(weights)
    put()
    assert len([each for each in hugging_face.requests if each.startswith("PUT")]) > 3
    pulled = yours.pull(MODEL)
    assert (pulled.path / "weights.safetensors").read_bytes() == weights
    assert not hugging_face.leaks


def test_what_is_sent_is_counted(put, hugging_face, content):
    (content / "weights.safetensors").write_bytes(bytes(range(256)) * 6000)
    (content / "small.bin").write_bytes(b"small")
    total = sum(path.stat().st_size for path in content.rglob("*") if path.is_file())
    seen = []
    put(progress=lambda *counts: seen.append(counts))
    assert seen == sorted(seen)
    assert {of for _, of in seen} == {total}
    assert len({done for done, _ in seen}) > 4  # parts of 400 kB
    assert seen[-1] == (total, total)


def test_what_is_sent_by_xet_is_counted(tmp_path, monkeypatch):
    """There is no server for Xet here: the part of the client that calls it is given another."""
    pytest.importorskip("hf_xet")
    from huggingface_hub import _commit_api
    from huggingface_hub.utils import _xet, are_progress_bars_disabled

    file = tmp_path / "weights.safetensors"
    file.write_bytes(bytes(1000))

    class Session:
        def new_upload_commit(self, *, progress_callback, **_):
            self.callback = progress_callback
            return self

        def __enter__(self):
            return self

        def start_upload_file(self, path, sha256):
            for done in (400, 1000):
                self.callback(SimpleNamespace(total_bytes_completed=done), {})
            return SimpleNamespace(result=lambda: SimpleNamespace(xet_info=kept))

        def __exit__(self, *_):
            pass

    kept = SimpleNamespace(sha256="00" * 32)
    monkeypatch.setattr(_xet, "get_xet_session", Session)
    seen = []
    uploads = Uploads({"weights.safetensors": file}, lambda *counts: seen.append(counts))
    with uploads.counted():
        _commit_api._upload_xet_files(
            additions=uploads.operations, repo_type="model", repo_id="lab/carbon", headers={}
        )
    assert seen == [(400, 1000), (1000, 1000), (1000, 1000)]
    assert not are_progress_bars_disabled()
    assert "huggingface_hub" in are_progress_bars_disabled.__module__


@pytest.mark.parametrize("gone", ["module", "name"])
def test_a_client_without_these_parts_sends_uncounted(
    put, hugging_face, monkeypatch, content, gone
):
    if gone == "module":
        monkeypatch.setitem(sys.modules, "huggingface_hub.utils._xet_progress_reporting", None)
    else:
        module = "huggingface_hub.utils._xet_progress_reporting"
        monkeypatch.delattr(f"{module}.XetUploadProgressReporter")
    seen = []
    put(progress=lambda done, total: seen.append((done, total)))
    assert hugging_face.repository("lab/carbon").tags
    assert seen[-1][0] == seen[-1][1] > 0


def test_a_private_repository(put, yours, hugging_face, monkeypatch):
    put(private=True)
    assert hugging_face.repository("lab/carbon").private
    monkeypatch.setenv("HF_TOKEN", "hf_stranger")
    with pytest.raises(NotFoundError, match="does not exist, or is private") as refusal:
        yours.pull(MODEL)
    assert "hf auth login" in refusal.value.hint
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    assert yours.pull(MODEL).manifest.version == "1.0.0"


def test_nothing_private_is_made_public(put, hugging_face, tmp_path, make_catalogue):
    put()
    with pytest.raises(SettingsError, match="is public, and --private was given"):
        put("2.0.0", private=True)
    assert list(hugging_face.repository("lab/carbon").tags) == ["v1.0.0"]
    with pytest.raises(SettingsError, match="only repositories on the Hugging Face Hub"):
        put(to="local", private=True)


def test_a_gated_repository(put, yours, hugging_face, monkeypatch):
    put()
    hugging_face.repository("lab/carbon").gated = True
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    with pytest.raises(AccessError, match="it is gated") as refusal:
        yours.pull(MODEL)
    assert f"Visit {hugging_face.url}/lab/carbon" in refusal.value.hint


@pytest.mark.parametrize("token", ["", "hf_nonsense", "hf_reader"])
def test_a_token_that_does_not_suffice(put, hugging_face, monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(AccessError, match="the Hub refuses access") as refusal:
        put()
    assert "hf auth login" in refusal.value.hint
    assert "hf_" not in refusal.value.message
    assert not hugging_face.repositories


def test_a_repository_of_others_is_named_for_what_it_is(mine, put, hugging_face):
    hugging_face.add("lab/Llama-7B", {"model.safetensors": b"x", "config.json": b"{}"})
    with pytest.raises(IncompatibleError) as refusal:
        mine.pull(Reference.parse("hf://lab/Llama-7B"))
    assert "without a manifest of mlip-hub" in refusal.value.message
    assert "config.json, model.safetensors" in refusal.value.message
    hugging_face.add("lab/carbon", {"model.safetensors": b"x"})
    with pytest.raises(ExistsError, match="was not published by mlip-hub; it holds model"):
        put()
    with pytest.raises(NotFoundError, match="lab/nothing does not exist"):
        mine.pull(Reference.parse("hf://lab/nothing"))


def test_a_tag_of_something_else_is_passed_over(put, yours, hugging_face, caplog):
    put()
    repository = hugging_face.repository("lab/carbon")
    repository.tags["v9.0.0"] = next(iter(repository.commits))
    assert yours.pull(MODEL).manifest.version == "1.0.0"
    assert "the tag v9.0.0" in caplog.text
    repository.tags["v8.0.0"] = repository.tags["v1.0.0"]
    with pytest.raises(IntegrityError, match=r"tag v8.0.0 .* holds the manifest of carbon@1.0.0"):
        yours.pull(MODEL, update=True)


def test_a_moved_tag_is_noticed(put, yours, hugging_face, content):
    put()
    yours.pull(MODEL)
    repository = hugging_face.repository("lab/carbon")
    kept = repository.head.files["mlip-hub.json"]
    changed = kept.data.replace(b"A model", b"B model")
    repository.add({**repository.head.files, "mlip-hub.json": Kept(changed)})
    repository.tags["v1.0.0"] = repository.head.oid
    with pytest.raises(SubstitutedError, match="not what this machine has seen"):
        yours.pull(MODEL, update=True)


def test_registered_under_a_name(put, hugging_face, make_catalogue, tmp_path):
    from registry.opening import open_registry

    put()
    store = LocalStore(tmp_path / "theirs")
    lab = open_registry("lab", "hf://lab", store.files)
    names = make_catalogue(lab, store=store)
    assert lab.names() == {"carbon"}
    assert str(names.pull(Reference("carbon")).reference) == "lab/carbon@1.0.0"
    with pytest.raises(NotFoundError, match="not found"):
        names.pull(Reference("carbin"))


def test_what_was_pulled_by_address_is_found_by_address_only(put, yours):
    put()
    yours.pull(MODEL)
    with pytest.raises(NotFoundError):
        yours.resolve(Reference("carbon"))


def test_offline(put, make_catalogue, local, monkeypatch, tmp_path):
    put()
    here = make_catalogue(offline=True)
    assert here.pull(Reference.parse("hf://lab/carbon@1")).manifest.version == "1.0.0"
    elsewhere = make_catalogue(store=LocalStore(tmp_path / "empty"), offline=True)
    with pytest.raises(OfflineError, match="the network is disabled"):
        elsewhere.pull(MODEL)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    client_offline = make_catalogue(store=LocalStore(tmp_path / "empty"))
    with pytest.raises(OfflineError, match="the network is disabled") as refusal:
        client_offline.pull(MODEL)
    assert "HF_HUB_OFFLINE" in refusal.value.hint
