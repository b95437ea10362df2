import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import (
    ExistsError,
    IncompatibleError,
    IntegrityError,
    InvalidReferenceError,
)
from registry.index import Index, parse_index
from registry.manifest import FileEntry, Manifest


def version(number, kind="model"):
    files = (FileEntry("w", 3, "a" * 64),)
    return Manifest(kind, "m", number, files, {"description": f"the {number}"})


def filled():
    index = Index()
    index.add(version("1.0.0"), "ab" * 32, aliases=("latest",))
    index.add(version("1.1.0"), "abcdef" + "1" * 58)
    return index


def test_selection():
    entry = filled().entries["m"]
    assert entry.select("") == entry.select("latest") == "1.0.0"
    assert entry.select("1.1.0") == "1.1.0"
    assert entry.select("sha256:abcdef") == "1.1.0"
    assert entry.select("2.0.0") is entry.select("nightly") is entry.select("sha256:ffffff") is None
    assert entry.newest == "1.1.0"
    assert entry.description == "the 1.1.0"


def test_a_prefix_that_fits_two_versions_is_refused():
    index = filled()
    index.add(version("1.2.0"), "abcdef" + "2" * 58)
    with pytest.raises(InvalidReferenceError, match=r"1\.1\.0, 1\.2\.0"):
        index.entries["m"].select("sha256:abcdef")


def test_a_version_never_changes():
    with pytest.raises(ExistsError):
        filled().add(version("1.0.0"), "cd" * 32)
    with pytest.raises(ExistsError):
        filled().add(version("2.0.0", kind="dataset"), "cd" * 32)


def test_removal_takes_aliases_along():
    index = filled()
    index.remove("m", "1.0.0")
    assert index.entries["m"].aliases == {}
    index.remove("m", "1.1.0")
    assert index.entries == {}


def test_it_is_read_back_as_written():
    assert parse_index(filled().to_bytes()) == filled()


def test_a_newer_format_is_refused():
    with pytest.raises(IncompatibleError):
        parse_index(b'{"format": 2, "names": {}}')


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
def test_any_names_are_an_index_or_refused(names):
    try:
        index = parse_index(json.dumps({"format": 1, "names": names}).encode())
    except IntegrityError:
        return
    assert all(entry.select("1.0.0") == "1.0.0" for entry in index.entries.values())
