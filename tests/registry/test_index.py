"""Pages and lists of names: what they mean, and that a changed byte is never believed."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.documents import sealed
from registry.errors import (
    ExistsError,
    IncompatibleError,
    IntegrityError,
    InvalidReferenceError,
)
from registry.index import (
    names_bytes,
    page_bytes,
    parse_index_1,
    parse_names,
    parse_page,
    with_version,
)
from registry.manifest import FileEntry, Manifest


def version(number, kind="model"):
    files = (FileEntry("w", 3, "a" * 64),)
    return Manifest(kind, "m", number, files, {"description": f"the {number}"})


def filled():
    entry = with_version(None, version("1.0.0"), "ab" * 32).with_aliases({"latest": "1.0.0"})
    return with_version(entry, version("1.1.0"), "abcdef" + "1" * 58)


def test_selection():
    entry = filled()
    assert entry.select("") == entry.select("latest") == "1.0.0"
    assert entry.select("1.1.0") == "1.1.0"
    assert entry.select("sha256:abcdef111111") == "1.1.0"
    assert entry.select("2.0.0") is entry.select("nightly") is entry.select("sha256:ffffff") is None
    assert entry.newest == "1.1.0"
    assert entry.description == "the 1.1.0"


def test_a_prefix_that_fits_two_versions_is_refused():
    entry = with_version(filled(), version("1.2.0"), "abcdef" + "2" * 58)
    with pytest.raises(InvalidReferenceError, match=r"1\.1\.0, 1\.2\.0"):
        entry.select("sha256:abcdef")


def test_a_version_never_changes():
    with pytest.raises(ExistsError):
        with_version(filled(), version("1.0.0"), "cd" * 32)
    with pytest.raises(ExistsError):
        with_version(filled(), version("2.0.0", kind="dataset"), "cd" * 32)
    replaced = with_version(filled(), version("1.0.0"), "cd" * 32, replace=True)
    assert replaced.versions["1.0.0"].digest == "cd" * 32
    assert filled().versions["1.0.0"].digest == "ab" * 32


def test_they_are_read_back_as_written():
    assert parse_page(page_bytes("m", filled()), "m", "m.json") == filled()
    assert parse_names(names_bytes({"m", "other"}), "index.json") == {"m", "other"}


@given(st.integers(0), st.integers(0, 7))
@example(0, 0)
def test_no_changed_bit_is_believed(position, bit):
    for data in (page_bytes("m", filled()), names_bytes({"m", "other"})):
        changed = bytearray(data)
        changed[position % len(data)] ^= 1 << bit
        with pytest.raises((IntegrityError, IncompatibleError)):
            parse_page(bytes(changed), "m", "m.json")
        with pytest.raises((IntegrityError, IncompatibleError)):
            parse_names(bytes(changed), "index.json")


def test_a_page_of_another_name_is_refused():
    with pytest.raises(IntegrityError, match="another name"):
        parse_page(page_bytes("m", filled()), "n", "n.json")


def test_an_alias_that_looks_like_a_version_is_refused():
    content = json.loads(page_bytes("m", filled()))
    content.pop("checksum")
    for aliases in ({"1.0.0": "1.1.0"}, {"latest": "9.9.9"}, {"Latest": "1.0.0"}):
        with pytest.raises(IntegrityError, match="alias"):
            parse_page(sealed({**content, "aliases": aliases}), "m", "m.json")


def test_a_newer_format_is_refused():
    with pytest.raises(IncompatibleError, match="reads only up to 2") as refused:
        parse_names(sealed({"format": 3, "names": []}), "index.json")
    assert "Update" in refused.value.hint
    with pytest.raises(IncompatibleError, match="reads only up to 2"):
        parse_page(sealed({"format": 3}), "m", "m.json")


def test_a_format_number_that_has_changed_is_damage():
    """Whatever writes a newer format seals it, too."""
    page, names = page_bytes("m", filled()), names_bytes({"m"})
    with pytest.raises(IntegrityError, match="checksum"):
        parse_page(page.replace(b'"format":2', b'"format":3'), "m", "m.json")
    with pytest.raises(IntegrityError, match="checksum"):
        parse_names(names.replace(b'"format":2', b'"format":3'), "index.json")


row = st.fixed_dictionaries(
    {"digest": st.sampled_from(["a" * 64, "x", 3]), "size": st.sampled_from([1, "1", True])}
)
entry = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["model", 1]),
        "description": st.sampled_from(["", None]),
        "versions": st.dictionaries(st.sampled_from(["1.0.0", "x"]), row | st.none(), max_size=2),
        "aliases": st.dictionaries(st.just("latest"), st.sampled_from(["1.0.0", "2.0.0", []])),
    }
)


@given(st.dictionaries(st.sampled_from(["m", "M"]), entry | st.integers(), max_size=2))
def test_any_names_are_an_index_of_format_1_or_refused(names):
    try:
        index = parse_index_1(json.dumps({"format": 1, "names": names}).encode(), "index.json")
    except IntegrityError:
        return
    assert all(entry.select("1.0.0") == "1.0.0" for entry in index.values())


def test_a_key_that_stands_twice_is_refused():
    page = '{"format": 1, "names": {}, "names": {"m": {}}}'
    with pytest.raises(IntegrityError, match="duplicate key"):
        parse_index_1(page.encode(), "index.json")
