"""Whatever is written as a condition chooses structures, or is refused with a reason."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.datasets.conditions import evaluate
from hub.errors import DataError


class Columns:
    """Three structures with a number and a text each."""

    name = "three"
    pointers = np.array([0, 2, 5, 9])

    def __init__(self):
        self.structure_extras = {"density": {}, "run": {}}

    def column(self, name):
        return {"density": np.array([1.0, 2.0, np.nan]), "run": np.array(["a", "b", ""])}[name]

    def __len__(self):
        return 3


PIECES = st.sampled_from(
    [
        "density",
        "run",
        "n_atoms",
        "'a'",
        "2.0",
        "1e999",
        "-",
        "+",
        "**",
        "==",
        ">=",
        "<",
        "and",
        "or",
        "not",
        "(",
        ")",
        "in",
        "[",
        "]",
        ",",
        "lambda:",
        "__import__('os')",
        ".",
        "\x00",
        "\n",
        "é",
    ]
)


@settings(deadline=timedelta(seconds=2))
@given(st.lists(PIECES, max_size=30).map(" ".join) | st.text(max_size=100))
def test_any_text_chooses_or_is_refused(condition):
    try:
        chosen = evaluate(condition, Columns())
    except DataError:
        return
    assert chosen.dtype == np.bool_
    assert chosen.shape == (3,)


def test_what_is_nested_too_deep_is_refused():
    with pytest.raises(DataError):
        evaluate("(" * 1500 + "1" + ")" * 1500, Columns())


def test_what_is_too_long_is_refused_and_never_cut():
    long = " or ".join(["density > 1"] * 400)
    with pytest.raises(DataError, match="characters"):
        evaluate(long, Columns())
    assert evaluate("density > 1 or run == 'a'", Columns()).tolist() == [True, True, False]
