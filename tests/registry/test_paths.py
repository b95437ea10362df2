import pytest

from registry.errors import SettingsError
from registry.paths import user_path
from registry.stores import open_store


def test_the_home_directory_is_put_in(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/data") == tmp_path / "data"
    assert user_path(tmp_path) == tmp_path


@pytest.mark.parametrize("text", ["~nobody-of-that-name/a", "a\0b", "a\ud800"])
def test_what_is_no_path_is_named(text):
    with pytest.raises(SettingsError, match=r"HUB_X: the path .* cannot be used"):
        user_path(text, "HUB_X")


@pytest.mark.parametrize(
    "location", ["http://[", "~nobody-of-that-name/a", "a\0b", "file:///a%00b", "ftp://a/b", "://"]
)
def test_what_is_no_place_is_refused(location):
    with pytest.raises(SettingsError):
        open_store(location)
