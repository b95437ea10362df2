"""Whatever the settings and the environment say, they are understood or refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.settings import FILE_NAME, load_settings
from registry.errors import SettingsError
from tests.mutations import mutated_json, outcome

SOON = settings(deadline=timedelta(seconds=5))
VALID = {
    "cache": "/cache", "offline": False, "mirror": "/mirror",
    "registries": {"lab": "/lab", "far": "https://example.org/r"},
}  # fmt: skip
# What an environment can hold: no NUL.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
WORDS = st.sampled_from(["lab", "builtin", "=", ",", "/a", "~nobody-of-that-name", "http://[", " "])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@SOON
@given(data=mutated_json(VALID))
def test_any_file_is_understood_or_refused(home, data):
    (home / FILE_NAME).write_bytes(data)
    found = outcome(lambda: load_settings({"HUB_HOME": str(home)}), SettingsError, FILE_NAME)
    if found is None:
        return
    content = {"offline": False, "mirror": "", "registries": {}} | json.loads(data)
    content.pop("cache", None)
    assert content == {name: getattr(found, name) for name in content}


@SOON
@given(registries=TEXTS | st.lists(WORDS).map("".join), offline=TEXTS, cache=TEXTS, home=TEXTS)
def test_any_environment_is_understood_or_refused(registries, offline, cache, home):
    for name, text in (
        ("HUB_REGISTRIES", registries), ("HUB_OFFLINE", offline), ("HUB_CACHE", cache),
        ("HUB_HOME", home),
    ):  # fmt: skip
        environment = {"XDG_CACHE_HOME": "/nowhere", name: text}
        found = outcome(lambda: load_settings(environment), SettingsError, name)  # noqa: B023
        assert found is None or all(found.registries.values())
