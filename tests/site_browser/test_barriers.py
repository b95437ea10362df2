"""Barriers for people, by axe-core: no serious finding on any kind of page."""

import pytest

pytestmark = pytest.mark.slow

PAGES = [
    "index.html",
    "versions/builtin/c-ace-pretrained/1.0.0.html",
    "versions/builtin/si-pbe-examples/1.0.0.html",
    "versions/many/potential-00004/1.1.0.html",
    "versions/hostile/hostile/1.1.0.html",
]


def display(page, width, theme):
    """Look at the page on a screen of this width, with this setting of the system."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


@pytest.fixture
def screen(page):
    yield page
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_has_no_serious_finding(screen, axe, theme, width):
    display(screen, width, theme)
    for path in PAGES:
        screen.open(path)
        screen.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        screen.run(axe)
        found = screen.browser.execute_async_script(
            "const done = arguments[0]; axe.run({resultTypes: ['violations']}).then(done)"
        )
        assert len(found["passes"]) > 10
        serious = [
            (each["id"], [node["html"][:200] for node in each["nodes"]][:3])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert not serious, path


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_narrow_screen(screen, path):
    display(screen, 400, "light")
    screen.open(path)
    assert screen.run("return document.documentElement.scrollWidth") <= 400
