"""Addresses as they are shown, and the warning of those that are not encrypted."""

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.stores import addresses
from registry.stores.addresses import warn_if_unencrypted, without_credentials


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://a.org/x", "https://a.org/x"),
        ("https://me:pw@a.org:8/x@1", "https://***@a.org:8/x@1"),
        ("https://a.org?token=1&b=2", "https://a.org?token=***&b=***"),
        ("https://a.org/?abc#def", "https://a.org/?***#***"),
        ("https://a.org/?a=b=c&d&e=", "https://a.org/?a=***&***&***"),
        ("from https://u@a/?t=1 to http://b", "from https://***@a/?t=*** to http://b"),
        ("/a/directory?with=this", "/a/directory?with=this"),
        ("S3+x://K:S@bucket", "S3+x://***@bucket"),
    ],
)
def test_credentials_are_not_shown(address, shown):
    assert without_credentials(address) == shown
    assert without_credentials(shown) == shown


def test_a_long_text_takes_no_time():
    began = time.process_time()
    for text in ("y" * 200_000, "a://" * 50_000, "a://?" * 40_000, "x" * 90_000 + "://me:pw@host/"):
        assert "pw" not in without_credentials(text)
    assert time.process_time() - began < 5.0


@given(
    st.text("ab0:%!'", min_size=1, max_size=5),
    st.text("AbZ0%/+=?:@", min_size=6, max_size=20),
)
def test_no_credentials_are_ever_shown(user, secret):
    text = without_credentials(f"https://{user}ZZZ@a.org/b?key={secret}&{secret}#{secret}")
    assert "ZZZ" not in text
    assert secret not in text


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://a.org/x?token=1", True),
        ("http://10.0.0.1", True),
        ("https://a.org", False),
        ("http://localhost:80", False),
        ("http://127.0.0.2:80", False),
        ("http://[::1]/", False),
    ],
)
def test_what_is_not_encrypted_is_warned_of_once(caplog, url, warned):
    addresses._warn_unencrypted.cache_clear()
    with caplog.at_level(logging.WARNING):
        warn_if_unencrypted(url)
        warn_if_unencrypted(url)
    assert len(caplog.messages) == warned
    assert "token" not in caplog.text
