"""Publishing to the Hub when answers are lost, others are quicker, or the Hub is wrong."""

from __future__ import annotations

import pytest

from registry.errors import (
    AccessError,
    ExistsError,
    IntegrityError,
    SettingsError,
)
from registry.huggingface import client
from registry.references import Reference
from tests.hugging_face.faults import Fault
from tests.hugging_face.repositories import Kept

MODEL = Reference.parse("hf://lab/carbon")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("status", [0, 500, 503])
@pytest.mark.parametrize("request_", ["POST .*/commit/", "POST .*/tag/", "POST .*/repos/create"])
def test_a_lost_answer_is_looked_for(put, yours, hugging_face, request_, status, after):
    hugging_face.faults.append(Fault(request_, status, after=after))
    done = put()
    repository = hugging_face.repository("lab/carbon")
    assert list(repository.tags) == ["v1.0.0"]
    assert len(repository.commits) == 2
    assert yours.pull(MODEL).digest == done.digest


def test_a_commit_that_takes_too_long_is_looked_for(put, hugging_face, monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT", 0.3)
    hugging_face.faults.append(Fault("POST .*/commit/", wait=1.0))
    put()
    assert len(hugging_face.repository("lab/carbon").commits) == 2


def test_a_retry_after_a_kill_reuses_the_commit(put, hugging_face):
    hugging_face.faults.append(Fault("POST .*/tag/", 403))
    with pytest.raises(AccessError):
        put()
    repository = hugging_face.repository("lab/carbon")
    assert not repository.tags
    head = repository.head.oid
    put()
    assert repository.tags == {"v1.0.0": head}
    assert len(hugging_face.asked("/commit/")) == 1


def test_somebody_commits_in_the_meantime(put, hugging_face):
    put()
    repository = hugging_face.repository("lab/carbon")
    hugging_face.faults.append(Fault("POST .*/commit/", 412))
    put("1.0.1")
    assert repository.tags["v1.0.1"] == repository.head.oid
    assert len(repository.commits) == 3


def test_somebody_takes_the_tag_in_the_meantime(put, hugging_face):
    put()
    repository = hugging_face.repository("lab/carbon")
    theirs = repository.tags["v1.0.0"]

    class Taking(Fault):
        def fits(self, request):
            found = super().fits(request)
            if found:
                repository.tags["v2.0.0"] = theirs
            return found

    hugging_face.faults.append(Taking("POST .*/tag/", wait=0.01))
    with pytest.raises((ExistsError, IntegrityError)):
        put("2.0.0")
    assert repository.tags["v2.0.0"] == theirs


def test_a_card_that_the_hub_refuses(put, hugging_face, content):
    (content / "README.md").write_text("---\nlicense: bad\n---\n")
    with pytest.raises(SettingsError, match="the Hub refuses the card"):
        put()
    assert not hugging_face.repository("lab/carbon").tags


def test_bytes_that_the_hub_keeps_wrong_are_not_tagged(put, hugging_face, monkeypatch):
    hugging_face.faults.append(Fault("POST .*/tag/", 403))
    with pytest.raises(AccessError):
        put()
    repository = hugging_face.repository("lab/carbon")
    honest = repository.add

    def wrong(files):
        return honest({**files, "extra/config.json": Kept(b"[]")})

    monkeypatch.setattr(repository, "add", wrong)
    with pytest.raises(IntegrityError, match="does not contain what was uploaded"):
        put("1.0.1")
    assert not repository.tags
