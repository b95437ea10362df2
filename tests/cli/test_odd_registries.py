"""Registries that are dead, need a token or are not encrypted, on the command line."""

import json
import os
from pathlib import Path

import pytest

from registry import download
from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.local import LocalStore
from registry.publishing import publish
from registry.registry import Registry
from registry.stores import addresses
from registry.stores.directory import DirectoryStore
from tests.registry.server import Server


@pytest.fixture
def lab(tmp_path):
    """A registry of somebody else, with one model whose description is hostile."""
    content = tmp_path / "content"
    content.mkdir()
    (content / "README.md").write_text("---\nlicense: mit\n---\n\n# Mine\n\n\tIt is \x1b[8mgone.\n")
    lab = Registry("lab", DirectoryStore(tmp_path / "lab"))
    author = Catalogue(LocalStore(tmp_path / "author"), [lab], Builtin({}, {}.get))
    metadata = {"description": "My [red]model\x1b]0;owned\x07\u202e\nerror: no"}
    publish(author, content, "mine", "1.0.0", kind="model", metadata=metadata, to="lab")
    return tmp_path / "lab"


def test_what_a_registry_says_is_escaped(hub, lab):
    hub("registry", "add", "lab", lab)
    shown = r"My [red]model\x1b]0;owned\x07\u202e"
    assert hub("list", "--remote", "mine").out.splitlines()[1].endswith(shown + r"\nerror: no")
    card = hub("show", "mine").out
    assert shown in card
    assert "\n\tIt is \\x1b[8mgone.\n" in card
    assert "\\u001b]0;owned\\u0007\\u202e\\nerror" in hub("show", "mine", "--json").out


def test_a_dead_registry_does_not_hide_the_others(hub, lab, tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_REGISTRIES", f"dead={tmp_path / 'nothing'},lab={lab}")
    done = hub("list", "--remote", "--json")
    assert done.code == 0
    rows = {row["name"]: row["origin"] for row in json.loads(done.out)}
    assert (rows["mine"], rows["c-ace-pretrained"]) == ("lab", "builtin")
    assert "warning: registry dead could not be queried: no registry found at" in done.err
    (lab / "registry.json").write_text("damaged")
    done = hub("list", "--remote")
    assert done.code == 5
    assert "c-ace-pretrained" in done.out
    for said in ("registry dead could", "registry lab could", "no registry could be queried"):
        assert said in done.err


def test_credentials_of_a_registry_are_used_and_never_shown(hub, lab, monkeypatch):
    monkeypatch.setattr(download.Retries, "pause", lambda *_: 0.01)
    home = Path(os.environ["HUB_HOME"])
    with Server(lab) as server:
        location = f"{server.url}/?token=secret"
        said = [hub("registry", "add", "lab", location)]
        stored = json.loads((home / "settings.json").read_text())
        assert stored["registries"] == {"lab": location}
        assert hub("registry", "list", "--json").json[0]["location"] == f"{server.url}/?token=***"
        said += [hub("registry", "add", "lab", location), hub("registry", "list")]
        said += [hub("pull", "mine")]
    said += [hub("pull", "mine", "--update"), hub("list", "--remote")]
    assert [done.code for done in said] == [0, 1, 0, 0, 5, 5]
    assert "?token=***" in said[-1].err
    assert "secret" not in str(said)
    kept = [path for path in (home / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"secret" in path.read_bytes() for path in kept)


def test_an_unencrypted_registry_is_warned_of_once_when_it_is_added(hub, monkeypatch):
    addresses._warn_unencrypted.cache_clear()
    monkeypatch.setenv("HUB_OFFLINE", "1")
    done = hub("registry", "add", "lab", "http://lab.invalid/hub")
    assert done.err.count("warning: the connection to http://lab.invalid is not encrypted") == 1
    assert "not encrypted" not in hub("list", "--remote").err
