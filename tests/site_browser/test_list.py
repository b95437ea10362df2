"""The list of versions in a real browser, opened from the disk."""

import json
import shutil

import pytest

from hub.site.building import _script

pytestmark = pytest.mark.slow

ABSENT = "\u2013"  # in a cell without a value


def count(page):
    return page.one("#count").text


def choose(page, facet, name):
    """Tick an option of a facet, as a person does."""
    for option in page.all(f"[data-facet={facet}] .option"):
        if option.find_elements("css selector", "span")[0].text == name:
            option.click()
            return
    raise AssertionError(f"{facet} has no option {name}")


def rows_with(page, key, value):
    """The names of the newest versions whose row has this value."""
    return page.run(
        "return hubRows.filter(r => r.new && [].concat(r[arguments[0]]).includes(arguments[1]))"
        ".map(r => r.n).sort()",
        key,
        value,
    )


def all_names(page):
    while page.run("return !document.getElementById('more').hidden"):
        page.run("document.getElementById('more').click()")
    return sorted(page.names())


def test_a_search_shows_what_matches_while_it_is_typed(page):
    page.open()
    assert "models and datasets" in count(page)
    page.one("#query").send_keys("nep")
    assert page.names() == ["c-nep-pretrained"]
    page.one("#query").send_keys(" carbon")
    assert page.names() == ["c-nep-pretrained"]
    page.one("#query").send_keys(" nothing")
    assert page.names() == []
    assert "No version fits" in page.one("#rows").text
    assert page.run("return location.hash") == "#q=nep+carbon+nothing"
    page.one("#clear").click()
    assert len(page.names()) > 30
    assert page.run("return document.activeElement.id") == "query"
    assert not page.faults()


@pytest.mark.parametrize(
    ("facet", "key", "value"),
    [
        ("kind", "k", "dataset"),
        ("architecture", "a", "sevennet"),
        ("theory", "t", "LCBOP"),
        ("licence", "l", "CC0-1.0"),
        ("registry", "r", "many"),
    ],
)
def test_each_facet_filters(page, facet, key, value):
    page.open()
    choose(page, facet, value)
    expected = rows_with(page, key, value)
    assert expected
    assert all_names(page) == expected
    choose(page, facet, value)
    assert "of" not in count(page).split()
    assert not page.faults()


@pytest.mark.parametrize(
    ("limit", "most", "condition"),
    [
        ("size", "0.06", "r.s <= 0.06e6"),
        ("error", "0.06", "r.fe !== null && r.fe <= 0.06"),
        ("speed", "2", "r.us !== null && r.us <= 2"),
    ],
)
def test_each_limit_filters(page, limit, most, condition):
    page.open()
    page.one(f"#{limit}").send_keys(most)
    expected = page.run(f"return hubRows.filter(r => r.new && {condition}).map(r => r.n).sort()")
    assert expected
    assert all_names(page) == expected
    assert f"max-{limit}={most}" in page.run("return location.hash")


def test_elements_must_all_be_covered(page):
    page.open()
    page.one("#periodic [aria-label$=Silicon]").click()
    one = page.names()
    page.one("#periodic [aria-label$=Oxygen]").click()
    both = page.names()
    assert set(both) < set(one)
    assert "sevennet-0" in both
    assert page.one("#periodic [aria-label$=Oxygen]").get_attribute("aria-pressed") == "true"
    assert "Si, O" in page.one("#chosen").text
    assert not page.one("#periodic [aria-label$=Oganesson]").is_enabled()


def test_columns_sort_and_absent_values_come_last(page):
    page.open("index.html#registry=builtin&kind=model")
    button = page.one("[data-sort=error] button")
    button.click()
    errors = "#rows tbody tr > :nth-child(5)"
    rising = page.contents(errors)
    assert rising[-1] == ABSENT
    values = [float(each) for each in rising if each != ABSENT]
    assert values == sorted(values)
    assert page.one("[data-sort=error]").get_attribute("aria-sort") == "ascending"
    button.click()
    falling = page.contents(errors)
    assert falling[-1] == ABSENT
    assert [float(each) for each in falling if each != ABSENT] == values[::-1]


def test_an_address_brings_the_filters_along_and_the_back_button_takes_them_away(page):
    page.open()
    choose(page, "registry", "many")
    choose(page, "architecture", "mace")
    address = page.run("return location.href")
    assert address.endswith("#architecture=mace&registry=many")
    shown = page.names()
    page.browser.back()
    assert len(page.names()) > len(shown)
    page.browser.back()
    assert "models and datasets" in count(page)
    page.browser.forward()
    page.browser.forward()
    assert page.names() == shown
    page.open()
    page.browser.get(address)
    assert page.names() == shown
    assert page.one("[data-facet=architecture] input").is_selected()


def test_filters_survive_a_visit_to_a_page(page):
    page.open("index.html#q=nep")
    page.one("#rows tbody a").click()
    assert page.one("h1").text == "c-nep-pretrained 1.1.0"
    page.browser.back()
    assert page.names() == ["c-nep-pretrained"]
    assert page.one("#query").get_attribute("value") == "nep"


def test_older_versions_are_shown_when_asked_for(page):
    page.open("index.html#q=potential-00003")
    assert len(page.names()) == 1
    page.one("#old").click()
    assert page.names() == ["potential-00003", "potential-00003"]


def test_strange_addresses_are_ignored(page):
    page.open("index.html#sort=constructor&max-size=x&elements=<b>,Zz9&kind=__proto__&theory=%22")
    assert page.run("return document.querySelectorAll('#rows tbody tr').length") == 1
    assert not page.faults()


def test_a_list_of_5000_versions_reacts_at_once(page, site):
    rows = json.loads((site / "rows.js").read_text().partition("=")[2].rstrip(";\n"))
    many = [{**rows[number % len(rows)], "n": f"name-{number}", "new": 1} for number in range(5000)]
    other = site.with_name("large")
    if not other.exists():
        shutil.copytree(site, other)
    (other / "rows.js").write_text(f"window.hubRows = {_script(many)};")
    page.root = other.as_uri()
    page.open()
    assert count(page) == "5,000 models and datasets"
    # Time of the processor: the machine may be busy with other things.
    page.browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    before = _busy(page)
    texts = ["n", "na", "name-4", "name-49", "carbon", ""]
    page.run(
        """
        const input = document.getElementById('query');
        for (const text of arguments[0]) {
            input.value = text;
            input.dispatchEvent(new Event('input'));
            document.body.offsetHeight;
        }""",
        texts,
    )
    assert (_busy(page) - before) / len(texts) < 0.2
    page.browser.execute_cdp_cmd("Performance.disable", {})
    assert len(page.names()) <= 60
    assert not page.faults()


def _busy(page):
    """The seconds that the page has spent on scripts, styles and layout."""
    metrics = page.browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    names = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return sum(each["value"] for each in metrics if each["name"] in names)
