import json
from pathlib import Path

import pytest

from hub.errors import HubError
from hub.library import catalogue, open_version
from hub.settings import load_settings, store_registries
from registry.errors import NotFoundError, RegistryError, SettingsError
from registry.stores.http import HttpStore


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    return tmp_path


def stored(home, text):
    (home / "settings.json").write_text(text)


def test_defaults():
    settings = load_settings({"XDG_CACHE_HOME": "/xdg"})
    assert settings.home == Path("/xdg/mlip-hub")
    assert settings.cache == Path("/xdg/mlip-hub/cache")
    assert load_settings({}).home == Path("~/.cache/mlip-hub").expanduser()
    assert (settings.offline, settings.mirror, settings.registries) == (False, "", {})


def test_the_environment_wins_over_the_file(home):
    content = {"cache": "/stored", "offline": True, "mirror": "/m", "registries": {"lab": "/lab"}}
    stored(home, json.dumps(content))
    settings = load_settings()
    assert settings.cache == Path("/stored")
    assert settings.offline
    assert settings.mirror == "/m"
    assert settings.registries == {"lab": "/lab"}
    settings = load_settings(
        {
            "HUB_HOME": str(home),
            "HUB_CACHE": "/given",
            "HUB_OFFLINE": "0",
            "HUB_MIRROR": "",
            "HUB_REGISTRIES": "b=https://b.org/x?a=1, a=/a,",
        }
    )
    assert settings.cache == Path("/given")
    assert not settings.offline
    assert settings.mirror == ""
    assert list(settings.registries.items()) == [("b", "https://b.org/x?a=1"), ("a", "/a")]


@pytest.mark.parametrize("text", ["1", "true", "YES", " on "])
def test_offline_is_switched_on(text):
    assert load_settings({"HUB_OFFLINE": text}).offline


@pytest.mark.parametrize(
    "environment",
    [
        {"HUB_OFFLINE": "perhaps"},
        {"HUB_REGISTRIES": "lab"},
        {"HUB_REGISTRIES": "lab="},
        {"HUB_REGISTRIES": "local=/a"},
        {"HUB_REGISTRIES": "Lab=/a"},
    ],
)
def test_a_wrong_variable_is_named(environment):
    with pytest.raises(SettingsError, match=next(iter(environment))):
        load_settings(environment)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "is invalid: not JSON"),
        ("[]", "Expected `object`"),
        ('{"cahce": "/a"}', "unknown field `cahce`"),
        ('{"offline": 1}', "'offline'"),
        ('{"cache": 1}', "'cache'"),
        ('{"registries": []}', "'registries'"),
        ('{"registries": {"builtin": "/a"}}', "builtin"),
        ('{"registries": {"lab": ["/a"]}}', "'registries[...]'"),
        ('{"cache": "/a", "cache": "/b"}', "duplicate key 'cache'"),
        ('{"cache": "~nobody-of-that-name/a"}', "nobody-of-that-name"),
        ('{"cache": "a\\u0000b"}', "NUL"),
        ('{"mirror": "\\ud800"}', "surrogate"),
    ],
)
def test_a_wrong_file_is_named(home, text, what):
    stored(home, text)
    with pytest.raises(SettingsError) as failure:
        load_settings()
    assert str(home / "settings.json") in failure.value.message
    assert what in failure.value.message


def test_registries_are_stored_beside_the_rest(home):
    stored(home, '{"mirror": "/m"}')
    file = store_registries({"b": "/b", "a": "/a"})
    assert json.loads(file.read_text()) == {"mirror": "/m", "registries": {"b": "/b", "a": "/a"}}
    assert list(load_settings().registries) == ["b", "a"]
    with pytest.raises(SettingsError):
        store_registries({"local": "/a"})


def test_the_catalogue_follows_the_settings(home, monkeypatch):
    monkeypatch.setenv("HUB_REGISTRIES", f"lab={home},far=https://example.org/r")
    monkeypatch.setenv("HUB_OFFLINE", "1")
    made = catalogue()
    assert made.local.root == home / "cache"
    assert [registry.name for registry in made.registries] == ["lab", "far"]
    far = made.registries[1].store
    assert isinstance(far, HttpStore)
    assert far.offline
    assert "c-ace-pretrained" in made.builtin.cards


def test_a_directory_is_opened_as_it_is(tmp_path):
    opened = open_version(tmp_path)
    assert (opened.path, opened.version) == (tmp_path, None)


@pytest.mark.parametrize("place", ["no/such/run", "Nothing", "c-ace-pretraned"])
def test_neither_directory_nor_name(place):
    with pytest.raises(NotFoundError, match="is not a directory;") as failure:
        open_version(place)
    assert failure.value.hint
    assert not isinstance(failure.value, HubError)
    assert isinstance(failure.value, RegistryError)
