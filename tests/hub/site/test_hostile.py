"""Hostile text in every field of cards, names, types and comments stays text."""

import json

import pytest

from hub.site.building import _script
from hub.site.texts import LONGEST, rendered
from hub.visible import visible
from tests.hub.site.conftest import Parsed, data_of, rows_of
from tests.hub.site.hostile import BAD, TEXT

ALLOWED = {"a", "p", "em", "strong", "h3", "pre", "code"}
ALLOWED |= {"table", "thead", "tbody", "tr", "th", "td"}


def test_no_page_has_an_element_or_attribute_that_a_card_made(built):
    for page in built.path.rglob("*.html"):
        parsed = Parsed(page)
        tags = {tag for tag, _ in parsed.elements}
        assert not tags & {"img", "iframe", "object", "embed", "base", "form", "style", "x"}, page
        scripts = [given for tag, given in parsed.elements if tag == "script"]
        assert all(given.get("src") or given.get("type") == "application/json" for given in scripts)
        assert not [name for _, given in parsed.elements for name in given if name.startswith("on")]
        links = [link.strip().lower() for link in parsed.values("href")]
        assert not [link for link in links if link.startswith(("javascript", "data:t", "file"))]


def test_the_text_is_shown_as_it_is(built):
    folder = built.path / "versions/hostile/hostile"
    text = Parsed(folder / "1.0.0.html").text
    assert text.count(visible(BAD)) > 10
    assert BAD not in text  # it has an invisible character
    assert data_of(folder / "1.0.0.html")["errors"][-1]["rows"][0]["label"] == BAD
    (row,) = [row for row in rows_of(built.path) if row["n"] == "plain-text"]
    assert row["d"] == visible(BAD)


def test_structures_bring_their_types_and_comments_as_text(built):
    path = built.path / "versions/local/hostile-data/1.0.0.structures.js"
    text = path.read_text()
    assert "</script>" not in text
    shown = json.loads(text.removeprefix("window.hubStructures = ").rstrip(";\n"))
    assert any("<img src=x onerror=hubBroken()>" in each["type"] for each in shown["structures"])


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "'", "&", "\\", '"', "é"])
def test_data_for_scripts_is_plain_ascii_that_reads_back(text):
    written = _script({text: [text]})
    assert written.isascii()
    assert not set("<>&'") & set(written)
    assert json.loads(written) == {text: [text]}


def test_markdown_makes_only_plain_elements(tmp_path):
    path = tmp_path / "page.html"
    path.write_text(rendered(TEXT))
    parsed = Parsed(path)
    assert {tag for tag, _ in parsed.elements} <= ALLOWED
    assert parsed.values("href") == ["https://example.org/a"]
    assert parsed.values("class") == ["center", "right", "center", "right", "language-html"]


def test_very_long_and_nested_cards_are_quick():
    long = "[" * LONGEST + "x"
    assert rendered(long).startswith('<pre class="plain">')
    assert rendered("> " * 5000 + "deep").count("<blockquote>") <= 100
    assert rendered("*" * 3000 + "a" * 10)


def test_a_heading_that_repeats_the_name_is_left_out():
    assert rendered("# c-small\n\n## Use\n\nIt.", "c-small") == "<h3>Use</h3>\n<p>It.</p>\n"
    assert rendered("# Other\n\n### Deep\n", "c-small") == "<h3>Other</h3>\n<h4>Deep</h4>\n"
