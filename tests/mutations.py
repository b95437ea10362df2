"""Documents with something changed, as damage or malice would: for the tests of what reads them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.errors import RegistryError

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 1000, 10_000_000, 2**63, 10**400])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "\0", "\ud800", "kcal/mol", "~nobody-of-that-name", "../..", "x" * 5000])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def mutated(draw: Callable[..., Any], valid: Any) -> Any:
    """Draw a copy of a document in which one to three values are others, more or fewer."""
    content = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(_containers(content)) or [None]))
        if place is None:
            return draw(VALUES)
        if isinstance(place, dict):
            key = draw(st.sampled_from(sorted(place)) | st.text(max_size=5))
        else:
            key = draw(st.integers(0, len(place) - 1))
        if draw(st.booleans()) and (isinstance(place, list) or key in place):
            place.pop(key)
        else:
            place[key] = draw(VALUES)
    return content


@st.composite
def mutated_json(draw: Callable[..., Any], valid: Any) -> bytes:
    """Draw the bytes of a changed document: other values, a key twice, bytes changed or cut off."""
    data = json.dumps(draw(mutated(valid) | st.just(valid))).encode()
    how = draw(st.sampled_from(["whole", "whole", "cut", "changed", "doubled"]))
    if how == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if how == "changed":
        place = draw(st.integers(0, len(data) - 1))
        return data[:place] + draw(st.binary(min_size=1, max_size=2)) + data[place + 1 :]
    if how == "doubled":
        return data.replace(b"{", b'{"format": 1, ', 1)
    return data


def outcome(read: Callable[[], Any], error: type[RegistryError], named: object) -> Any:
    """Return what is read, or None if it is refused by an error that names the place."""
    try:
        return read()
    except error as refusal:
        message = refusal.message
    assert str(named) in message
    return None


def _containers(content: Any) -> Any:
    if isinstance(content, dict | list) and content:
        yield content
        for value in content.values() if isinstance(content, dict) else content:
            yield from _containers(value)
