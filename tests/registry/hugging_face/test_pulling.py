"""An organisation on the Hub as a registry: what it does wrong while something is pulled."""

from __future__ import annotations

import threading

import pytest

from registry.errors import (
    AccessError,
    IncompatibleError,
    IntegrityError,
    InvalidReferenceError,
    NotFoundError,
    OfflineError,
)
from registry.references import Reference
from registry.upkeep import verify
from tests.hugging_face.faults import Fault

MODEL = Reference.parse("hf://lab/carbon")


FILES = "(GET) /(cached/.*/(README.md|extra)|[0-9a-f]{64})"


@pytest.mark.parametrize("at", [0, 7, 100])
def test_a_corrupted_byte_is_noticed(put, yours, hugging_face, at):
    put()
    hugging_face.faults.append(Fault(FILES, flip=at, times=1))
    pulled = yours.pull(MODEL)  # fetched again
    assert not verify(yours)[0].damaged
    assert pulled.manifest.version == "1.0.0"


def test_no_thread_stays_behind(put, yours):
    put()
    before = set(threading.enumerate())
    yours.pull(MODEL)
    new = set(threading.enumerate()) - before
    assert not [each for each in new if type(each).__module__.startswith("tqdm")]


def test_bytes_that_stay_corrupted_are_refused(put, yours, hugging_face):
    put()
    hugging_face.faults.append(Fault("GET /cached/.*README.md", flip=3, times=9))
    with pytest.raises(IntegrityError, match=r"README.md .* is not what the manifest says"):
        yours.pull(MODEL)
    hugging_face.faults.clear()
    assert yours.pull(MODEL).manifest.version == "1.0.0"


def test_a_corrupted_manifest_is_noticed(put, yours, hugging_face):
    put()
    hugging_face.faults.append(Fault("GET /cached/.*mlip-hub.json", flip=90, times=1))
    assert yours.pull(MODEL).manifest.version == "1.0.0"


def test_a_manifest_that_stays_corrupted_is_refused(put, yours, hugging_face):
    put()
    hugging_face.faults.append(Fault("GET /cached/.*mlip-hub.json", flip=90, times=9))
    with pytest.raises(IntegrityError, match="does not match the checksum listed by the Hub"):
        yours.pull(MODEL)


@pytest.mark.parametrize("cut", [0, 1, 200])
def test_a_broken_connection_is_resumed(put, yours, hugging_face, cut):
    put()
    hugging_face.faults.append(Fault("GET /cached/.*README.md", cut=cut, times=1))
    assert yours.pull(MODEL).manifest.version == "1.0.0"


def test_a_damaged_file_is_repaired_from_the_hub(put, yours, hugging_face):
    put()
    pulled = yours.pull(MODEL)
    file = pulled.path / "weights.bin"
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    (finding,) = verify(yours)
    assert finding.damaged == ("weights.bin",)
    assert finding.repaired


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (429, "", OfflineError, "limits the number of requests"),
        (500, "", OfflineError, "cannot reach"),
        (403, "", AccessError, "refuses access"),
        (403, "GatedRepo", AccessError, "gated"),
        (404, "RepoNotFound", NotFoundError, "does not exist"),
        (451, "", AccessError, "refuses the request"),
        (0, "", OfflineError, "cannot reach"),
    ],
)
def test_refusals_become_errors_with_the_page(put, yours, hugging_face, status, code, kind, said):
    put()
    headers = {"Retry-After": "0"} if status == 429 else {}
    hugging_face.faults.append(Fault("GET /api/", status, code, headers, times=99))
    with pytest.raises(kind, match=said) as refusal:
        yours.pull(MODEL)
    assert f"{hugging_face.url}/lab/carbon" in refusal.value.message
    assert "hf_writer" not in refusal.value.message + refusal.value.hint


def test_an_answer_that_is_none(put, yours, hugging_face):
    put()
    hugging_face.faults.append(Fault("GET /api/.*/refs", 200, times=99))
    with pytest.raises(IncompatibleError, match="does not answer as the client"):
        yours.pull(MODEL)


@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://lab",
        "hf://a/b/c",
        "hf://datasets/lab",
        "hf://lab/..",
        "hf://lab/a b",
        "hf:///x",
    ],
)
def test_addresses_that_are_none(text):
    with pytest.raises(InvalidReferenceError) as refusal:
        Reference.parse(text)
    assert "hf://org/name or hf://datasets/org/name" in refusal.value.hint


@pytest.mark.parametrize(
    "text", ["hf://lab/carbon", "hf://datasets/Lab-1/set_2@1.2", "hf://lab/x@sha256:0123456789ab"]
)
def test_addresses_are_written_back(text):
    assert str(Reference.parse(text)) == text


def test_the_client_of_the_process_stays_as_it_was(put, hugging_face):
    from httpx2 import Timeout
    from huggingface_hub.utils._http import get_session
    from huggingface_hub.utils.tqdm import progress_bar_states

    shown = progress_bar_states.get("_global", True)
    assert get_session().timeout == Timeout(None)
    put()
    assert get_session().timeout == Timeout(None)
    assert progress_bar_states.get("_global", True) == shown
