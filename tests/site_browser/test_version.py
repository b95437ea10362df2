"""The pages of versions in a real browser, opened from the disk."""

import base64
import hashlib

import pytest

pytestmark = pytest.mark.slow

MODEL = "versions/builtin/c-ace-pretrained/1.0.0.html"
DATASET = "versions/builtin/si-pbe-examples/1.0.0.html"
NEWER = "versions/many/potential-00004/1.1.0.html"


def picture(page):
    """What the canvas of the viewer shows, as the digest of its pixels."""
    data = page.one("#viewer .stage").screenshot_as_base64
    return hashlib.sha256(base64.b64decode(data)).hexdigest()


def test_tabs_by_mouse_and_keyboard(page):
    page.open(MODEL)
    assert page.one("#panel-pull").is_displayed()
    page.one("#tab-lammps").click()
    assert page.one("#panel-lammps").is_displayed()
    assert not page.one("#panel-pull").is_displayed()
    assert "pair_style nequip" in page.one("#panel-lammps").text
    from selenium.webdriver.common.keys import Keys

    page.one("#tab-lammps").send_keys(Keys.ARROW_RIGHT)
    assert page.run("return document.activeElement.id") == "tab-pull"
    page.one("#tab-pull").send_keys(Keys.END)
    assert page.one("#panel-lammps").is_displayed()
    assert not page.faults()


def test_a_line_is_copied(page):
    page.open(MODEL)
    page.one("#tab-finetune").click()
    page.browser.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    page.one("#panel-finetune [data-copy]").click()
    button = "document.querySelector('#panel-finetune [data-copy]')"
    page.until(f"return {button}.textContent == 'Copied'")
    copied = page.run("return navigator.clipboard.readText()")
    assert copied == "hub finetune --data mydft.xyz --model c-ace-pretrained@1.0.0"


def test_learning_curves_are_drawn_from_the_numbers_of_the_card(page):
    page.open(MODEL)
    assert page.texts("#curves figcaption") == ["Force error", "Energy error"]
    titles = page.contents("#curves circle title")
    assert len(titles) == 2 * 16
    assert "After fine-tuning, 25 structures: 0.842 eV/Å" in titles
    heights = page.run(
        "return [...document.querySelectorAll('#curves figure')[0].querySelectorAll('circle.c0')]"
        ".map(c => Number(c.getAttribute('cy')))"
    )
    assert heights == sorted(heights)  # errors fall, so points go down
    assert len(set(heights)) == 8
    assert not page.faults()


def test_errors_by_group_are_drawn_as_bars(page):
    page.open(NEWER)
    assert page.texts("#curves figcaption") == ["Force error by group", "Energy error by group"]
    assert len(page.all("#curves figure:first-child rect")) == 3


def test_the_viewer_turns_and_steps(page):
    page.open(DATASET)
    page.until("return document.querySelector('#viewer canvas')")
    first = picture(page)
    assert picture(page) == first
    from selenium.webdriver import ActionChains

    stage = page.one("#viewer .stage")
    ActionChains(page.browser).drag_and_drop_by_offset(stage, 80, 30).perform()
    turned = picture(page)
    assert turned != first
    place = page.one("#viewer .place").text
    page.one("[data-step='1']").click()
    assert page.one("#viewer .place").text != place
    assert picture(page) not in (first, turned)
    assert "pbe: energy" in page.one("#viewer dl").text
    for what in ("cell", "bonds", "forces"):
        before = picture(page)
        page.one(f"[data-show={what}]").click()
        assert picture(page) != before, what
    page.one("[data-step='-1']").click()
    assert page.one("#viewer .place").text == place
    assert not page.faults()


def test_the_viewer_turns_by_the_keyboard(page):
    page.open(DATASET)
    page.until("return document.querySelector('#viewer canvas')")
    before = picture(page)
    from selenium.webdriver.common.keys import Keys

    page.one("#viewer .stage").send_keys(Keys.ARROW_LEFT)
    page.run("document.activeElement.blur()")
    assert picture(page) != before


def test_distributions_are_drawn(page):
    page.open(DATASET)
    titles = page.texts("#histograms figcaption")
    assert titles == ["Energy per atom", "Force on an atom", "Size", "Density"]
    assert len(page.all("#histograms .outline")) == 4
    assert "All 50 structures" in page.one("[aria-labelledby=distributions]").text


def test_the_lineage_leads_from_version_to_version(page):
    page.open(NEWER)
    nodes = page.contents("#graph .node .title")
    assert "potential-00004 1.1.0" in nodes
    assert "potential-00004 1.0.0" in nodes
    page.run("""
        const links = [...document.querySelectorAll('#graph a')];
        const other = links.find(a => a.getAttribute('href').includes('potential-00004/1.0.0'));
        other.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }));""")
    page.until("return document.title.startsWith('potential-00004 1.0.0')")
    assert not page.faults()


def test_a_page_needs_no_file_of_another_host(page):
    for path in (MODEL, DATASET, NEWER, "index.html"):
        page.open(path)
        asked = page.requests()
        assert len(asked) >= 3
        assert not page.faults(), path
