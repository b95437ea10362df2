"""Files that would take for ever, or all the memory: refused by stated limits, before parsing."""

import os
import resource
import time
from contextlib import suppress
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import DataError
from hub.structures.files import expand_patterns, iterate_file
from hub.structures.formats import xyz_frames
from hub.structures.formats.extxyz import iterate_extxyz

ATOM = "H 0 0 0\n"


def refusal(path, text):
    path.write_text(text)
    began = time.monotonic()
    with pytest.raises(DataError) as failure:
        list(iterate_file(path))
    assert time.monotonic() - began < 5
    assert len(failure.value.message) < 600 + len(str(path))
    assert str(path) in failure.value.message
    return failure.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\n" + "x" * 20_000_000 + f"\n{ATOM}", "line 2 has more than 500,000 characters"),
        ("1\n\nH" + " 0" * 500_000, "line 3 has more than"),
        (f"1\nProperties=species:S:1:pos:R:1000000000\n{ATOM}", "more than 10,000 columns"),
        (f"1\n Properties = 'species:S:1:pos:R:10001'\n{ATOM}", "more than 10,000 columns"),
        ("1000000000000\n\n" + ATOM, "more than 10,000,000 atoms"),
        ("9" * 6000 + "\n\n" + ATOM, "expected a number of atoms"),
        ("-3\n\n" + ATOM, "expected a number of atoms"),
        (
            f"1\nProperties=species:S:1:pos:R:{'9' * 5000}\n{ATOM}",
            "expected names, types and numbers",
        ),
        (f"1\nProperties=species:S:1:pos:R:-5\n{ATOM}", "expected names, types and numbers"),
        (f"1\nProperties=5\n{ATOM}", "expected names, types and numbers"),
    ],
    ids=range(10),
)
def test_hostile_structures_are_refused(tmp_path, text, said):
    assert said in refusal(tmp_path / "a.xyz", text)


@pytest.mark.parametrize("piece", ["x", "a=[[", "a={", 'a="', "a='", '"', "a= ", "[", "a=[ "])
def test_no_comment_takes_long_to_read(tmp_path, piece):
    path = tmp_path / "a.xyz"
    path.write_text("1\n" + piece * (400_000 // len(piece)) + f"\n{ATOM}")
    began = time.monotonic()
    with suppress(DataError):
        list(iterate_file(path))
    assert time.monotonic() - began < 20


def test_a_structure_has_a_largest_size(tmp_path, monkeypatch):
    monkeypatch.setattr(xyz_frames, "LARGEST_STRUCTURE", 1000)
    assert "more than 1,000 characters" in refusal(tmp_path / "a.xyz", "200\n\n" + ATOM * 200)


def test_a_comment_without_end_takes_no_memory(tmp_path):
    path = tmp_path / "a.xyz"
    with path.open("wb") as file:
        file.write(b"1\n")
        file.truncate(2_000_000_000)  # zeros, which take no space
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="line 2 has more than"):
        list(iterate_file(path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_many_columns_are_read(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("1\nProperties=species:S:1:pos:R:3:soap:R:5000\nH" + " 0.5" * 5003 + "\n")
    (atoms,) = iterate_file(path)
    assert atoms.arrays["soap"].shape == (1, 5000)


@given(st.text("01 \n-=\"'[]{}:,HPropertisLac9.\t", max_size=200))
def test_any_text_is_structures_or_an_error(text):
    # `iterate_file` makes whatever ASE runs into an error of ours.
    with suppress(Exception):
        for atoms in iterate_extxyz(StringIO(text)):
            assert 0 <= len(atoms) <= xyz_frames.MOST_ATOMS


def test_neither_a_device_nor_a_pipe_without_a_writer_is_waited_for(tmp_path):
    with pytest.raises(DataError, match="a device"):
        expand_patterns("/dev/zero")
    os.mkfifo(tmp_path / "a.xyz")
    (copy,) = expand_patterns(tmp_path / "a.xyz")
    with pytest.raises(DataError, match="empty"):
        list(iterate_file(copy))
