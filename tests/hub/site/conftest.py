"""A site of odd and ordinary versions, built once for all tests that only read it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hub.site.building import Built, build_site
from tests.hub.site.hostile import hostile_dataset, hostile_registry
from tests.hub.site.many import many


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Built:
    folder = tmp_path_factory.mktemp("catalogue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_HOME", str(folder / "home"))
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.chdir(folder)
        hostile_dataset(folder)
        places = [str(many(folder / "many", 20)), str(hostile_registry(folder / "hostile"))]
        return build_site(folder / "site", registries=["builtin", *places, "local"])


class Parsed(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def values(self, name: str) -> list[str]:
        """The values of an attribute, wherever it is."""
        return [given[name] or "" for _, given in self.elements if name in given]


def rows_of(site: Path) -> list[dict[str, Any]]:
    text = (site / "rows.js").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text.removeprefix("window.hubRows = ").rstrip(";\n"))
    return found


def data_of(page: Path) -> dict[str, Any]:
    """The numbers in a page that its scripts draw."""
    text = page.read_text(encoding="utf-8")
    found = re.search('<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content
