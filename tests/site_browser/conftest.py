"""A browser, and a site for it to look at. Without Chromium and Selenium, these tests skip."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from hub.site.building import build_site
from tests.hub.site.hostile import hostile_dataset, hostile_registry
from tests.hub.site.many import many

_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # containers run the tests as root
    "--disable-dev-shm-usage",
    "--enable-unsafe-swiftshader",
    "--use-angle=swiftshader",
    "--window-size=1280,900",
)


@pytest.fixture(scope="session")
def chromium():
    """A browser without a window, which records its console and all requests."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("chromium and chromedriver are not here")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in _SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The project's own cards, a registry of many versions, and hostile ones."""
    folder = tmp_path_factory.mktemp("catalogue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_HOME", str(folder / "home"))
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.chdir(folder)
        registries = ["builtin", "local", str(many(folder / "many", 60))]
        registries.append(str(hostile_registry(folder / "hostile")))
        hostile_dataset(folder)
        built = build_site(folder / "site", registries=registries)
    return built.path


class Page:
    """A browser with a site, whose misdeeds are collected."""

    def __init__(self, browser: Any, root: str) -> None:
        self.browser = browser
        self.root = root

    def open(self, path: str = "index.html") -> None:
        """Open a page afresh; one that differs only behind ``#`` would not be loaded again."""
        self.browser.get("about:blank")
        self.browser.get_log("browser")
        self.browser.get_log("performance")
        self.browser.get(f"{self.root}/{path}")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)

    def one(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        return [each.text for each in self.all(selector)]

    def names(self) -> list[str]:
        """The names of the rows of the list that are shown."""
        return self.contents("#rows tbody a")

    def contents(self, selector: str) -> list[str]:
        """The text of all elements, also of hidden ones and in drawings."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
        found: list[str] = self.run(script, selector)
        return found

    def until(self, script: str, seconds: float = 10) -> Any:
        """Wait until a script returns something true, and return it."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, seconds).until(lambda _: self.run(script))

    def faults(self) -> list[str]:
        """What the page did wrong: messages in the console, and requests that leave the site."""
        console = [each["message"] for each in self.browser.get_log("browser")]
        return console + [url for url in self.requests() if not self._is_own(url)]

    def requests(self) -> list[str]:
        logged = self.browser.get_log("performance")
        messages = [json.loads(each["message"])["message"] for each in logged]
        return [
            each["params"]["request"]["url"]
            for each in messages
            if each["method"] == "Network.requestWillBeSent"
        ]

    def _is_own(self, url: str) -> bool:
        return url.startswith((f"{self.root}/", "data:,", "about:blank", "data:image/"))


@pytest.fixture
def page(chromium, site) -> Page:
    """The site, opened from the disk."""
    chromium.set_window_size(1280, 900)
    return Page(chromium, site.as_uri())


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which looks for barriers."""
    place = os.environ.get("AXE_CORE", "")
    if not place or not Path(place).is_file():
        pytest.skip("AXE_CORE does not name axe.min.js")
    return Path(place).read_text(encoding="utf-8")
