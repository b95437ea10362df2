"""Hostile text in every field, in a real browser: it is shown, and does nothing."""

import pytest

pytestmark = pytest.mark.slow

PAGES = [
    "index.html#registry=hostile&old=1",
    "versions/hostile/hostile/1.0.0.html",
    "versions/hostile/hostile/1.1.0.html",
    "versions/hostile/plain-text/1.0.0.html",
    "versions/hostile/odd-front-matter/1.0.0.html",
    "versions/hostile/odd-dataset/1.0.0.html",
    "versions/local/hostile-data/1.0.0.html",
]


@pytest.mark.parametrize("path", PAGES)
def test_nothing_of_it_runs(page, path):
    page.browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": "window.hubBroken = () => { window.wasBroken = true; }"},
    )
    page.open(path)
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert "hubBroken" in page.one("body").text  # it is there, as text
    page.run("""
        for (const element of document.querySelectorAll('main *')) {
            element.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
        }""")
    assert page.run("return window.wasBroken === undefined")
    assert not page.all("main img, iframe, main script, base")

    assert not page.faults()


def test_types_and_comments_of_structures_are_text(page):
    page.open("versions/local/hostile-data/1.0.0.html")
    page.until("return document.querySelector('#viewer canvas')")
    assert "<img src=x onerror=hubBroken()>" in page.one("#viewer dl").text
    assert not page.faults()
