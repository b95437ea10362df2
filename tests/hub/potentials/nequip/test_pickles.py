"""Pickles: what they describe is found, and nothing of it is executed, whatever they hold."""

from __future__ import annotations

import os
import pickle
import struct
import tracemalloc
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.potentials.nequip import pickles
from hub.potentials.nequip.pickles import External, Made, Name, read_pickle
from registry.documents import MalformedError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.text() | st.binary(max_size=300)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.tuples(inner)
    | st.lists(inner, max_size=6).map(tuple)
    | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=30,
)  # fmt: skip


@given(PLAIN)
def test_plain_values_are_read_as_they_are(value):
    assert read_pickle(pickle.dumps(value, protocol=3)) == value


class Thing:
    def __init__(self, size):
        self.size = size


def test_objects_are_described():
    found = read_pickle(pickle.dumps([Thing(3), OrderedDict(one=1), slice(1, 2, None), len], 3))
    thing, ordered, part, function = found
    assert isinstance(thing, Made)
    assert thing.maker == Name(__name__, "Thing")
    assert (thing.arguments, thing.state) == ((), {"size": 3})
    assert (str(ordered.maker), ordered.entries) == ("collections.OrderedDict", {"one": 1})
    assert (str(part.maker), part.arguments) == ("builtins.slice", (1, 2, None))
    assert function == Name("builtins", "len")


def test_what_lies_outside_is_referred_to():
    class Pickler(pickle.Pickler):
        def persistent_id(self, found):
            return ("storage", 7) if isinstance(found, Thing) else None

    import io

    file = io.BytesIO()
    Pickler(file, protocol=3).dump([Thing(1), 5])
    outside, five = read_pickle(file.getvalue())
    assert isinstance(outside, External)
    assert (outside.reference, five) == (("storage", 7), 5)


def test_a_value_may_contain_itself():
    endless = []
    endless.append(endless)
    found = read_pickle(pickle.dumps(endless, protocol=3))
    assert found[0] is found


class Planted:
    def __init__(self, make):
        self.make = make

    def __reduce__(self):
        return self.make


def test_nothing_is_executed(tmp_path):
    mark = tmp_path / "executed"
    for make in ((os.system, (f"touch {mark}",)), (exec, (f"open({str(mark)!r}, 'w')",))):
        found = read_pickle(pickle.dumps([Planted(make)], protocol=3))
        assert isinstance(found[0], Made)
        assert found[0].arguments == make[1]
    read_pickle(b"cantigravity\nfly\n.")  # importing that opens a browser
    assert not mark.exists()


SOUND = pickle.dumps({"a": [Thing(3), (1, 2.5, None)], "b": OrderedDict(x=b"12")}, protocol=3)


@given(st.binary(max_size=200) | st.data())
def test_any_bytes_are_read_or_refused(data):
    if not isinstance(data, bytes):
        place = data.draw(st.integers(0, len(SOUND) - 1))
        data = SOUND[:place] + data.draw(st.binary(max_size=4)) + SOUND[place + 1 :]
    try:
        read_pickle(data)
    except MalformedError as refusal:
        assert len(str(refusal)) < 300


@given(st.integers(0, len(SOUND) - 2))
def test_what_is_cut_off_is_refused(length):
    with pytest.raises(MalformedError):
        read_pickle(SOUND[:length])


HUGE = struct.pack("<Q", 2**40)
BOMBS = {
    "bytes": b"\x80\x03B\xff\xff\xff\x7fabc.",
    "bytes of another protocol": b"\x80\x04\x8e" + HUGE + b"abc.",
    "a byte array": b"\x80\x05\x96" + HUGE + b"abc.",
    "text": b"\x80\x03X\xff\xff\xff\x7fabc.",
    "a number": b"\x80\x03\x8b\xff\xff\xff\x7f" + b"\xff" * 1000 + b".",
    "a number in digits": b"\x80\x03I" + b"9" * 1_000_000 + b"\n.",
    "a nested tuple as a key": b"\x80\x03})" + b"\x85" * 150_000 + b"Ns.",
    "a nested tuple as a member of a set": b"\x80\x04\x8f(" + b")" + b"\x85" * 150_000 + b"\x90.",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused(bomb):
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError):
            read_pickle(BOMBS[bomb])
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_a_place_in_the_memory_that_is_far_away_takes_none():
    tracemalloc.start()
    try:
        assert read_pickle(b"\x80\x03Nr\xff\xff\xff\x7f.") is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_what_is_deeply_nested_is_let_go():
    found = read_pickle(b"\x80\x03)" + b"\x85" * 150_000 + b".")
    assert len(found) == 1
    del found


def test_the_steps_are_limited(monkeypatch):
    monkeypatch.setattr(pickles, "MOST_STEPS", 10)
    with pytest.raises(MalformedError, match="after so many"):
        read_pickle(SOUND)
