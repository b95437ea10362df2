"""The date that is noted with what is made."""

import re

import pytest

from hub.dates import today
from registry.errors import SettingsError


def test_the_date_can_be_given(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", today())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795348800")
    assert today() == "2026-11-22"


@pytest.mark.parametrize("text", ["yesterday", "9" * 30, "1e9", "-" + "9" * 20])
def test_what_is_no_date_is_refused(monkeypatch, text):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(SettingsError, match="SOURCE_DATE_EPOCH is"):
        today()
