import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidReferenceError
from registry.references import Reference, covers, version_order

names = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?", fullmatch=True)
numbers = st.integers(0, 10**9 - 1).map(str)
versions = st.tuples(numbers, numbers, numbers).map(".".join)
digests = st.text("0123456789abcdef", min_size=12, max_size=64).map("sha256:{}".format)
aliases = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
selectors = st.just("") | versions | digests | aliases


@given(names, selectors, st.just("") | names)
def test_a_reference_is_read_back_as_it_was_written(name, selector, registry):
    reference = Reference(name, selector, registry)
    assert Reference.parse(str(reference)) == reference


@given(st.text())
def test_any_text_is_a_reference_or_refused(text):
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError:
        return
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "a b",
        "../etc",
        "a/",
        "/a",
        "a@",
        "a@1.2.",
        "a@01",
        "a@01.2.3",
        "a@sha256:12345678901",
        "a//b",
        "a@1.2.3@latest",
        "-a",
        "a.",
        "a@SHA256:123456",
        "a\n",
        "a@1.2.3\n",
        "a@\u0661.2.3",
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(InvalidReferenceError):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("text", "alias"),
    [("a", "latest"), ("a@latest", "latest"), ("a@1.0.0", ""), ("a@sha256:abcdef123456", "")],
)
def test_alias(text, alias):
    assert Reference.parse(text).alias == alias


def test_versions_are_ordered_as_numbers():
    assert max(["1.9.0", "1.10.0", "1.2.30"], key=version_order) == "1.10.0"


@pytest.mark.parametrize(
    ("selector", "covered"),
    [("1", True), ("1.2", True), ("1.2.3", True), ("1.20", False), ("2", False), ("latest", False)],
)
def test_a_series_covers_its_versions(selector, covered):
    assert covers(selector, "1.2.3") is covered
    assert str(Reference.parse(f"a@{selector}")) == f"a@{selector}"
